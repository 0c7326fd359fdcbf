// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a span: its slot, its account, its end, and the decision whether it was slow: then send.bpf.c
 * has it, else absorb.bpf.c. A fast one without a parent costs what is here.
 */
#define __VMLINUX_H__ 1
#include "probes.h"

#include <bpf/bpf_tracing.h>

/* ---- start ---- */

static __always_inline bool key_of(const struct slt_thread *thread, __u64 id, struct slt_span_key *key)
{
	struct slt_process *process = process_at_index(thread->process);

	if (!process)
		return false;
	__builtin_memcpy(key->span_id, &id, sizeof(key->span_id));
	key->process_start_ns = process->start_ns;
	key->tgid = thread->tgid;
	return true;
}

__noinline int span_find(__u32 thread_slot, __u64 id)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_span_key key = {};
	struct slt_open_span *open;

	if (!thread)
		return 0;
	thread->found.slot = 0;
	thread->found.serial = 0;
	if (!key_of(thread, id, &key))
		return 0;
	open = bpf_map_lookup_elem(&open_spans, &key);
	return open && span_found(open, &key, &thread->found);
}

__noinline int span_take_found(__u32 thread_slot, __u64 id)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_span_slot *span = thread ? span_at(thread->found.slot) : 0;
	struct slt_span_key key = {};

	if (!thread || !span)
		return 0;
	return key_of(thread, id, &key) && span_take(span, &key, thread->found.enders);
}

/* The parent, when it is open in this process, is told of its end. */
static __always_inline void find_parent(struct slt_span_slot *span, struct slt_thread *thread, __u32 thread_slot)
{
	__u64 parent = id_of(span->record.span.parent_span_id);

	span->parent = 0;
	span->record.parent_serial = 0;
	if ((span->record.span.flags & SLT_SPAN_PARENT_REMOTE) || !parent || !span_find(thread_slot, parent))
		return;
	span->parent = thread->found.slot;
	span->record.parent_serial = thread->found.serial;
}

/* Gives the parts that the slot holds back, each to the process that it counts against. */
__noinline int parts_free(__u32 span_slot)
{
	struct slt_span_slot *span = span_at(span_slot);

	if (!span)
		return 0;
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		struct slt_part *part = part_at(span->parts[i]);

		if (part) {
			parts_given_back(part->process, 1);
			part_release(part, span->parts[i]);
		}
		span->parts[i] = 0;
	}
	return 0;
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
	span->parts_made = 0;
	span->threads_left_out = 0;
	span->children_left_out = 0;
	span->switches_missed = 0;
	span->captured_otherwise = lags_behind_capture(thread);
	span->starter = thread_slot;
	span->starter_lost = lost_before(thread);
	span->idle_thread = thread_slot;
	span->active_since = 0;
	span->idle_since = now;
	span->idle_mark = span->starter_account[SLT_CLASS_BLOCKED_POLL];
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

/*
 * Whether the filter lets the thread's process in. It is asked once in each generation, but not where a switch waits for it: then what it said
 * last holds until the thread's next probe.
 */
static __always_inline bool is_let_in(const struct slt_thread *thread, const struct slt_process *process,
				      const struct slt_control *settings)
{
	if (process->allowed_in == settings->generation)
		return true;
	if (!thread->in_switch)
		return process_ask_again(thread->process);
	if (!process_is_refused(process))
		return true;
	count(SLT_DROP_PROCESS_FILTERED, 1);
	return false;
}

