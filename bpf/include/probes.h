/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the probes (uprobe programs) share across files: each is a global function,
 * verified once, with numbers only for arguments, which is what 5.10 allows. Functions that are called
 * in loops are global for the same reason: as static ones the verifier walks them anew for each turn.
 * Slots are index + 1 everywhere; 0 is none.
 */
#ifndef SLT_BPF_PROBES_H
#define SLT_BPF_PROBES_H

#include "limits.h"
#include "thread.h"

/* lifetime.bpf.c: the slot of the calling thread, made on its first call; 0: it is not tracked, and the reason is counted. */
extern int thread_enter(void);

/*
 * journal.bpf.c: before a probe of the calling thread, whose journal lies at this address in its memory (0: none), and before its
 * switch-out: does what it has written into its journal since the last time.
 */
extern int journal_at_probe(__u32 thread_slot, __u64 journal);
extern int journal_at_switch(__u32 thread_slot);

/* lifetime.bpf.c: the process of this number has gone; and so has one of a user's, whose slot goes with the last of them. */
extern int process_gone(__u32 number);
extern int user_leave(__u32 slot);

/*
 * lifetime.bpf.c: whether the filter still lets the calling process in, which is asked once in each generation: a reload
 * may have changed it. 0: no, which is counted.
 */
extern int process_ask_again(__u32 process_index);

/*
 * contexts.bpf.c: reads a thread's account up to `now`, the open interval included, into the scratch of the span slot;
 * span slot 0: into its own, which only that thread's probes, and its switch-out, may ask for.
 */
extern int account_read(__u32 thread_slot, __u32 span_slot, __u64 now);

/* contexts.bpf.c: the thread works for the span in this slot from `now` on, if that still has this serial number; slot 0: for none. */
extern int context_change(__u32 thread_slot, __u32 span_slot, __u64 serial, __u64 now);

/* contexts.bpf.c: the thread's part of the span: the one that it has, or a new one. 0: there was no room, which is counted. */
extern int part_join(__u32 thread_slot, __u32 span_slot, __u64 now);

/* spans.bpf.c: opens the span at this address in the process's memory, which began at `started`. */
extern int span_open(__u32 thread_slot, __u64 address, __u64 started);

/* spans.bpf.c: the open span of this id in the thread's process goes into its `found`. 0: there is none. */
extern int span_find(__u32 thread_slot, __u64 id);

/* spans.bpf.c: takes the span that was found under this id, to end it (span_take). 0: somebody else does. */
extern int span_take_found(__u32 thread_slot, __u64 id);

/*
 * spans.bpf.c: accounts for a span that the caller has taken, which ended at `now`, sends it if it was slow, and frees its slot.
 * flags: for its record, and SPAN_IS_FAST: it need not be asked.
 */
#define SPAN_IS_FAST 0x80000000u
extern int span_finish(__u32 span_slot, __u32 ender_slot, __u32 flags, __u64 now);

/* send.bpf.c: a resource that the process told, at this address in its memory, once; and a slow span with its parts. */
extern int resource_send(__u32 span_slot, __u64 address);
extern int span_send(__u32 span_slot);

/* send.bpf.c: tells user space of a process. 0: it is in the ring; else it is noted as untold. */
extern int process_tell(__u32 process_index, __u32 type, __u32 whatever_it_sent);

/*
 * absorb.bpf.c: the calls of a fast span go to its parent; or, of one that user space is to judge, and may find fast, they
 * do not, and the parent says so.
 */
extern int absorb_into_parent(__u32 span_slot, __u32 ender_slot);
extern int leave_out_of_parent(__u32 span_slot);

static __always_inline struct slt_span_slot *span_at(__u32 slot)
{
	__u32 index = slot - 1;

	return slot ? bpf_map_lookup_elem(&spans, &index) : 0;
}

static __always_inline struct slt_part *part_at(__u32 slot)
{
	__u32 index = slot - 1;

	return slot ? bpf_map_lookup_elem(&parts, &index) : 0;
}

static __always_inline struct slt_control *settings_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

static __always_inline bool span_is_open(const struct slt_span_slot *span, __u64 serial)
{
	return span->record.serial == serial && span->key.tgid != 0;
}

/* `lost` of before what the thread comes to now: it may tell only afterwards of what it came to in a run that was not seen to begin. */
static __always_inline __u32 lost_before(const struct slt_thread *thread)
{
	return thread->lost - (thread->unseen != 0);
}

/* Whether the part is one of the span's parent. */
static __always_inline bool part_is_of_parent(const struct slt_part *part, const struct slt_span_slot *span)
{
	return part->span == span->parent && part->record.serial == span->record.parent_serial;
}

static __always_inline bool process_is_refused(const struct slt_process *process)
{
	return process->refused_in > process->allowed_in;
}

