/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types that the programs read, each with only the members that
 * are used: CO-RE finds the real offsets at load time. A type with a suffix
 * ___name is the same type as another kernel has it.
 */
#ifndef SLT_BPF_KERNEL_H
#define SLT_BPF_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;

enum {
	false = 0,
	true = 1,
};

/* UAPI numbers (linux/bpf.h), which never change. */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};
enum {
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_F_MMAPABLE = 1 << 10,
};
enum {
	BPF_RB_FORCE_WAKEUP = 2,
};

/* The context of a raw tracepoint. */
struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	long unsigned int r10, r9, r8, bx, cx, dx, si, di, orig_ax, ax, ip;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
};
#else
#error "no register layout for this architecture"
#endif

struct super_block {
	__u32 s_dev;
};

struct inode {
	__u16 i_mode;
	__u64 i_ino;
	struct super_block *i_sb;
};

struct sock_common {
	__u16 skc_family;
	__u16 skc_num;   /* local port, host order */
	__be16 skc_dport;
	__be32 skc_daddr;
	struct {
		union {
			__u8 u6_addr8[16];
		} in6_u;
	} skc_v6_daddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
};

struct socket {
	struct sock *sk;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct sched_entity {
	unsigned char sched_delayed; /* from 6.12 */
};

struct signal_struct {
	struct {
		int counter;
	} live;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct thread_info {
	__u32 status; /* x86: TS_COMPAT while in a system call of the 32-bit table */
};

struct timespec64 {
	__s64 tv_sec;
	long int tv_nsec;
};

struct timens_offsets {
	struct timespec64 monotonic;
};

struct time_namespace {
	struct timens_offsets offsets;
};

struct trace_event_raw_sched_process_exit {
	bool group_dead; /* from 6.16, where the tracepoint comes before the thread gives its memory up */
};

struct nsproxy {
	struct time_namespace *time_ns; /* from 5.6 */
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state; /* from 5.14 */
	unsigned int flags;
	void *stack;
	unsigned in_memstall : 1; /* with CONFIG_PSI */
	unsigned in_iowait : 1;
	unsigned frozen : 1; /* by cgroup v2, from 5.2 */
	unsigned in_user_fault : 1; /* with CONFIG_MEMCG, from 6.12 CONFIG_MEMCG_V1 */
	int pid;
	int tgid;
	unsigned int on_rq; /* int; from 7.x one byte, and only an unsigned field may be read as what it is there */
	struct sched_entity se;
	__u64 start_boottime; /* from 5.5 */
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct files_struct *files;
	struct css_set *cgroups;
	struct nsproxy *nsproxy;
	__u64 self_exec_id; /* grows with each execve(2) */
};

struct task_struct___before_5_14 {
	volatile long state;
};

#pragma clang attribute pop

#endif
