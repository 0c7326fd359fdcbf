/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the probes (uprobe programs) share across files: each is a global function,
 * verified once, with numbers only for arguments, which is what 5.10 allows. Functions that are called
 * in loops are global for the same reason: as static ones the verifier walks them anew for each turn.
 * Slots are index + 1 everywhere; 0 is none.
 */
#ifndef SLT_BPF_PROBES_H
#define SLT_BPF_PROBES_H

#include "thread.h"

/* lifetime.bpf.c: the slot of the calling thread, made on its first call; 0: it is not tracked, and the reason is counted. */
extern int thread_enter(void);

/*
 * contexts.bpf.c: reads a thread's account up to `now`, the open interval included, into the scratch of the span slot;
 * span slot 0: into its own, which only that thread's probes may ask for.
 */
extern int account_read(__u32 thread_slot, __u32 span_slot, __u64 now);

/* contexts.bpf.c: the thread works for this span from now on; 0: for none. */
extern int context_change(__u32 thread_slot, __u32 span_slot);

/* spans.bpf.c: accounts for a span whose key the caller has deleted, sends it if it was slow, and frees its slot. */
extern int span_finish(__u32 span_slot, __u32 ender_slot, __u32 flags);

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

/*
 * Counts one more that is at work for the span. When nobody was, the time since
 * then was awaited: in the event loop of the thread that resumes it, or while that thread
 * worked for others, when it is the thread that left it. Two threads that come at the same
 * instant may both close the gap (5.10 has no atomic exchange); user space never lets awaiting exceed the wall time.
 *
 * The first gap, from the start to the first context, is the starting thread's own work on the span when it is that
 * thread which goes on with it; `account` is that thread's, NULL: not known.
 */
static __always_inline void span_resume(struct slt_span_slot *span, __u32 thread_slot, __u64 now,
					const __u64 *account)
{
	__u32 before = span->active;
	__u64 polled = account ? account[SLT_CLASS_BLOCKED_POLL] : 0, idle_since;

	__sync_fetch_and_add(&span->active, 1);
	if (before)
		return;
	span->active_since = now;
	idle_since = span->idle_since;
	span->idle_since = 0;
	if (!idle_since)
		return; /* another thread has closed the gap */
	if (account && thread_slot == span->starter && idle_since == span->record.started_ns) {
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

/* One less. `active_since` is read first: it stands still as long as somebody is counted. */
static __always_inline void span_suspend(struct slt_span_slot *span, __u32 thread_slot, __u64 now, __u64 polled)
{
	__u64 from = span->active_since;

	__sync_fetch_and_add(&span->active, -1);
	if (span->active || !from || span->active_since != from)
		return;
	span->active_since = 0;
	span->record.active_ns += since(now, from);
	span->idle_since = now;
	span->idle_thread = thread_slot;
	span->idle_mark = polled;
}

static __always_inline void part_release(struct slt_part *part, __u32 slot)
{
	__u32 index = slot - 1;

	part->state = SLT_PART_FREE;
	part->owner = 0;
	bpf_map_push_elem(&free_parts, &index, BPF_ANY);
}

#endif
