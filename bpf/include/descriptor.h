/* SPDX-License-Identifier: GPL-2.0-only */
/* What a descriptor of a task is; task NULL: of the current one. */
#ifndef SLT_BPF_DESCRIPTOR_H
#define SLT_BPF_DESCRIPTOR_H

#include "maps.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

enum {
	S_IFMT = 0170000,
	S_IFSOCK = 0140000,
	S_IFREG = 0100000,
	S_IFBLK = 0060000,
	S_IFDIR = 0040000,
	S_IFCHR = 0020000,
	S_IFIFO = 0010000,
};
enum {
	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
};

static __always_inline struct file *descriptor_file(struct task_struct *task, __u32 fd)
{
	struct file **array, *file = 0;
	struct fdtable *table;

	if (!task)
		task = (struct task_struct *)bpf_get_current_task();
	table = BPF_CORE_READ(task, files, fdt);
	if (!table || fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	array = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), array + fd);
	return file;
}

static __always_inline __u32 socket_kind(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 type = BPF_CORE_READ(sk, sk_type);

	if (family == AF_UNIX)
		return SLT_FD_UNIX_SOCKET;
	if (family == AF_INET || family == AF_INET6) {
		if (type == SOCK_STREAM)
			return SLT_FD_TCP;
		if (type == SOCK_DGRAM)
			return SLT_FD_UDP;
	}
	return SLT_FD_OTHER_SOCKET;
}

static __always_inline struct sock *file_sock(struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);

	return socket ? BPF_CORE_READ(socket, sk) : 0;
}

#define FIRST_EIGHT(a, b, c, d, e, f, g, h)                                                                  \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |             \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/*
 * Anonymous inodes (fs/anon_inodes.c) have no type of their own; the name that
 * the kernel gave the file does tell them apart, and is what /proc/pid/fd shows.
 */
static __always_inline __u32 anonymous_kind(struct file *file)
{
	const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	__u64 begins = 0;

	bpf_probe_read_kernel(&begins, sizeof(begins), name);
	switch (begins) {
	case FIRST_EIGHT('[', 'e', 'v', 'e', 'n', 't', 'f', 'd'):
		return SLT_FD_EVENTFD;
	case FIRST_EIGHT('[', 't', 'i', 'm', 'e', 'r', 'f', 'd'):
		return SLT_FD_TIMERFD;
	case FIRST_EIGHT('[', 'e', 'v', 'e', 'n', 't', 'p', 'o'):
		return SLT_FD_EPOLL;
	case FIRST_EIGHT('[', 's', 'i', 'g', 'n', 'a', 'l', 'f'):
		return SLT_FD_SIGNALFD;
	case FIRST_EIGHT('i', 'n', 'o', 't', 'i', 'f', 'y', 0):
		return SLT_FD_INOTIFY;
	}
	return SLT_FD_OTHER;
}

static __always_inline __u32 file_kind(struct file *file)
{
	__u16 format = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;
	struct sock *sk;

	switch (format) {
	case S_IFREG:
		return SLT_FD_FILE;
	case S_IFDIR:
		return SLT_FD_DIRECTORY;
	case S_IFIFO:
		return SLT_FD_PIPE;
	case S_IFBLK:
		return SLT_FD_BLOCK_DEVICE;
	case S_IFCHR:
		return SLT_FD_CHARACTER_DEVICE;
	case S_IFSOCK:
		sk = file_sock(file);
		return sk ? socket_kind(sk) : SLT_FD_OTHER_SOCKET;
	}
	return anonymous_kind(file);
}

static __always_inline __u32 descriptor_kind(struct task_struct *task, __u32 fd)
{
	struct file *file = descriptor_file(task, fd);

	return file ? file_kind(file) : SLT_FD_BAD;
}

/* Fills the fd_* members of a call, and the peer of a TCP or UDP socket. */
static __always_inline void descriptor_describe(struct task_struct *task, struct slt_call *call, __u32 fd)
{
	struct file *file = descriptor_file(task, fd);
	struct sock *sk;
	__u16 family;

	call->fd = fd;
	if (!file) {
		call->fd_kind = SLT_FD_BAD;
		return;
	}
	call->fd_kind = file_kind(file);
	call->fd_inode = BPF_CORE_READ(file, f_inode, i_ino);
	call->fd_device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	if (call->fd_kind != SLT_FD_TCP && call->fd_kind != SLT_FD_UDP)
		return;
	sk = file_sock(file);
	if (!sk)
		return;
	call->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	call->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == AF_INET) {
		__be32 address = BPF_CORE_READ(sk, __sk_common.skc_daddr);

		if (address) {
			call->remote_address[10] = 0xff;
			call->remote_address[11] = 0xff;
			__builtin_memcpy(&call->remote_address[12], &address, sizeof(address));
		}
	} else {
		BPF_CORE_READ_INTO(&call->remote_address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
}

#endif
