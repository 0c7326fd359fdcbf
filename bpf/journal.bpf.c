// SPDX-License-Identifier: GPL-2.0-only
/*
 * How what a thread tells arrives without a trap: libslt writes it into the thread's journal (schemas/wire/probe.h), and
 * it is caught up with here: before the thread is switched out, and at its traps. Until then the thread has run without a
 * break, so that each entry's time divides what it has run.
 *
 * Everything in a journal is the process's to write. A wrong one must harm nobody but the process's own spans: what is done
 * while a switch waits for it is bounded, and neither asks the filter nor sends anything.
 */
#define __VMLINUX_H__ 1
#include "probes.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* Ends of spans, and parts of those, that are done in one switch: no honest journal has more. */
#define WORK_IN_SWITCH (2 * SLT_JOURNAL_ENTRIES)

/* ---- reading ---- */

/* The beginning of a journal. */
struct journal_head {
	__u64 registration;
	__u32 head;
	__u32 flushed;
};
_Static_assert(sizeof(struct journal_head) == __builtin_offsetof(struct slt_journal, entries), "a journal's beginning");

static __always_inline bool read_head(__u64 journal, struct journal_head *head)
{
	return bpf_probe_read_user(head, sizeof(*head), (void *)journal) == 0;
}

static __always_inline bool read_entry(__u64 address, __u32 number, struct slt_journal_entry *entry)
{
	const struct slt_journal *journal = (void *)address;

	return bpf_probe_read_user(entry, sizeof(*entry), &journal->entries[number % SLT_JOURNAL_ENTRIES]) == 0;
}

/* What lies between was not read, or not in time: the thread's part says that it is not whole. */
static __always_inline void entries_lost(struct slt_thread *thread, __u32 entries)
{
	thread->lost++;
	count(SLT_DROP_JOURNAL, entries < SLT_JOURNAL_ENTRIES ? entries : SLT_JOURNAL_ENTRIES);
}

/*
 * Our time of an entry: no later than now, not before the entry before, and not before the thread was seen to be switched in last: it may have been
 * switched out between its look at the clock and its entry, and tells from then on, as if it had trapped. Where a switch was missed since, its own time is all there is.
 */
static __always_inline __u64 time_of(struct slt_thread *thread, const struct slt_journal_entry *entry, __u64 now)
{
	__u64 at = entry->at_ns - thread->clock_ahead;

	if (at > now)
		at = now;
	if (at < thread->caught_up_at)
		at = thread->caught_up_at;
	if (at < thread->switched_in)
		at = thread->switched_in;
	thread->caught_up_at = at;
	return at;
}

/* The number of the end that the start leads to, where that has been written; 0: it does not. */
static __always_inline __u32 end_of(const struct slt_journal_entry *start, __u32 number, __u32 head)
{
	__u32 behind = start->ended - number;

	return start->ended && behind && behind < SLT_JOURNAL_ENTRIES && behind <= head - number ? start->ended : 0;
}

/* ---- doing ---- */

/* The spans that this end tells of began and ended unseen: they count, and the span that the thread works for tells its own time from theirs. */
static __always_inline void pass_over(struct slt_thread *thread, __u32 thread_slot, const struct slt_journal_entry *end)
{
	__u32 spans = end->spans <= SLT_JOURNAL_ENTRIES ? end->spans : SLT_JOURNAL_ENTRIES;
	__u64 child = end->child_ns <= SLT_JOURNAL_SHORT_NS ? end->child_ns : SLT_JOURNAL_SHORT_NS;
	struct slt_part *part = part_at(thread->part);
	struct slt_span_slot *span = part ? span_at(part->span) : 0;

	count(SLT_COUNT_SPANS_STARTED, spans);
	count(SLT_COUNT_SPANS_FAST, spans);
	if (child)
		turns(thread, thread->caught_up_at);
	if (!end->of_context || !span || part->owner != thread_slot)
		return;
	if (!span_is_open(span, part->record.serial))
		return;
	__sync_fetch_and_add(&span->record.children, 1);
	__sync_fetch_and_add(&span->record.child_account_ns[SLT_CLASS_ON_CPU_ANY], child);
	if (!thread->calls_seen)
		thread->seen[SLT_CLASS_ON_CPU_ANY] += child;
}

static __always_inline bool may_pass_over(const struct slt_thread *thread)
{
	struct slt_process *process = process_at_index(thread->process);
	struct slt_control *settings = settings_now();

	return process && settings && process->allowed_in == settings->generation;
}

/* Whether the span that goes with the entry can be read. */
static __always_inline bool span_is_there(const struct slt_span *span)
{
	__u8 version;

	return bpf_probe_read_user(&version, sizeof(version), &span->version) == 0;
}

/* Returns the number of the entry before this one, which cannot be read now. */
static __always_inline __u32 not_done(struct slt_thread *thread, __u32 number)
{
	thread->lost++;
	return number - 1;
}

