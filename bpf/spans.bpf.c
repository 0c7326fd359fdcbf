// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a span: its slot, its end, the decision whether it was slow, and
 * what is sent of it. A fast one costs what is here up to span_is_slow().
 */
#define __VMLINUX_H__ 1
#include "calls.h"
#include "limits.h"
#include "probes.h"
#include "ring.h"

#include <bpf/bpf_tracing.h>

/* ---- start ---- */

static __always_inline bool is_zero(const __u8 id[SLT_SPAN_ID_BYTES])
{
	__u64 value;

	__builtin_memcpy(&value, id, sizeof(value));
	return value == 0;
}

/* The parent, when it is open in this process, is told of its end. */
static __always_inline void find_parent(struct slt_span_slot *span)
{
	struct slt_span_key key = span->key;
	struct slt_span_slot *parent;
	__u32 *slot;

	span->parent = 0;
	span->record.parent_serial = 0;
	if ((span->record.span.flags & SLT_SPAN_PARENT_REMOTE) || is_zero(span->record.span.parent_span_id))
		return;
	__builtin_memcpy(key.span_id, span->record.span.parent_span_id, sizeof(key.span_id));
	slot = bpf_map_lookup_elem(&open_spans, &key);
	parent = slot ? span_at(*slot) : 0;
	if (!parent)
		return;
	span->parent = *slot;
	span->record.parent_serial = parent->record.serial;
}

/* Serial numbers hold the slot in their low bits, so that no two are the same and none needs a shared counter. */
#define SERIAL_STEP (1ull << 20)

static __always_inline void span_prepare(struct slt_span_slot *span, __u32 slot, __u32 thread_slot,
					 const struct slt_thread *thread, const struct slt_control *settings,
					 __u64 now)
{
	struct slt_record_span *record = &span->record;
	__u32 process = thread->process;
	struct slt_capture *capture = bpf_map_lookup_elem(&captures, &process);

	span->process = process;
	span->active = 0;
	span->counted_by_parent = 0;
	span->starter = thread_slot;
	span->idle_thread = thread_slot;
	span->active_since = 0;
	span->idle_since = now;
	span->idle_mark = span->starter_account[SLT_CLASS_BLOCKED_POLL];
	__builtin_memset(span->parts, 0, sizeof(span->parts));
	record->serial = (record->serial | (SERIAL_STEP - 1)) + 1 + slot;
	record->header.type = SLT_RECORD_SPAN;
	record->header.version = SLT_RECORD_VERSION;
	record->header.size = sizeof(*record);
	record->tgid = thread->tgid;
	record->tid = thread->tid;
	record->started_ns = now;
	record->ended_ns = 0;
	record->threshold_ns = 0;
	record->active_ns = 0;
	for (int i = 0; i < SLT_CLASSES; i++) {
		record->account_ns[i] = 0;
		record->child_account_ns[i] = 0;
	}
	record->flags = settings->attached_ns ? 0 : SLT_SPAN_UNATTACHED;
	if (capture && capture->mode == SLT_CAPTURE_ALL)
		record->flags |= capture->escalated ? SLT_SPAN_CAPTURE_ALL | SLT_SPAN_ESCALATED : SLT_SPAN_CAPTURE_ALL;
	record->generation = settings->generation;
	record->parts_sent = 0;
	record->children = 0;
}

static __always_inline void span_release(struct slt_span_slot *span, __u32 slot)
{
	__u32 index = slot - 1;

	span->key.tgid = 0;
	bpf_map_push_elem(&free_spans, &index, BPF_ANY);
}