/* A probe told of a span that is not open. Of a process that the filter holds back none is opened: that is the reason then. */
static __always_inline void count_unknown(const struct slt_thread *thread, __u32 reason)
{
	struct slt_process *process = process_at_index(thread->process);

	count(process && process_is_refused(process) ? SLT_DROP_PROCESS_FILTERED : reason, 1);
}

static __always_inline __u64 id_of(const __u8 id[SLT_SPAN_ID_BYTES])
{
	__u64 value;

	__builtin_memcpy(&value, id, sizeof(value));
	return value;
}

static __always_inline bool same_key(const struct slt_span_key *a, const struct slt_span_key *b)
{
	return id_of(a->span_id) == id_of(b->span_id) && a->process_start_ns == b->process_start_ns && a->tgid == b->tgid;
}

/*
 * Whether the span of this key is what its entry leads to. The entry, and the slot, may have become another's since the
 * look-up, also another process's: a map gives the memory of what was deleted to the next.
 */
static __always_inline bool span_found(const struct slt_open_span *open, const struct slt_span_key *key,
				       struct slt_found_span *found)
{
	__u32 slot = open->slot, enders = open->enders;
	struct slt_span_slot *span = span_at(slot);
	__u64 serial;

	if (!span)
		return false;
	serial = *(volatile __u64 *)&span->record.serial;
	barrier();
	if (!same_key(&span->key, key))
		return false;
	found->slot = slot;
	found->enders = enders;
	found->serial = serial;
	return true;
}

/*
 * Takes a span from `open_spans`, to end it: false where somebody else does. `open` is what was found under the key.
 *
 * The key alone does not say which span was deleted: since it was looked up, another thread may have ended that one and
 * started the next under the same id. Who ends the span that was found counts itself in its slot before the deletion. So of two who deleted
 * something after they had found the same span, the second sees both; whoever sees only itself has deleted the span
 * that it found, and nobody else will think so. Who is not alone does not know, and leaves everything: the span
 * that lost its key that way, if any, stays open until its process ends. It takes two ends of one span at the same
 * instant to get there.
 */
static __always_inline bool span_take(struct slt_span_slot *span, const struct slt_span_key *key, __u32 enders_before)
{
	__sync_fetch_and_add(&span->enders, 1);
	if (bpf_map_delete_elem(&open_spans, key)) {
		count(SLT_DROP_END_UNKNOWN, 1);
		return false;
	}
	if (*(volatile __u32 *)&span->enders != enders_before + 1) {
		count(SLT_DROP_END_CONTESTED, 1);
		return false;
	}
	return true;
}

/*
 * Whether the thread comes to a span that it has started, that nobody has worked for yet, and has neither turned to another
 * since nor waited in an event loop. What it has read of its account last is of now.
 */
static __always_inline bool starter_goes_on(const struct slt_span_slot *span, __u32 thread_slot)
{
	struct slt_thread *thread = thread_at(thread_slot);

	return thread && thread_slot == span->starter && span->idle_since == span->record.started_ns &&
	       thread->left_at <= span->record.started_ns &&
	       thread->reading[SLT_CLASS_BLOCKED_POLL] <= span->idle_mark;
}

/* The span is given what its starter has spent since the start: whether a switch of it was missed meanwhile. */
static __always_inline void note_lost_since_start(struct slt_span_slot *span, __u32 thread_slot)
{
	struct slt_thread *thread = thread_at(thread_slot);

	if (thread && thread->lost != span->starter_lost)
		__sync_fetch_and_add(&span->switches_missed, 1);
}

/*
 * Counts one more that is at work for the span. When nobody was, the time since
 * then was awaited: in the event loop of the thread that resumes it, or while that thread
 * worked for others, when it is the thread that left it. Threads that come and go at the same
 * instant may both close an interval, or neither (5.10 has no atomic exchange): activity_settle() sees it at the end.
 *
 * The first gap, from the start to the first context, is the starting thread's own work on the span when that has gone on
 * with it (starter_goes_on); `account` is that thread's, NULL: not known.
 */
static __always_inline void span_resume(struct slt_span_slot *span, __u32 thread_slot, __u64 now,
					const __u64 *account)
{
	__u32 before = span->active;
	__u64 polled = account ? account[SLT_CLASS_BLOCKED_POLL] : 0, idle_since;
	bool goes_on;

	__sync_fetch_and_add(&span->active, 1);
	if (before)
		return;
	goes_on = account && starter_goes_on(span, thread_slot);
	idle_since = span->idle_since;
	if (now < idle_since)
		now = idle_since; /* by a child that began before another thread left */
	span->active_since = now;
	span->idle_since = 0;
	if (!idle_since)
		return; /* another thread has closed the gap */
	if (goes_on) {
		note_lost_since_start(span, thread_slot);
		for (int i = 0; i < SLT_THREAD_CLASSES; i++)
			span->record.account_ns[i] += since(account[i], span->starter_account[i]);
		span->record.active_ns += since(now, idle_since);
		return;
	}
	if (thread_slot && span->idle_thread == thread_slot) {
		__u64 gap = since(now, idle_since), idle = since(polled, span->idle_mark);

		if (idle > gap)
			idle = gap;
		span->record.account_ns[SLT_CLASS_AWAITING_IDLE] += idle;
		span->record.account_ns[SLT_CLASS_AWAITING_LOOP_BUSY] += gap - idle;
	} else {
		span->record.account_ns[SLT_CLASS_AWAITING_OTHER] += since(now, idle_since);
	}
}