/* Does the entry of this number. Returns the number of the last that is done with: the one before where it cannot be read now. */
__noinline int journal_step(__u32 thread_slot, __u32 number, __u32 head, __u64 now)
{
	struct slt_thread *thread = thread_at(thread_slot);
	const struct slt_journal *journal;
	struct slt_journal_entry entry;
	__u32 end;
	__u64 at;

	if (!thread)
		return number;
	journal = (void *)thread->journal;
	if (!read_entry(thread->journal, number, &entry))
		return not_done(thread, number);
	at = time_of(thread, &entry, now);
	switch (entry.kind) {
	case SLT_JOURNAL_START:
		if (entry.ended == SLT_JOURNAL_VOID)
			break;
		end = end_of(&entry, number, head);
		if (end && may_pass_over(thread) && read_entry(thread->journal, end, &entry)) {
			pass_over(thread, thread_slot, &entry);
			return end;
		}
		if (!span_is_there(&journal->spans[number % SLT_JOURNAL_ENTRIES]))
			return not_done(thread, number);
		span_open(thread_slot, (__u64)&journal->spans[number % SLT_JOURNAL_ENTRIES], at);
		break;
	case SLT_JOURNAL_CONTEXT:
		context_told(thread_slot, id_of(entry.span_id), at);
		break;
	case SLT_JOURNAL_END:
		if (!span_is_there(&journal->spans[number % SLT_JOURNAL_ENTRIES]))
			return not_done(thread, number);
		thread->work_left--;
		end_told(thread_slot, id_of(entry.span_id), &journal->spans[number % SLT_JOURNAL_ENTRIES],
			 TOLD_BY_JOURNAL, at);
		break;
	}
	return number;
}

/* Does all that it has written and that is not done. `head` is that of the thread's journal. */
static __always_inline void catch_up(struct slt_thread *thread, __u32 thread_slot, __u32 head)
{
	__u32 number = thread->caught_up, done;
	__u64 now;

	if (number == head)
		return;
	if (head - number > SLT_JOURNAL_ENTRIES) {
		entries_lost(thread, head - number - SLT_JOURNAL_ENTRIES);
		number = head - SLT_JOURNAL_ENTRIES;
	}
	now = bpf_ktime_get_ns();
	thread->work_left = WORK_IN_SWITCH;
	for (int i = 0; i < SLT_JOURNAL_ENTRIES; i++) {
		if (number == head)
			break;
		if (thread->in_switch && thread->work_left <= 0) {
			thread->lost++;
			break;
		}
		done = journal_step(thread_slot, number + 1, head, now);
		if (done == number)
			break;
		number = done;
	}
	thread->caught_up = number;
}

/* ---- whose, and when ---- */

/* CLOCK_MONOTONIC of the current task's time namespace, ahead of ours. */
static __always_inline __s64 clock_ahead(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct time_namespace *space;

	if (!bpf_core_field_exists(((struct nsproxy *)0)->time_ns))
		return 0;
	space = BPF_CORE_READ(task, nsproxy, time_ns);
	if (!space)
		return 0;
	return BPF_CORE_READ(space, offsets.monotonic.tv_sec) * (__s64)NSEC_PER_SEC +
	       BPF_CORE_READ(space, offsets.monotonic.tv_nsec);
}

/*
 * The thread has a journal at this address, which is new to us. What it wrote before we knew the thread was for an agent before us,
 * which may have caught up with it.
 */
__noinline int take_up(__u32 thread_slot, __u64 address, __u64 registration, __u32 head, __u32 flushed)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct slt_journal_entry first;

	if (!thread)
		return 0;
	thread->clock_ahead = clock_ahead();
	thread->registration = registration;
	thread->caught_up = flushed;
	thread->caught_up_at = 0;
	if (head != flushed && (!read_entry(address, flushed + 1, &first) ||
				first.at_ns - thread->clock_ahead < thread->known_since))
		thread->caught_up = head;
	thread->journal = address;
	return 0;
}

/* Catches up with the journal at this address in the thread's memory, which a probe tells of; or with the one that it has. */
__noinline int journal_catch_up(__u32 thread_slot, __u64 address, __u32 told)
{
	struct slt_thread *thread = thread_at(thread_slot);
	struct journal_head head;

	if (!thread)
		return 0;
	if (!read_head(address, &head)) {
		if (thread->journal == address)
			thread->lost++;
		if (told)
			count(SLT_DROP_PROBE_UNREADABLE, 1);
		return 0;
	}
	if (thread->journal != address || thread->registration != head.registration) {
		/* The thread has let go of it, and another one may have taken it. */
		if (!told) {
			thread->journal = 0;
			return 0;
		}
		take_up(thread_slot, address, head.registration, head.head, head.flushed);
	}
	catch_up(thread, thread_slot, head.head);
	return 0;
}

__noinline int journal_at_probe(__u32 thread_slot, __u64 journal)
{
	struct slt_thread *thread = thread_at(thread_slot);

	if (!thread)
		return 0;
	*(volatile __u32 *)&thread->in_probe = 1;
	barrier();
	/* It has let go of its journal, or this is one of a second copy of libslt. */
	if (thread->journal && thread->journal != journal) {
		journal_catch_up(thread_slot, thread->journal, false);
		thread->journal = 0;
	}
	if (journal)
		journal_catch_up(thread_slot, journal, true);
	thread->unseen = 0;
	return 0;
}

__noinline int journal_at_switch(__u32 thread_slot)
{
	struct slt_thread *thread = thread_at(thread_slot);

	if (!thread || thread->in_probe)
		return 0;
	thread->in_switch = 1;
	journal_catch_up(thread_slot, thread->journal, false);
	thread->in_switch = 0;
	thread->unseen = 0;
	return 0;
}

SEC("uprobe")
int BPF_KPROBE(probe_journal, const struct slt_journal *journal)
{
	probe_end(probe_begin(journal));
	return 0;
}