SEC("uprobe")
int BPF_KPROBE(probe_span_start, const struct slt_span *told)
{
	struct slt_control *settings = settings_now();
	__u32 thread_slot = thread_enter(), index, slot;
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_process *process;
	struct slt_span_slot *span;
	struct slt_user *user;
	__u64 now;

	if (!thread || !settings)
		return 0;
	index = thread->process;
	process = bpf_map_lookup_elem(&processes, &index);
	if (!process)
		return 0;
	user = user_of(process->uid);
	if (!user) {
		count(SLT_DROP_SPAN_USERS, 1);
		return 0;
	}
	now = bpf_ktime_get_ns();
	if (!may_open_span(process, user, settings, now))
		return 0;
	if (bpf_map_pop_elem(&free_spans, &index)) {
		count(SLT_DROP_SPAN_SLOTS, 1);
		return 0;
	}
	slot = index + 1;
	span = span_at(slot);
	if (!span)
		return 0;
	if (bpf_probe_read_user(&span->record.span, sizeof(span->record.span), told)) {
		count(SLT_DROP_PROBE_UNREADABLE, 1);
		goto give_back;
	}
	if (span->record.span.version != SLT_PROBE_VERSION) {
		count(SLT_DROP_PROBE_VERSION, 1);
		goto give_back;
	}
	account_read(thread_slot, 0, now);
	for (int i = 0; i < SLT_THREAD_CLASSES; i++)
		span->starter_account[i] = thread->reading[i];
	span_prepare(span, slot, thread_slot, thread, settings, now);
	span->record.process_start_ns = process->start_ns;
	span->key.process_start_ns = process->start_ns;
	span->key.tgid = thread->tgid;
	span->key.reserved = 0;
	__builtin_memcpy(span->key.span_id, span->record.span.span_id, sizeof(span->key.span_id));
	find_parent(span);
	if (bpf_map_update_elem(&open_spans, &span->key, &slot, BPF_NOEXIST)) {
		count(SLT_DROP_SPAN_DUPLICATE, 1);
		goto give_back;
	}
	__sync_fetch_and_add(&process->open_spans, 1);
	__sync_fetch_and_add(&user->open_spans, 1);
	count(SLT_COUNT_SPANS_STARTED, 1);
	return 0;
give_back:
	span_release(span, slot);
	return 0;
}

/* ---- account ---- */

/*
 * Adds a part to the span's account; what its owner has open in it too, when
 * that is another thread and still works in it.
 */
__noinline int part_collect(__u32 part_slot, __u32 span_slot, __u32 ender_slot, __u64 now)
{
	struct slt_part *part = part_at(part_slot);
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_thread *owner;

	if (!part || !span)
		return 0;
	owner = thread_at(part->owner);
	if (*(volatile __u32 *)&part->state == SLT_PART_WORKING && owner && owner->part == part_slot &&
	    part->owner != ender_slot) {
		account_read(part->owner, span_slot, now);
		for (int i = 0; i < SLT_THREAD_CLASSES; i++)
			part->record.account_ns[i] += since(span->reading[i], owner->seen[i]);
		if (owner->lost != part->lost_before)
			part->record.flags |= SLT_PART_LOST;
		part->record.left_ns = now;
	}
	for (int i = 0; i < SLT_THREAD_CLASSES; i++)
		span->record.account_ns[i] += part->record.account_ns[i];
	return 0;
}

/* Nobody ever worked for the span: it gets what its starting thread spent meanwhile, for whomever. */
__noinline int share_starter(__u32 span_slot, __u64 now)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_thread *starter = span ? thread_at(span->starter) : 0;

	if (!span)
		return 0;
	span->record.flags |= SLT_SPAN_SHARED;
	if (!starter || starter->tid != span->record.tid)
		return 0;
	account_read(span->starter, span_slot, now);
	for (int i = 0; i < SLT_THREAD_CLASSES; i++)
		span->record.account_ns[i] = since(span->reading[i], span->starter_account[i]);
	for (int i = SLT_THREAD_CLASSES; i < SLT_CLASSES; i++)
		span->record.account_ns[i] = 0;
	return 0;
}

/* Closes the span's own time: after this active_ns and the awaiting classes add up to its duration. */
static __always_inline void close_activity(struct slt_span_slot *span, __u32 ender_slot, __u64 now,
					   const __u64 *account)
{
	if (span->active) {
		if (span->active_since)
			span->record.active_ns += since(now, span->active_since);
		return;
	}
	span_resume(span, ender_slot, now, account);
}

