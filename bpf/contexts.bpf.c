// SPDX-License-Identifier: GPL-2.0-only
/* Which span a thread works for, and what it spent on it. */
#define __VMLINUX_H__ 1
#include "probes.h"

#include <bpf/bpf_tracing.h>

/* Whether it read one state: the tracepoints did not write meanwhile. */
static __always_inline bool account_try(const struct slt_thread *thread, __u64 now, __u64 *account)
{
	__u32 seq = *(volatile __u32 *)&thread->seq, class;
	__u64 open;

	barrier();
	for (int i = 0; i < SLT_THREAD_CLASSES; i++)
		account[i] = *(volatile __u64 *)&thread->account[i];
	open = since(now, *(volatile __u64 *)&thread->since);
	class = thread_class(thread);
	barrier();
	if (class < SLT_THREAD_CLASSES)
		account[class] += open;
	return !(seq & 1) && *(volatile __u32 *)&thread->seq == seq;
}

/*
 * One consistent state of the account: of the calling thread, or of another one
 * while it runs. A state which changes under three reads in a row is taken as it is; it is off by one
 * interval. No loop: up to 6.1 the verifier refuses one that the compiler closes
 * by falling through. The result is in a map: the probes call several functions
 * deep, and all their frames together may have 512 bytes.
 */
__noinline int account_read(__u32 thread_slot, __u32 span_slot, __u64 now)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_span_slot *span;
	__u64 *account;

	if (!thread)
		return 0;
	account = thread->reading;
	if (span_slot) {
		span = span_at(span_slot);
		if (!span)
			return 0;
		account = span->reading;
	}
	if (account_try(thread, now, account))
		return 0;
	if (account_try(thread, now, account))
		return 0;
	account_try(thread, now, account);
	return 0;
}

/* Gives `part` what the thread's account has grown since the last change, up to `until`; the rest to nobody. */
static __always_inline void settle(struct slt_thread *thread, struct slt_part *part, const __u64 *until)
{
	for (int i = 0; i < SLT_THREAD_CLASSES; i++) {
		part->record.account_ns[i] += since(until[i], thread->seen[i]);
		thread->seen[i] = thread->reading[i];
	}
}

/*
 * The thread turns from its part (0: from nothing) to the span in this slot (0: to none). What it has done since it started
 * that span, if it goes on with it, is that one's (span_resume), and so no longer the parent's where it worked for that.
 */
__noinline int account_settle(__u32 thread_slot, __u32 part_slot, __u32 span_slot)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_part *part = part_at(part_slot);

	if (!thread)
		return 0;
	if (!part || part->owner != thread_slot) {
		for (int i = 0; i < SLT_THREAD_CLASSES; i++)
			thread->seen[i] = thread->reading[i];
	} else if (span && part_is_of_parent(part, span) && starter_goes_on(span, thread_slot)) {
		settle(thread, part, span->starter_account);
	} else {
		settle(thread, part, thread->reading);
	}
	return 0;
}

static __always_inline void part_start(struct slt_part *part, __u32 thread_slot, __u32 span_slot, __u32 process,
				       __u32 place, __u64 serial, __u32 tid, __u64 now)
{
	part->owner = thread_slot;
	part->span = span_slot;
	part->process = process;
	part->place = place;
	part->slowest_at = 0;
	part->slowest_floor = 0;
	part->latest_made = 0;
	__builtin_memset(part->index, 0, sizeof(part->index));
	part->record.header.type = SLT_RECORD_PART;
	part->record.header.version = SLT_RECORD_VERSION;
	part->record.serial = serial;
	part->record.tid = tid;
	part->record.flags = 0;
	part->record.joined_ns = now;
	part->record.left_ns = 0;
	__builtin_memset(part->record.account_ns, 0, sizeof(part->record.account_ns));
	part->record.calls = 0;
	part->record.other_ns = 0;
	part->record.other_count = 0;
	part->record.totals_used = 0;
	part->slowest.header.type = SLT_RECORD_CALLS;
	part->slowest.header.version = SLT_RECORD_VERSION;
	part->slowest.serial = serial;
	part->slowest.tid = tid;
	part->slowest.order = SLT_CALLS_SLOWEST;
	part->slowest.used = 0;
	part->latest.header.type = SLT_RECORD_CALLS;
	part->latest.header.version = SLT_RECORD_VERSION;
	part->latest.serial = serial;
	part->latest.tid = tid;
	part->latest.order = SLT_CALLS_LATEST;
	part->latest.used = 0;
}

/* A new part, counted against the process and its user. 0: there is no room, which is counted. */
__noinline int part_make(__u32 thread_slot, __u32 span_slot, __u32 place, __u64 now)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_process *process = thread ? process_at_index(thread->process) : 0;
	struct slt_user *user = process ? user_of(process) : 0;
	struct slt_control *settings = settings_now();
	struct slt_part *part;
	__u32 index;

	if (!span || !thread)
		return 0;
	/* The slot is another process's by now: the span that was meant has ended. */
	if (span->process != thread->process)
		return 0;
	if (!process || !user)
		return 0;
	if (!settings)
		return 0;
	place %= SLT_SPAN_PARTS;
	if (!below_share(process->parts, settings->parts_process, user->parts, settings->parts_user,
			 SLT_DROP_PART_SLOTS_PROCESS))
		return 0;
	if (bpf_map_pop_elem(&free_parts, &index)) {
		count(SLT_DROP_PART_SLOTS, 1);
		return 0;
	}
	part = part_at(index + 1);
	if (!part)
		return 0;
	slot_taken(&process->parts, &user->parts);
	part_start(part, thread_slot, span_slot, thread->process, place, span->record.serial, thread->tid, now);
	part->lost_before = lost_before(thread);
	part->state = SLT_PART_WORKING;
	__sync_fetch_and_add(&span->parts_made, 1);
	barrier();
	span->parts[place] = index + 1;
	return index + 1;
}

