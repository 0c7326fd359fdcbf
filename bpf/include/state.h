/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state that the programs keep, and the rules by which they share it.
 *
 * Thread slot. `account`, `state` and the open interval are written by the
 * tracepoints alone: system-call entry and exit and switch-out run on the
 * thread, switch-in and wake-up while it is off the CPU, so the scheduler puts
 * them in order and none of them can interrupt another for the same thread.
 * `seq` is odd while they write. The probes (uprobe programs) run on the thread
 * itself but can be preempted, that is, a switch-out and switch-in may happen in the middle of
 * one: therefore they never write what the tracepoints write. They read the
 * account, with the open interval added (thread_account_read), and
 * keep in `seen` how much of it has been handed to parts.
 *
 * Part: what one thread did for one span. Written by the owner only: the account
 * by its probes at each change of context, the calls by its system-call exits, the waits by its
 * switches in, while it is the thread's current part. Whoever ends the span, and nobody else,
 * frees them; a thread that still has one as its current part finds that it is
 * not the owner any more, and lets go of it.
 *
 * Span slot: found by key in `open_spans`. Whoever deletes the key ends the
 * span, so it ends once. `active` counts the threads that work for it and its open children that
 * a thread worked for.
 */
#ifndef SLT_BPF_STATE_H
#define SLT_BPF_STATE_H

#include "kernel.h"

#include "../../schemas/wire/control.h"
#include "../../schemas/wire/record.h"

/* slt_thread.state */
enum {
	SLT_THREAD_ON_CPU,
	SLT_THREAD_OFF_CPU, /* since `since`, in off_class */
	SLT_THREAD_WOKEN,   /* runnable since `since` after a sleep */
};

struct slt_thread {
	__u32 tid;
	__u32 tgid;
	__u32 process; /* index in processes */
	__u32 part;    /* index + 1 of the part that it works in; 0: for no span */
	__u32 seq;
	__u8 state;
	__u8 off_class;
	__u16 call;    /* number + 1 of the system call that it is in; 0: in none, or not known */
	__u16 wait_call; /* the call that it slept in last, as `call`: restart_syscall(2) goes on with it */
	__u8 calls_seen; /* each of its system calls is seen, so that `call` is known at all times */
	__u8 waiting;  /* it sleeps in `call`, which the switch has named */
	__u32 lost;    /* switches that were not seen */
	__u32 call_fd; /* the descriptor that the call slept on … */
	__u32 call_fd_kind; /* … and its kind; SLT_FD_UNSEEN: it did not sleep on one */
	__u64 since;   /* start of the open interval */
	__u64 epoch;   /* slt_control.attached_ns when it was last known to run */
	__u64 call_entered; /* waiting: when it fell asleep */
	__u64 call_blocked;
	__u64 call_runqueue;
	__u64 call_args[4];
	__u64 account[SLT_THREAD_CLASSES];
	__u64 seen[SLT_THREAD_CLASSES]; /* of account: already in parts, or spent for no span */
	__u64 reading[SLT_THREAD_CLASSES]; /* scratch of the thread's own probes: account and the open interval */
};

/* slt_part.state */
enum {
	SLT_PART_FREE,
	SLT_PART_IDLE,    /* its owner works for something else */
	SLT_PART_WORKING, /* its owner works in it */
};

struct slt_part {
	__u32 state;
	__u32 owner; /* thread slot: index + 1 */
	__u32 span;  /* span slot: index + 1 */
	__u32 slowest_at; /* the shortest of the slowest: the next to be replaced */
	__u32 reserved;
	__u32 lost_before; /* thread's lost switches when it joined last */
	__u64 slowest_floor; /* its duration, once they are full */
	__u8 index[SLT_TOTALS_INDEX]; /* hash of (number, errno): position + 1 in totals */
	struct slt_record_part record;
	struct slt_record_calls slowest;
	struct slt_record_calls latest; /* calls[record.calls % SLT_CALLS_MAX] is the next to be written */
};

#define SLT_SPAN_PARTS 16 /* threads of one span that are told apart */

struct slt_span_slot {
	struct slt_span_key key;
	__u32 process; /* index in processes */
	__u32 parent;  /* span slot: index + 1; 0: not in this process */
	__u32 active;
	__u32 counted_by_parent;
	__u32 starter; /* thread slot: index + 1 */
	__u32 idle_thread; /* thread slot + 1 of who left last (or started it); 0: not known */
	__u64 active_since;
	__u64 idle_since;
	__u64 idle_mark; /* what idle_thread had spent in its event loop's wait by then */
	__u64 starter_account[SLT_THREAD_CLASSES];
	__u64 reading[SLT_THREAD_CLASSES]; /* scratch of whoever ends it: another thread's account */
	__u32 parts[SLT_SPAN_PARTS]; /* index + 1 */
	struct slt_record_span record;
};

struct slt_rate {
	__u64 second; /* start of the current window */
	__u32 spans;
	__u32 reserved;
	__u64 bytes;
};

struct slt_process {
	__u32 tgid;
	__u32 uid;
	__u64 start_ns;
	__u64 cgroup_id;
	__u64 resources_sent; /* bit n: resource n */
	__u32 open_spans;
	__u32 ended; /* the process is gone: user space frees the slot */
	struct slt_rate rate;
	__u64 exec_id; /* task_struct.self_exec_id: another one is another program */
};

struct slt_user {
	__u32 open_spans;
	__u32 reserved;
	struct slt_rate rate;
};

#define SLT_TIDS_IN_BLOCK 64

/* Thread slots (index + 1) by thread number; number / 64 is the key. */
struct slt_tid_block {
	__u16 slot[SLT_TIDS_IN_BLOCK];
};

#endif