__noinline int tell_parent(__u32 span_slot, __u32 ender_slot, __u64 now, __u64 polled)
{
	struct slt_span_slot *span = span_at(span_slot), *parent;
	struct slt_record_span *record;

	if (!span)
		return 0;
	record = &span->record;
	parent = span_at(span->parent);
	if (!parent || !span_is_open(parent, record->parent_serial))
		return 0;
	__sync_fetch_and_add(&parent->record.children, 1);
	if (!span->counted_by_parent)
		return 0;
	for (int i = 0; i < SLT_CLASSES; i++) {
		__u64 time = record->account_ns[i] + record->child_account_ns[i];

		if (time)
			__sync_fetch_and_add(&parent->record.child_account_ns[i], time);
	}
	span_suspend(parent, ender_slot, now, polled);
	return 0;
}

/* ---- decision ---- */

__noinline int span_is_slow(__u32 span_slot)
{
	struct slt_control *settings = settings_now();
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_operation operation = {};
	struct slt_threshold *threshold;
	struct slt_record_span *record;

	if (!span || !settings)
		return 0;
	record = &span->record;
	operation.tgid = record->tgid;
	operation.resource = record->span.resource;
	__builtin_memcpy(operation.name, record->span.name, sizeof(operation.name));
	threshold = bpf_map_lookup_elem(&thresholds, &operation);
	if (threshold) {
		record->threshold_ns = record->generation >= threshold->generation ?
					       threshold->threshold_ns :
					       threshold->threshold_before_ns;
	} else {
		/* The lowest of all: what is slow by it goes to user space, which knows the rules and adds the name. */
		record->flags |= SLT_SPAN_RULE_UNKNOWN;
		record->threshold_ns = record->generation >= settings->generation ?
					       settings->threshold_ns :
					       settings->threshold_before_ns;
	}
	return since(record->ended_ns, record->started_ns) >= record->threshold_ns;
}

/* ---- fast: to the parent ---- */

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

/* A fast child's totals and slowest calls go to its parent, into the part of the thread that ended it: that part has one writer. */
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

__noinline int absorb_into_parent(__u32 span_slot, __u32 ender_slot)
{
	struct slt_span_slot *span = span_at(span_slot), *parent;
	__u32 into = 0;

	parent = span ? span_at(span->parent) : 0;
	if (!parent || !ender_slot || !span_is_open(parent, span->record.parent_serial))
		return 0;
	for (__u32 i = 0; i < SLT_SPAN_PARTS; i++) {
		__u32 slot = parent->parts[(ender_slot + i) % SLT_SPAN_PARTS];
		struct slt_part *part = part_at(slot);

		if (!part)
			break;
		if (part->owner == ender_slot) {
			into = slot;
			break;
		}
	}
	if (!into)
		return 0;
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		if (span->parts[i])
			part_absorb(span->parts[i], into);
	}
	return 0;
}

/* ---- slow: sent ---- */

static __always_inline int send_calls(struct slt_record_calls *calls, __u32 used)
{
	__u64 size;

	if (used > SLT_CALLS_MAX)
		used = SLT_CALLS_MAX;
	if (!used)
		return 0;
	size = __builtin_offsetof(struct slt_record_calls, calls) + used * sizeof(calls->calls[0]);
	calls->used = used;
	calls->header.size = size;
	return ring_send(calls, size, 0) ? -1 : (int)size;
}

/* Sends a part: its calls first, so that the part can say whether its owner wrote meanwhile. The bytes sent, or -1: something did not fit. */
__noinline int part_send(__u32 slot)
{
	struct slt_part *part = part_at(slot);
	struct slt_record_part *record;
	int slowest, latest = 0, all;
	__u64 calls, size;
	__u32 used;

	if (!part)
		return 0;
	record = &part->record;
	calls = record->calls;
	slowest = send_calls(&part->slowest, part->slowest.used);
	if (calls > SLT_CALLS_MAX && !(record->flags & SLT_PART_ABSORBED))
		latest = send_calls(&part->latest, SLT_CALLS_MAX);
	if (*(volatile __u64 *)&record->calls != calls)
		record->flags |= SLT_PART_TORN;
	used = record->totals_used;
	if (used > SLT_TOTALS_MAX)
		used = SLT_TOTALS_MAX;
	size = __builtin_offsetof(struct slt_record_part, totals) + used * sizeof(record->totals[0]);
	record->header.size = size;
	if (ring_send(record, size, 0) || slowest < 0 || latest < 0)
		return -1;
	all = size + slowest + latest;
	return all;
}

