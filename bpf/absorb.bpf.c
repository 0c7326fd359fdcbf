// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a fast span leaves to its parent: the totals and the slowest of its calls.
 * They go into the part that the thread which ends the span has in the parent, made where it has none: that part has
 * one writer, and it is the one that runs here.
 */
#define __VMLINUX_H__ 1
#include "calls.h"
#include "probes.h"

__noinline int absorb_total(__u32 from_slot, __u32 index, __u32 into_slot)
{
	struct slt_part *from = part_at(from_slot), *into = part_at(into_slot);
	struct slt_total *total, *sum;

	if (!from || !into || index >= SLT_TOTALS_MAX)
		return 0;
	total = &from->record.totals[index];
	sum = part_total(into, total->number, total->error);
	if (!sum) {
		into->record.other_count += total->count;
		into->record.other_ns += total->time_ns;
		return 0;
	}
	sum->count += total->count;
	sum->time_ns += total->time_ns;
	sum->blocked_ns += total->blocked_ns;
	if (total->max_ns > sum->max_ns)
		sum->max_ns = total->max_ns;
	return 0;
}

/* The parent's slowest calls take in one of a fast child. Their floor is found again: this is rare. */
__noinline int absorb_call(__u32 from_slot, __u32 index, __u32 into_slot)
{
	struct slt_part *from = part_at(from_slot), *into = part_at(into_slot);
	__u32 at;

	if (!from || !into || index >= SLT_CALLS_MAX)
		return 0;
	at = into->slowest.used;
	if (at >= SLT_CALLS_MAX) {
		if (from->slowest.calls[index].duration_ns <= into->slowest_floor)
			return 0;
		at = into->slowest_at;
	} else {
		into->slowest.used = at + 1;
	}
	if (at >= SLT_CALLS_MAX)
		return 0;
	into->slowest.calls[at] = from->slowest.calls[index];
	if (into->slowest.used < SLT_CALLS_MAX)
		return 0;
	into->slowest_at = 0;
	for (__u32 i = 1; i < SLT_CALLS_MAX; i++) {
		if (into->slowest.calls[i].duration_ns < into->slowest.calls[into->slowest_at % SLT_CALLS_MAX].duration_ns)
			into->slowest_at = i;
	}
	into->slowest_floor = into->slowest.calls[into->slowest_at % SLT_CALLS_MAX].duration_ns;
	return 0;
}

__noinline int part_absorb(__u32 from_slot, __u32 into_slot)
{
	struct slt_part *from = part_at(from_slot), *into = part_at(into_slot);

	if (!from || !into || !from->record.calls)
		return 0;
	into->record.flags |= SLT_PART_ABSORBED;
	into->record.calls += from->record.calls;
	into->record.other_count += from->record.other_count;
	into->record.other_ns += from->record.other_ns;
	for (__u32 i = 0; i < SLT_TOTALS_MAX; i++) {
		if (i >= from->record.totals_used)
			break;
		absorb_total(from_slot, i, into_slot);
	}
	for (__u32 i = 0; i < SLT_CALLS_MAX; i++) {
		if (i >= from->slowest.used)
			break;
		absorb_call(from_slot, i, into_slot);
	}
	return 0;
}

/* The part that `thread_slot` has in the span, made where it has none. 0: there is no room for one. */
static __always_inline __u32 part_for_absorbed(struct slt_span_slot *span, __u32 span_slot, __u32 thread_slot)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_part *part;
	__u64 now;
	__u32 slot;

	if (!thread)
		return 0;
	for (__u32 i = 0; i < SLT_SPAN_PARTS; i++) {
		slot = span->parts[(thread_slot + i) % SLT_SPAN_PARTS];
		part = part_at(slot);
		if (!part)
			break;
		if (part->owner == thread_slot && part->record.tid == thread->tid)
			return slot;
	}
	now = bpf_ktime_get_ns();
	slot = part_join(thread_slot, span_slot, now);
	part = part_at(slot);
	if (!part)
		return 0;
	/* It does not work for the parent. */
	part->record.left_ns = now;
	part->state = SLT_PART_IDLE;
	return slot;
}

__noinline int absorb_into_parent(__u32 span_slot, __u32 ender_slot)
{
	struct slt_span_slot *span = span_at(span_slot), *parent;
	struct slt_part *part;
	__u32 into = 0;
	bool whole;

	parent = span ? span_at(span->parent) : 0;
	if (!parent || !span_is_open(parent, span->record.parent_serial))
		return 0;
	whole = !(span->record.flags & (SLT_SPAN_PARTS_LEFT_OUT | SLT_SPAN_CALLS_LEFT_OUT));
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		part = part_at(span->parts[i]);
		if (!part || !part->record.calls)
			continue;
		/* Nobody ends it but user space: then no part of the parent has its writer here. */
		if (!into && ender_slot)
			into = part_for_absorbed(parent, span->parent, ender_slot);
		if (!into) {
			whole = false;
			break;
		}
		part_absorb(span->parts[i], into);
	}
	if (!whole)
		__sync_fetch_and_add(&parent->children_left_out, 1);
	return 0;
}

__noinline int leave_out_of_parent(__u32 span_slot)
{
	struct slt_span_slot *span = span_at(span_slot), *parent;
	struct slt_part *part;

	parent = span ? span_at(span->parent) : 0;
	if (!parent || !span_is_open(parent, span->record.parent_serial))
		return 0;
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		part = part_at(span->parts[i]);
		if (!part || !part->record.calls)
			continue;
		__sync_fetch_and_add(&parent->children_left_out, 1);
		return 0;
	}
	return 0;
}