__noinline int part_join(__u32 thread_slot, __u32 span_slot, __u64 now)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_part *part;
	__u32 slot, place;

	if (!span || !thread)
		return 0;
	for (__u32 i = 0; i < SLT_SPAN_PARTS; i++) {
		place = (thread_slot + i) % SLT_SPAN_PARTS;
		slot = span->parts[place];
		if (!slot)
			return part_make(thread_slot, span_slot, place, now);
		part = part_at(slot);
		/* The number too: the slot may have been another thread's, which has exited. */
		if (part && part->owner == thread_slot && part->span == span_slot && part->record.tid == thread->tid) {
			part->lost_before = lost_before(thread);
			part->state = SLT_PART_WORKING;
			return slot;
		}
	}
	count(SLT_DROP_PART_LIMIT, 1);
	return 0;
}

static __always_inline void part_leave(struct slt_part *part, struct slt_thread *thread, __u64 now)
{
	part->record.left_ns = now;
	if (thread->lost != part->lost_before)
		part->record.flags |= SLT_PART_LOST;
	*(volatile __u32 *)&part->state = SLT_PART_IDLE;
}

/*
 * The first thread that works for a span makes it count as an open child of its parent. Two that are first
 * count it twice, and its end takes both off (tell_parent).
 */
static __always_inline void count_with_parent(struct slt_span_slot *span, __u32 thread_slot, __u64 now,
					      const __u64 *account)
{
	struct slt_span_slot *parent = span_at(span->parent);

	if (span->counted_by_parent || !parent || !span_is_open(parent, span->record.parent_serial))
		return;
	__sync_fetch_and_add(&span->counted_by_parent, 1);
	if (starter_goes_on(span, thread_slot))
		span_resume(parent, thread_slot, span->record.started_ns, span->starter_account);
	else
		span_resume(parent, thread_slot, now, account);
}

/* The thread, which has a part in the span now, counts as one that works for it. */
__noinline int context_enter(__u32 thread_slot, __u32 span_slot, __u64 now)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_span_slot *span = span_at(span_slot);

	if (!thread || !span)
		return 0;
	if (lags_behind_capture(thread))
		__sync_fetch_and_add(&span->captured_otherwise, 1);
	count_with_parent(span, thread_slot, now, thread->reading);
	span_resume(span, thread_slot, now, thread->reading);
	return 0;
}

/* The thread ceases to work in a part that is its own; its account is settled. */
__noinline int context_leave(__u32 thread_slot, __u32 part_slot, __u64 now)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_part *part = part_at(part_slot);
	struct slt_span_slot *span = part ? span_at(part->span) : 0;
	__u32 place;

	if (!thread || !span)
		return 0;
	thread->left_span = part->span;
	if (span_is_open(span, part->record.serial))
		span_suspend(span, 1, thread_slot, now, thread->reading[SLT_CLASS_BLOCKED_POLL]);
	place = part->place % SLT_SPAN_PARTS;
	if (*(volatile __u32 *)&span->parts[place] == part_slot) {
		part_leave(part, thread, now);
	} else if (*(volatile __u32 *)&part->owner == thread_slot) {
		/* another thread took its place at the same instant: nobody else knows of it */
		part_release(part, part_slot);
		parts_given_back(part->process, 1);
	}
	return 0;
}

/* The thread does not work in it after all: it is as one that only brings what children left, of whom there are none. */
__noinline int join_too_late(__u32 part_slot)
{
	struct slt_part *part = part_at(part_slot);

	count(SLT_DROP_CONTEXT_UNKNOWN, 1);
	if (!part)
		return 0;
	part->record.flags |= SLT_PART_ABSORBED;
	*(volatile __u32 *)&part->state = SLT_PART_IDLE;
	return 0;
}

/*
 * `serial` is that of the span which is meant: another thread may end it at any moment, and its slot be the next
 * span's. That it was still the same after the part was made is certain; a part that was made too late stays empty, for the thread
 * does not work in it.
 */
__noinline int context_change(__u32 thread_slot, __u32 span_slot, __u64 serial, __u64 now)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_part *part;
	__u32 before, after;

	if (!thread)
		return 0;
	before = thread->part;
	if (!before && !span_slot)
		return 0;
	part = part_at(before);
	if (!part || part->owner != thread_slot)
		before = 0;
	else if (span && part->span == span_slot && part->record.serial == span->record.serial)
		return 0;
	account_read(thread_slot, 0, now);
	after = span_slot ? part_join(thread_slot, span_slot, now) : 0;
	barrier();
	if (span && !span_is_open(span, serial)) {
		join_too_late(after);
		span = 0;
		after = 0;
	}
	/* Somebody has ended what it worked for meanwhile, and it was given the same part again. */
	if (before == after)
		before = 0;
	account_settle(thread_slot, before, after ? span_slot : 0);
	thread->part = after;
	if (after)
		context_enter(thread_slot, span_slot, now);
	else if (span)
		__sync_fetch_and_add(&span->threads_left_out, 1);
	/* One that it has no part in has its account by the start (span_resume). */
	if (after || !span)
		turns(thread, now);
	return before ? context_leave(thread_slot, before, now) : 0;
}

SEC("uprobe")
int BPF_KPROBE(probe_context_set, const struct slt_span *told, const struct slt_journal *journal)
{
	__u32 slot = probe_begin(journal);
	__u64 id = 0;

	if (slot && (!told || read_id(&id, told->span_id)))
		context_told(slot, id, bpf_ktime_get_ns());
	probe_end(slot);
	return 0;
}