static __always_inline void send_resource(struct slt_span_slot *span, struct slt_process *process,
					  const struct slt_resource *told)
{
	struct slt_record_resource *record;
	__u32 number = span->record.span.resource;

	if (!told || number == 0 || number > SLT_RESOURCES_MAX || (process->resources_sent & (1ull << number)))
		return;
	count(SLT_COUNT_RECORDS_PRODUCED, 1);
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		count(SLT_DROP_RECORD_RING_FULL, 1);
		return;
	}
	record->header.type = SLT_RECORD_RESOURCE;
	record->header.version = SLT_RECORD_VERSION;
	record->header.size = sizeof(*record);
	record->tgid = process->tgid;
	record->reserved = 0;
	record->start_ns = process->start_ns;
	if (bpf_probe_read_user(&record->resource, sizeof(record->resource), told) ||
	    record->resource.version != SLT_PROBE_VERSION || record->resource.number != number) {
		/* A record all the same: what was produced is sent or lost, never neither. Its number 0 says that it holds nothing. */
		record->resource.number = 0;
		record->resource.length = 0;
	}
	bpf_ringbuf_submit(record, 0);
	count(SLT_COUNT_RECORDS_SENT, 1);
	process->resources_sent |= 1ull << number;
}

__noinline int span_send(__u32 span_slot)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_control *settings = settings_now();
	struct slt_process *process;
	struct slt_user *user;
	__u64 bytes;
	int sent;

	count(SLT_COUNT_SPANS_SLOW, 1);
	if (!span || !settings)
		return 0;
	process = bpf_map_lookup_elem(&processes, &span->process);
	user = process ? user_of(process->uid) : 0;
	if (!process || !user || !may_send(process, user, settings, span->record.ended_ns))
		return 0;
	bytes = sizeof(span->record);
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		if (!span->parts[i])
			continue;
		sent = part_send(span->parts[i]);
		if (sent < 0) {
			span->record.flags |= SLT_SPAN_PARTS_LOST;
			continue;
		}
		span->record.parts_sent++;
		bytes += sent;
	}
	__sync_fetch_and_add(&process->rate.bytes, bytes);
	__sync_fetch_and_add(&user->rate.bytes, bytes);
	if (ring_send(&span->record, sizeof(span->record), 0))
		count(SLT_DROP_SPAN_RING_FULL, 1);
	else
		count(SLT_COUNT_SPANS_SENT, 1);
	return 0;
}

/* ---- end ---- */

__noinline int parts_free(__u32 span_slot)
{
	struct slt_span_slot *span = span_at(span_slot);

	if (!span)
		return 0;
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		struct slt_part *part = part_at(span->parts[i]);

		if (part)
			part_release(part, span->parts[i]);
		span->parts[i] = 0;
	}
	return 0;
}

static __always_inline void note_conditions(struct slt_record_span *record, __u32 process_index)
{
	struct slt_runtime *runtime = bpf_map_lookup_elem(&runtimes, &process_index);
	struct slt_capture *capture = bpf_map_lookup_elem(&captures, &process_index);
	struct slt_control *settings = settings_now();
	__u64 attached;

	if (runtime && runtime->known_since_ns && runtime->known_since_ns <= record->started_ns)
		record->flags |= SLT_SPAN_RUNTIME_KNOWN;
	if (capture && capture->since_ns > record->started_ns)
		record->flags |= SLT_SPAN_CAPTURE_CHANGED;
	if (!settings)
		return;
	attached = settings->attached_ns;
	if (attached && (record->flags & SLT_SPAN_CAPTURE_ALL) && !(record->flags & SLT_SPAN_CAPTURE_CHANGED))
		attached = settings->calls_attached_ns;
	if (!attached || attached > record->started_ns)
		record->flags |= SLT_SPAN_UNATTACHED;
}

