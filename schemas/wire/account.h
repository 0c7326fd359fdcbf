/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The classes that a span's wall time is divided into. The names in evidence
 * are in schemas/evidence; the TypeScript constants are generated from here.
 */
#ifndef SLT_WIRE_ACCOUNT_H
#define SLT_WIRE_ACCOUNT_H

#include "probe.h"

/*
 * Types that the decoder tells apart from a plain __u64: a length of time and a
 * number of things fit into a double without loss; a point in time, an argument or a serial number
 * does not, and becomes a bigint.
 */
typedef __u64 slt_duration_ns;
typedef __u64 slt_count;

/* What a thread that works for a span does. Each thread is in exactly one class at a time. */
enum slt_class {
	SLT_CLASS_ON_CPU_USER,
	SLT_CLASS_ON_CPU_KERNEL, /* inside a system call */
	SLT_CLASS_ON_CPU_ANY,    /* inside or outside: its system calls are not traced */
	SLT_CLASS_RUNQUEUE_PREEMPTED,
	SLT_CLASS_RUNQUEUE_WOKEN,
	SLT_CLASS_RUNQUEUE_YIELDED,
	SLT_CLASS_BLOCKED_LOCK,
	SLT_CLASS_BLOCKED_RUNTIME, /* a futex word proved to belong to the language's runtime */
	SLT_CLASS_BLOCKED_DISK,
	SLT_CLASS_BLOCKED_NET,
	SLT_CLASS_BLOCKED_POLL,
	SLT_CLASS_BLOCKED_IPC,
	SLT_CLASS_BLOCKED_SLEEP,
	SLT_CLASS_BLOCKED_CHILD,
	SLT_CLASS_BLOCKED_PAGE_FAULT,
	SLT_CLASS_BLOCKED_MEMORY, /* in reclaim, or another stall for want of memory */
	SLT_CLASS_BLOCKED_OTHER,
	SLT_CLASS_STOPPED, /* stopped, traced or frozen */
	SLT_THREAD_CLASSES,

	/* No thread works for the span. Of the span, not of a thread. */
	SLT_CLASS_AWAITING_LOOP_BUSY = SLT_THREAD_CLASSES, /* the thread that resumed it worked for others */
	SLT_CLASS_AWAITING_IDLE,                           /* that thread waited in its event loop */
	SLT_CLASS_AWAITING_OTHER,                          /* another thread resumed it */
	SLT_CLASSES,
};

/* What is recorded of the system calls of a process. */
enum slt_capture_mode {
	SLT_CAPTURE_BLOCKING, /* those that sleep, named at the switch: a record is a wait */
	SLT_CAPTURE_ALL,      /* each, from its entry to its exit */
};

/* How the class of a sleep inside a system call is found. In the low bits of slt_syscall_rule.wait. */
enum slt_wait {
	SLT_WAIT_OTHER,
	SLT_WAIT_FUTEX,    /* arg 0 is the futex word: lock, or runtime where it is proved */
	SLT_WAIT_FD,       /* by the kind of the descriptor in arg 0 */
	SLT_WAIT_POLL_SET, /* arg 0 points to struct pollfd, arg 1 is their number */
	SLT_WAIT_SELECT,   /* arg 0 is nfds: none is a sleep */
	SLT_WAIT_EPOLL,
	SLT_WAIT_DISK,
	SLT_WAIT_NET,
	SLT_WAIT_IPC,
	SLT_WAIT_SLEEP,
	SLT_WAIT_CHILD,
	SLT_WAIT_LOCK,
	SLT_WAIT_YIELD,
};

/* Kinds of descriptors. */
enum slt_fd_kind {
	SLT_FD_UNSEEN, /* not looked at */
	SLT_FD_FILE,
	SLT_FD_DIRECTORY,
	SLT_FD_BLOCK_DEVICE,
	SLT_FD_CHARACTER_DEVICE,
	SLT_FD_PIPE,
	SLT_FD_TCP,
	SLT_FD_UDP,
	SLT_FD_UNIX_SOCKET,
	SLT_FD_OTHER_SOCKET,
	SLT_FD_EVENTFD,
	SLT_FD_TIMERFD,
	SLT_FD_EPOLL,
	SLT_FD_SIGNALFD,
	SLT_FD_INOTIFY,
	SLT_FD_OTHER,
	SLT_FD_BAD, /* no such descriptor */
	SLT_FD_KINDS,
};

#endif