/* `less` fewer. `active_since` is read first: it stands still as long as somebody is counted. */
static __always_inline void span_suspend(struct slt_span_slot *span, __u32 less, __u32 thread_slot, __u64 now,
					 __u64 polled)
{
	__u64 from = span->active_since;

	__sync_fetch_and_add(&span->active, -less);
	if (span->active || !from || span->active_since != from)
		return;
	span->active_since = 0;
	span->record.active_ns += since(now, from);
	span->idle_since = now;
	span->idle_thread = thread_slot;
	span->idle_mark = polled;
}

/* What the thread does from now on is not for what it has done until now. */
static __always_inline void turns(struct slt_thread *thread, __u64 now)
{
	thread->left_at = now;
	thread->left_span = 0;
	thread->left_lost = thread->lost;
}

/* The thread works for the span of this id from `now` on, 0: for none. */
static __always_inline int context_told(__u32 thread_slot, __u64 id, __u64 now)
{
	struct slt_thread *thread = thread_at(thread_slot);

	if (!thread)
		return 0;
	if (!id)
		return context_change(thread_slot, 0, 0, now);
	if (!span_find(thread_slot, id)) {
		count_unknown(thread, SLT_DROP_CONTEXT_UNKNOWN);
		context_change(thread_slot, 0, 0, now);
		turns(thread, now); /* what it left is not what it goes on with */
		return 0;
	}
	return context_change(thread_slot, thread->found.slot, thread->found.serial, now);
}

/*
 * The span of this id has ended at `now`, as the thread tells at `told` in its memory. resource: the address of the provider's, 0: none
 * was told; or that the journal tells, which tells of no slow span.
 */
#define TOLD_BY_JOURNAL (~0ull)

static __always_inline int end_told(__u32 thread_slot, __u64 id, const struct slt_span *told, __u64 resource, __u64 now)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_span_slot *span;

	if (!thread)
		return 0;
	span = span_find(thread_slot, id) ? span_at(thread->found.slot) : 0;
	if (!span) {
		count_unknown(thread, SLT_DROP_END_UNKNOWN);
		return 0;
	}
	if (!span_take_found(thread_slot, id))
		return 0;
	/* What the end says of the span replaces what the start said, unless it cannot be read any more. */
	if (bpf_probe_read_user(&span->record.span, sizeof(span->record.span), told))
		count(SLT_DROP_PROBE_UNREADABLE, 1);
	if (resource == TOLD_BY_JOURNAL)
		return span_finish(thread->found.slot, thread_slot, SPAN_IS_FAST, now);
	resource_send(thread->found.slot, resource);
	return span_finish(thread->found.slot, thread_slot, 0, now);
}

/* The id that the calling thread told, which lies at `id` in its memory. false: it cannot be read, which is counted. */
static __always_inline bool read_id(__u64 *value, const __u8 *id)
{
	if (bpf_probe_read_user(value, sizeof(*value), id) == 0)
		return true;
	count(SLT_DROP_PROBE_UNREADABLE, 1);
	return false;
}

/* A probe of the calling thread begins: its slot, or 0. */
static __always_inline __u32 probe_begin(const struct slt_journal *journal)
{
	__u32 slot = thread_enter();

	if (slot)
		journal_at_probe(slot, (__u64)journal);
	return slot;
}

static __always_inline void probe_end(__u32 slot)
{
	struct slt_thread *thread = thread_at(slot);

	barrier();
	if (thread)
		*(volatile __u32 *)&thread->in_probe = 0;
}

static __always_inline void part_release(struct slt_part *part, __u32 slot)
{
	__u32 index = slot - 1;

	part->state = SLT_PART_FREE;
	part->owner = 0;
	bpf_map_push_elem(&free_parts, &index, BPF_ANY);
}

/* Takes `parts` off what the process and its user hold. */
static __always_inline void parts_given_back(__u32 process_index, __u32 parts)
{
	struct slt_process *process = process_at_index(process_index);
	struct slt_user *user = process ? user_of(process) : 0;

	if (process && user)
		slots_given_back(&process->parts, &user->parts, parts);
}

static __always_inline void thread_free(struct slt_thread *thread, __u32 slot)
{
	struct slt_process *process = process_at_index(thread->process);
	struct slt_user *user = process ? user_of(process) : 0;
	__u32 index = slot - 1;

	thread->tid = 0;
	if (process && user)
		slots_given_back(&process->threads, &user->threads, 1);
	bpf_map_push_elem(&free_threads, &index, BPF_ANY);
}

#endif
