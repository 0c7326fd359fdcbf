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
 * What the thread wrote into its journal instead of trapping is caught up with by its probes, and by its switch-out, which then does what
 * a probe would (journal.bpf.c). Not while a probe is under way (`in_probe`): that one has caught up itself.
 *
 * Part: what one thread did for one span. Written by the owner only: the account
 * by its probes, and when its journal is caught up with, at each change of context, the calls by its system-call exits and the waits by its switches in
 * while it is the thread's current part, and both by its probes when it ends a fast child of the span.
 * Whoever ends the span frees those in `parts`; a thread that still has one as its current part finds that it is
 * not the owner any more, and lets go of it. Two threads that join at one instant may take the same place in `parts`
 * (5.10 has no atomic exchange): the one that is not there any more is freed by its owner when it leaves, and the span says that
 * a thread was left out. What a process leaves behind user space frees.
 *
 * Span slot: found by key in `open_spans`. Whoever deletes the key ends the
 * span, so it ends once (span_take in probes.h says how it is known which span that was). `active` counts
 * the threads that work for it and its open children that a thread worked for.
 *
 * Thread slot, whose: a thread's own exit frees it (thread_gone). Where that was not seen, user space does
 * (release_thread), once the thread is not there any more or has another slot. Nobody else does, so it is freed once.
 *
 * Process and user slot: held as long as anything counts against them. User space alone frees a process slot
 * (release_process), when nothing of it is held any more; a user's goes with the last of its processes.
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

/* What stood in `open_spans`, held against the slot. */
struct slt_found_span {
	__u32 slot;
	__u32 enders;
	__u64 serial;
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
	__u64 switched_in; /* when it began to run last, as far as every switch since was seen: what it has told since then it told at once */
	__u64 epoch;   /* slt_control.attached_ns when it was last known to run */
	__u64 call_entered; /* waiting: when it fell asleep */
	__u64 call_blocked;
	__u64 call_runqueue;
	__u64 call_args[4];
	__u64 account[SLT_THREAD_CLASSES];
	__u64 seen[SLT_THREAD_CLASSES]; /* of account: already in parts, or spent for no span */
	__u64 reading[SLT_THREAD_CLASSES]; /* scratch of the thread's own probes, and where its journal is caught up with: account and the open interval */
	struct slt_found_span found; /* likewise: the span that it has told of; slot 0: it is not open */
	/* When it turned to what it works for now; where that was from the span in the slot left_span (index + 1), `seen` is its account of then, and left_lost what it had lost. */
	__u64 left_at;
	__u32 left_span;
	__u32 left_lost;
	__u64 journal; /* address in its process's memory; 0: it has none */
	__u64 registration; /* of the journal, while it is this thread's */
	__u64 caught_up_at; /* time of the latest entry that was looked at: the next is no earlier */
	__s64 clock_ahead; /* of the journal's clock, to ours */
	__u32 caught_up; /* number of the latest entry that was done */
	__u32 unseen; /* a switch of it was missed since its journal was caught up with: what it came to meanwhile is not whole */
	__u32 in_probe; /* a probe of the thread is under way */
	__u32 in_switch; /* its switch-out catches up, and holds the lock of the run queue: what takes long must wait */
	__s32 work_left; /* ends of spans, and parts of those, that are still done in it */
	__u64 known_since;
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
	__u32 process; /* index in processes: whom it counts against */
	__u32 lost_before; /* thread's lost switches when it joined last */
	__u64 slowest_floor; /* its duration, once they are full */
	__u32 place; /* in its span's parts */
	__u32 latest_made; /* calls that `latest` has ever held: those of fast children are not among them */
	__u8 index[SLT_TOTALS_INDEX]; /* hash of (number, errno): position + 1 in totals */
	struct slt_record_part record;
	struct slt_record_calls slowest;
	struct slt_record_calls latest; /* calls[latest_made % SLT_CALLS_MAX] is the next to be written */
};

#define SLT_SPAN_PARTS 16 /* threads of one span that are told apart */

/* Value of the map `open_spans`. */
struct slt_open_span {
	__u32 slot;   /* index + 1 */
	__u32 enders; /* the slot's `enders` when the span began */
};

struct slt_span_slot {
	struct slt_span_key key;
	__u32 process; /* index in processes */
	__u32 parent;  /* span slot: index + 1; 0: not in this process */
	__u32 active;
	__u32 counted_by_parent; /* how often: more than once where its first threads came at one instant */
	__u32 enders; /* how many have tried to end a span in this slot, ever */
	__u32 parts_made; /* more than there are at the end: two threads took one place */
	__u32 threads_left_out; /* that found no part; counted, for a flag would get lost where two set one */
	__u32 children_left_out; /* whose calls found no part */
	__u32 switches_missed; /* that its account would show, in gaps that became the starter's own; counted likewise */
	__u32 captured_otherwise; /* threads that came to it as yet accounted for by another capture; counted likewise */
	__u32 starter; /* thread slot: index + 1 */
	__u32 starter_lost; /* its `lost` at the start */
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
	/* Slots that it holds. */
	__u32 threads;
	__u32 parts;
	__u32 user;   /* its slot: index + 1 */
	__u32 untold; /* bit n: the record of type n did not find a place in the ring yet */
	/* The last generation (slt_control) in which the filter let it in, and held it back. One word each: threads may ask at once. */
	__u32 allowed_in;
	__u32 refused_in;
	__u64 ended_ns; /* when its latest thread exited, or it was found to have gone; 0: neither was seen */
};

/* By slot, which `users_by_uid` names. */
struct slt_user {
	__u32 uid;
	/* Slots that its processes hold. */
	__u32 processes;
	__u32 threads;
	__u32 parts;
	__u32 open_spans;
	__u32 reserved;
	struct slt_rate rate;
};

/* agent/src/backend/bpf/process-slots.ts reads these. */
#define SLT_MEMBER_AT(type, member, offset) \
	_Static_assert(__builtin_offsetof(struct type, member) == (offset), #type "." #member)
SLT_MEMBER_AT(slt_process, tgid, 0);
SLT_MEMBER_AT(slt_process, start_ns, 8);
SLT_MEMBER_AT(slt_process, open_spans, 32);
SLT_MEMBER_AT(slt_process, ended, 36);
SLT_MEMBER_AT(slt_process, threads, 72);
SLT_MEMBER_AT(slt_process, parts, 76);
SLT_MEMBER_AT(slt_process, untold, 84);
SLT_MEMBER_AT(slt_process, allowed_in, 88);
SLT_MEMBER_AT(slt_process, refused_in, 92);
SLT_MEMBER_AT(slt_thread, tid, 0);
SLT_MEMBER_AT(slt_thread, process, 8);
SLT_MEMBER_AT(slt_span_slot, key.tgid, 16);
SLT_MEMBER_AT(slt_span_slot, process, 24);
SLT_MEMBER_AT(slt_open_span, slot, 0);

#define SLT_TIDS_IN_BLOCK 64

/* Thread slots (index + 1) by thread number; number / 64 is the key. */
struct slt_tid_block {
	__u16 slot[SLT_TIDS_IN_BLOCK];
};

#endif