__noinline int span_open(__u32 thread_slot, __u64 address, __u64 started)
{
	struct slt_control *settings = settings_now();
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_open_span open = {};
	struct slt_process *process;
	struct slt_span_slot *span;
	struct slt_user *user;
	__u32 index, slot;

	if (!thread || !settings)
		return 0;
	process = process_at_index(thread->process);
	user = process ? user_of(process) : 0;
	if (!process || !user)
		return 0;
	if (!is_let_in(thread, process, settings))
		return 0;
	/* Now, whatever the process says of the start. */
	if (!may_open_span(process, user, settings, bpf_ktime_get_ns()))
		return 0;
	if (bpf_map_pop_elem(&free_spans, &index)) {
		count(SLT_DROP_SPAN_SLOTS, 1);
		return 0;
	}
	slot = index + 1;
	span = span_at(slot);
	if (!span)
		return 0;
	if (bpf_probe_read_user(&span->record.span, sizeof(span->record.span), (void *)address)) {
		count(SLT_DROP_PROBE_UNREADABLE, 1);
		goto give_back;
	}
	if (span->record.span.version != SLT_PROBE_VERSION) {
		count(SLT_DROP_PROBE_VERSION, 1);
		goto give_back;
	}
	/* A thread that came to the span before in this slot just as that ended has left its part there. */
	parts_free(slot);
	account_read(thread_slot, 0, started);
	for (int i = 0; i < SLT_THREAD_CLASSES; i++)
		span->starter_account[i] = thread->reading[i];
	span_prepare(span, slot, thread_slot, thread, settings, started);
	span->record.process_start_ns = process->start_ns;
	span->key.process_start_ns = process->start_ns;
	span->key.tgid = thread->tgid;
	span->key.reserved = 0;
	__builtin_memcpy(span->key.span_id, span->record.span.span_id, sizeof(span->key.span_id));
	find_parent(span, thread, thread_slot);
	open.slot = slot;
	open.enders = span->enders;
	if (bpf_map_update_elem(&open_spans, &span->key, &open, BPF_NOEXIST)) {
		count(SLT_DROP_SPAN_DUPLICATE, 1);
		goto give_back;
	}
	slot_taken(&process->open_spans, &user->open_spans);
	count(SLT_COUNT_SPANS_STARTED, 1);
	return 0;
give_back:
	span_release(span, slot);
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(probe_span_start, const struct slt_span *told, const struct slt_journal *journal)
{
	__u32 slot = probe_begin(journal);

	span_open(slot, (__u64)told, bpf_ktime_get_ns());
	probe_end(slot);
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
	if (!starter || starter->tid != span->record.tid || starter->process != span->process) {
		span->record.flags |= SLT_SPAN_STARTER_GONE;
		return 0;
	}
	note_lost_since_start(span, span->starter);
	account_read(span->starter, span_slot, now);
	for (int i = 0; i < SLT_THREAD_CLASSES; i++)
		span->record.account_ns[i] = since(span->reading[i], span->starter_account[i]);
	for (int i = SLT_THREAD_CLASSES; i < SLT_CLASSES; i++)
		span->record.account_ns[i] = 0;
	return 0;
}

/* What the thread is made to do, or runs; the rest it has asked for, be it for this span or for what it turned to. */
static __always_inline bool befalls(__u32 class)
{
	switch (class) {
	case SLT_CLASS_ON_CPU_USER:
	case SLT_CLASS_ON_CPU_KERNEL:
	case SLT_CLASS_ON_CPU_ANY:
	case SLT_CLASS_RUNQUEUE_PREEMPTED:
	case SLT_CLASS_RUNQUEUE_WOKEN:
	case SLT_CLASS_RUNQUEUE_YIELDED:
	case SLT_CLASS_BLOCKED_RUNTIME:
	case SLT_CLASS_BLOCKED_PAGE_FAULT:
	case SLT_CLASS_BLOCKED_MEMORY:
	case SLT_CLASS_STOPPED:
		return true;
	}
	return false;
}

/* From leaving a span's context to its end an SDK runs no longer than this: what runs longer works for others. */
#define FROM_CONTEXT_TO_END_NS 1000000

/*
 * The last gap, from the last context to the end, is the ending thread's own work on the span when it is the one that
 * left it, has turned to nothing but the parent, which does not get it too, and hardly ran or was held up. Returns
 * whether it was so.
 */
__noinline int ender_went_on(__u32 span_slot, __u32 ender_slot, __u64 now)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_thread *ender = thread_at(ender_slot);
	struct slt_part *part = ender ? part_at(ender->part) : 0;
	__u64 ran = 0, time;

	if (!span || !ender)
		return 0;
	if (ender->left_span != span_slot || span->idle_thread != ender_slot || span->idle_since != ender->left_at)
		return 0;
	if (part && part->owner == ender_slot && !part_is_of_parent(part, span))
		return 0;
	if (now <= span->idle_since || ender->lost != ender->left_lost)
		return 0;
	for (int i = 0; i < SLT_THREAD_CLASSES; i++) {
		time = since(ender->reading[i], ender->seen[i]);
		if (!befalls(i) && time)
			return 0;
		if (i <= SLT_CLASS_ON_CPU_ANY)
			ran += time;
	}
	if (ran > FROM_CONTEXT_TO_END_NS)
		return 0;
	for (int i = 0; i < SLT_THREAD_CLASSES; i++) {
		span->record.account_ns[i] += since(ender->reading[i], ender->seen[i]);
		ender->seen[i] = ender->reading[i];
	}
	span->record.active_ns += since(now, span->idle_since);
	turns(ender, now);
	return 1;
}

/* Closes the span's own time: after this active_ns and the awaiting classes add up to its duration. `account`: the ender's. */
static __always_inline void close_activity(struct slt_span_slot *span, __u32 span_slot, __u32 ender_slot, __u64 now,
					   const __u64 *account)
{
	if (span->active) {
		if (span->active_since)
			span->record.active_ns += since(now, span->active_since);
		return;
	}
	if (!ender_went_on(span_slot, ender_slot, now))
		span_resume(span, ender_slot, now, account);
}

/* Of a race: what is off by less than this part of the wall time (2^-10) is not worth a word. */
#define RACED_SHIFT 10

/*
 * Where threads came and went at the same instant, an interval may have been counted twice, or not at all. What is
 * told never exceeds the wall time, and says that it is not exact.
 */