__noinline int span_finish(__u32 span_slot, __u32 ender_slot, __u32 flags)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_thread *ender = thread_at(ender_slot);
	__u64 now, polled = 0;
	struct slt_process *process;
	struct slt_part *part;
	struct slt_user *user;
	__u32 worked = 0;

	if (!span)
		return 0;
	/* The thread that ends it hands over what it has open in it, as at any change. */
	part = ender ? part_at(ender->part) : 0;
	if (part && part->span == span_slot && part->owner == ender_slot)
		context_change(ender_slot, 0);
	now = bpf_ktime_get_ns();
	if (ender) {
		account_read(ender_slot, 0, now);
		polled = ender->reading[SLT_CLASS_BLOCKED_POLL];
	}
	span->record.flags |= flags;
	span->record.ended_ns = now;
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		if (!span->parts[i])
			continue;
		part_collect(span->parts[i], span_slot, ender_slot, now);
		worked = 1;
	}
	if (worked || span->active || span->record.active_ns || (span->record.flags & SLT_SPAN_PARTS_LEFT_OUT))
		close_activity(span, ender_slot, now, ender ? ender->reading : 0);
	else
		share_starter(span_slot, now);
	note_conditions(&span->record, span->process);
	tell_parent(span_slot, ender_slot, now, polled);
	if (span_is_slow(span_slot)) {
		span_send(span_slot);
	} else {
		count(SLT_COUNT_SPANS_FAST, 1);
		absorb_into_parent(span_slot, ender_slot);
	}
	parts_free(span_slot);
	process = bpf_map_lookup_elem(&processes, &span->process);
	user = process ? user_of(process->uid) : 0;
	if (process)
		__sync_fetch_and_add(&process->open_spans, -1);
	if (user)
		__sync_fetch_and_add(&user->open_spans, -1);
	span_release(span, span_slot);
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(probe_span_end, const struct slt_span *told, const struct slt_resource *resource)
{
	struct slt_span_key key = {};
	__u32 thread_slot = thread_enter(), *found, slot, index;
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_process *process;
	struct slt_span_slot *span;

	if (!thread)
		return 0;
	index = thread->process;
	process = bpf_map_lookup_elem(&processes, &index);
	if (!process)
		return 0;
	if (bpf_probe_read_user(key.span_id, sizeof(key.span_id), &told->span_id)) {
		count(SLT_DROP_PROBE_UNREADABLE, 1);
		return 0;
	}
	key.process_start_ns = process->start_ns;
	key.tgid = thread->tgid;
	found = bpf_map_lookup_elem(&open_spans, &key);
	slot = found ? *found : 0;
	span = span_at(slot);
	/* Whoever deletes the key ends the span. */
	if (!span || bpf_map_delete_elem(&open_spans, &key)) {
		count(SLT_DROP_END_UNKNOWN, 1);
		return 0;
	}
	/* What the end says of the span replaces what the start said, unless it cannot be read any more. */
	if (bpf_probe_read_user(&span->record.span, sizeof(span->record.span), told))
		count(SLT_DROP_PROBE_UNREADABLE, 1);
	send_resource(span, process, resource);
	return span_finish(slot, thread_slot, 0);
}

/*
 * Run by user space (BPF_PROG_TEST_RUN) to end a span that its process will not
 * end. Arguments: span slot, flags for its record, process index that it must belong to (or
 * ANY_PROCESS), and how old it must be (ns). Returns 1 when it did.
 */
#define ANY_PROCESS (~0ull)

SEC("raw_tp")
int release_span(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 slot = ctx->args[0];
	struct slt_span_slot *span = span_at(slot);

	if (!span || span->key.tgid == 0 || (ctx->args[2] != ANY_PROCESS && span->process != ctx->args[2]) ||
	    since(bpf_ktime_get_ns(), span->record.started_ns) < ctx->args[3] ||
	    bpf_map_delete_elem(&open_spans, &span->key))
		return 0;
	span_finish(slot, 0, ctx->args[1]);
	return 1;
}
