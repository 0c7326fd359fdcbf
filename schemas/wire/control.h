/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What user space tells the kernel side: the configuration block, the rules by
 * name and by system call. The values are decided in TypeScript, from the
 * validated configuration; nothing here has a default of its own.
 */
#ifndef SLT_WIRE_CONTROL_H
#define SLT_WIRE_CONTROL_H

#include "account.h"
#include "probe.h"

/*
 * Numbers of system calls: those of the 64-bit table from 0, those of the 32-bit
 * table (int 0x80 on x86) from SLT_SYSCALLS_COMPAT. What does not fit is not recorded.
 */
#define SLT_SYSCALLS_COMPAT 512
#define SLT_SYSCALLS_MAX 1024

/* Element 0 of the map `control`. May change at any time. */
struct slt_control {
	/* Grows by one with each reload; a span keeps the one of its start. */
	__u32 generation;
	__u32 filter_users;   /* not 0: only users in the map `users_allowed` */
	__u32 filter_cgroups; /* not 0: only cgroups (v2 ids) in `cgroups_allowed`, and those below them */
	__u32 spans_per_second_process;
	__u32 spans_per_second_user;
	__u32 spans_open_process;
	__u32 spans_open_user;
	__u32 capture; /* enum slt_capture_mode, of a process that user space has not judged yet */
	__u64 bytes_per_second_process; /* of the ring */
	__u64 bytes_per_second_user;
	/* The lowest threshold of any rule: of a process that has none of its own yet. */
	__u64 threshold_ns;
	__u64 threshold_before_ns; /* … one generation earlier */
	__u64 threshold_highest_ns; /* the highest of any rule, of this generation and the one before */
	/* When the tracepoints of scheduling were attached; 0: they are not. */
	__u64 attached_ns;
	/* … and those of system calls. */
	__u64 calls_attached_ns;
	/* A call that took this long has its descriptor looked at. */
	__u64 detail_ns;
	/* Slots that one process and one user may hold at a time; those of open spans stand above. */
	__u32 processes_user;
	__u32 threads_process;
	__u32 threads_user;
	__u32 parts_process;
	__u32 parts_user;
	__u32 reserved_slots;
};

/* Key of the map `thresholds`. */
struct slt_operation {
	__u32 tgid;
	__u32 resource;
	char name[SLT_NAME_BYTES]; /* padded with zero */
};

struct slt_threshold {
	__u32 generation;
	__u32 reserved;
	__u64 threshold_ns;        /* for spans that started in this generation or later */
	__u64 threshold_before_ns; /* for those that started before */
};

/* slt_syscall_rule.flags */
enum slt_syscall_flag {
	SLT_SYSCALL_RECORD = 0x01, /* of interest to the user: totals and single calls */
	SLT_SYSCALL_TAKES_FD = 0x02, /* arg 0 is a descriptor */
};

/* Element of the map `syscalls`, by number. */
struct slt_syscall_rule {
	__u8 flags;
	__u8 wait; /* enum slt_wait */
	__u8 reserved[2];
};

/* Key of the map `open_spans`, whose value is struct slt_open_span of the BPF programs' own. */
struct slt_span_key {
	__u8 span_id[SLT_SPAN_ID_BYTES];
	__u64 process_start_ns;
	__u32 tgid;
	__u32 reserved;
};

/*
 * Element of the map `captures`, by process slot. Set by the first probe hit from
 * slt_control.capture, by user space from then on.
 */
struct slt_capture {
	__u32 mode; /* enum slt_capture_mode */
	__u32 escalated; /* not 0: `all` for a while, because it was slow */
	__u64 since_ns;
};

/*
 * Element of the map `runtimes`, by process slot: what user space found out about
 * a process's language runtime. All zero: nothing yet.
 */
struct slt_runtime {
	__u64 low; /* its own futex words lie from low … */
	__u64 high; /* … to below high */
	__u64 known_since_ns;
};

#endif