static __always_inline void activity_settle(struct slt_record_span *record)
{
	__u64 wall = since(record->ended_ns, record->started_ns), room = wall, total = record->active_ns, off;

	for (int i = SLT_THREAD_CLASSES; i < SLT_CLASSES; i++) {
		total += record->account_ns[i];
		if (record->account_ns[i] > room)
			record->account_ns[i] = room;
		room -= record->account_ns[i];
	}
	if (record->active_ns > room)
		record->active_ns = room;
	off = total > wall ? total - wall : wall - total;
	if (off > wall >> RACED_SHIFT)
		record->flags |= SLT_SPAN_ACTIVITY_RACED;
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
	span_suspend(parent, span->counted_by_parent, ender_slot, now, polled);
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

/* Sent because the kernel has no threshold for its name, and some rule is higher than it was long. */
static __always_inline bool may_be_fast(const struct slt_record_span *record)
{
	struct slt_control *settings = settings_now();

	return (record->flags & SLT_SPAN_RULE_UNKNOWN) && settings &&
	       since(record->ended_ns, record->started_ns) < settings->threshold_highest_ns;
}

/* ---- end ---- */

static __always_inline void note_conditions(struct slt_span_slot *span)
{
	struct slt_record_span *record = &span->record;
	__u32 process_index = span->process;
	struct slt_runtime *runtime = bpf_map_lookup_elem(&runtimes, &process_index);
	struct slt_capture *capture = bpf_map_lookup_elem(&captures, &process_index);
	struct slt_control *settings = settings_now();
	__u64 attached;

	if (runtime && runtime->known_since_ns && runtime->known_since_ns <= record->started_ns)
		record->flags |= SLT_SPAN_RUNTIME_KNOWN;
	if (span->captured_otherwise || (capture && capture->since_ns > record->started_ns))
		record->flags |= SLT_SPAN_CAPTURE_CHANGED;
	if (!settings)
		return;
	attached = settings->attached_ns;
	if (attached && (record->flags & SLT_SPAN_CAPTURE_ALL) && !(record->flags & SLT_SPAN_CAPTURE_CHANGED))
		attached = settings->calls_attached_ns;
	if (!attached || attached > record->started_ns)
		record->flags |= SLT_SPAN_UNATTACHED;
}

__noinline int span_finish(__u32 span_slot, __u32 ender_slot, __u32 flags, __u64 now)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_thread *ender = thread_at(ender_slot);
	__u64 polled = 0;
	struct slt_process *process;
	struct slt_part *part;
	struct slt_user *user;
	__u32 worked = 0;

	if (!span)
		return 0;
	/* The thread that ends it hands over what it has open in it, as at any change. */
	part = ender ? part_at(ender->part) : 0;
	if (part && part->span == span_slot && part->owner == ender_slot)
		context_change(ender_slot, 0, 0, now);
	if (ender) {
		account_read(ender_slot, 0, now);
		polled = ender->reading[SLT_CLASS_BLOCKED_POLL];
	}
	span->record.flags |= flags & ~SPAN_IS_FAST;
	span->record.ended_ns = now;
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		if (!span->parts[i])
			continue;
		part_collect(span->parts[i], span_slot, ender_slot, now);
		worked++;
	}
	if (ender)
		ender->work_left -= worked;
	if (span->threads_left_out || span->parts_made != worked)
		span->record.flags |= SLT_SPAN_PARTS_LEFT_OUT;
	if (span->children_left_out)
		span->record.flags |= SLT_SPAN_CALLS_LEFT_OUT;
	if (worked || span->active || span->record.active_ns || (span->record.flags & SLT_SPAN_PARTS_LEFT_OUT)) {
		close_activity(span, span_slot, ender_slot, now, ender ? ender->reading : 0);
		activity_settle(&span->record);
	} else {
		share_starter(span_slot, now);
	}
	if (span->switches_missed)
		span->record.flags |= SLT_SPAN_SWITCH_MISSED;
	note_conditions(span);
	tell_parent(span_slot, ender_slot, now, polled);
	if (!(flags & SPAN_IS_FAST) && span_is_slow(span_slot)) {
		if (may_be_fast(&span->record))
			leave_out_of_parent(span_slot);
		span_send(span_slot);
	} else {
		count(SLT_COUNT_SPANS_FAST, 1);
		absorb_into_parent(span_slot, ender_slot);
	}
	parts_free(span_slot);
	process = process_at_index(span->process);
	user = process ? user_of(process) : 0;
	if (process && user)
		slots_given_back(&process->open_spans, &user->open_spans, 1);
	span_release(span, span_slot);
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(probe_span_end, const struct slt_span *told, const struct slt_resource *resource,
	       const struct slt_journal *journal)
{
	__u32 slot = probe_begin(journal);
	__u64 id;

	if (slot && read_id(&id, told->span_id))
		end_told(slot, id, told, (__u64)resource, bpf_ktime_get_ns());
	probe_end(slot);
	return 0;
}
