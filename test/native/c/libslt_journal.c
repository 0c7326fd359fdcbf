/* SPDX-License-Identifier: Apache-2.0 */
/* What threads write into their journals, and what traps nevertheless. One case a run: libslt_journal CASE. */
#include <linux/seccomp.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

#include "expect.h"
#include "hits.h"

/* --- the clock --- */

static _Atomic uint64_t clock_ns = 1000000000;

/* libslt's clock too, as the program comes first in the search: each reading is a nanosecond after the one before. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	uint64_t at;

	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, now);
	at = ++clock_ns;
	*now = (struct timespec){ .tv_sec = (time_t)(at / 1000000000), .tv_nsec = (long)(at % 1000000000) };
	return 0;
}

static void pass(uint64_t ns)
{
	clock_ns += ns;
}

/* The library's. */
#define SILENT_NS 100000000

/* --- what is to be found --- */

static const struct slt_journal_entry *entry(const struct slt_journal *journal, uint32_t number)
{
	return &journal->entries[number % SLT_JOURNAL_ENTRIES];
}

static uint64_t at(const struct slt_journal *journal, uint32_t number)
{
	return entry(journal, number)->at_ns;
}

/* The latest entry, of this number, and not before the one before it. */
static bool is_latest(const struct slt_journal *journal, uint32_t number, uint32_t kind, uint64_t id)
{
	const bool in_order = number == 1 || at(journal, number - 1) <= at(journal, number);

	return journal->head == number && entry(journal, number)->kind == kind && in_order &&
	       memcmp(entry(journal, number)->span_id, &id, sizeof(id)) == 0;
}

static bool tells(const struct slt_journal *journal, uint32_t number, uint32_t kind, const struct slt_span *span)
{
	uint64_t id;

	memcpy(&id, span->span_id, sizeof(id));
	return is_latest(journal, number, kind, id) &&
	       memcmp(&journal->spans[number % SLT_JOURNAL_ENTRIES], span, sizeof(*span)) == 0;
}

static bool last_hit_is(enum probe_site site, uint64_t id)
{
	return hit_count > 0 && hits[hit_count - 1].site == site && hits[hit_count - 1].id == id;
}

/* … and comes with this journal. */
static bool last_hit_has(enum probe_site site, uint64_t id, const struct slt_journal *journal)
{
	return last_hit_is(site, id) && hits[hit_count - 1].journal == journal;
}

/* The only ones since the hit of this number. */
static bool hits_are(int since, const enum probe_site *sites, int count)
{
	for (int i = 0; i < count && since + i < hit_count; i++)
		if (hits[since + i].site != sites[i])
			return false;
	return hit_count == since + count;
}

#define HITS_ARE(since, ...)                                                        \
	hits_are(since, (const enum probe_site[]){ __VA_ARGS__ },                   \
		 (int)(sizeof((const enum probe_site[]){ __VA_ARGS__ }) / sizeof(enum probe_site)))

static bool is_caught_up(const struct slt_journal *journal, uint32_t number)
{
	return journal->head == number && journal->flushed == number;
}

static int hits_of(enum probe_site site)
{
	int count = 0;

	for (int i = 0; i < hit_count; i++)
		count += hits[i].site == site;
	return count;
}

/* --- how to get there --- */

static struct slt_span child_span(uint64_t number, uint64_t parent)
{
	struct slt_span span = numbered_span(number);

	memcpy(span.parent_span_id, &parent, sizeof(parent));
	return span;
}

static void attach(void)
{
	hits_record();
	probe_trap_raise();
	probe_trap_raise_journals();
}

/*
 * The calling thread, whose context nobody knows yet, starts a span and works for it. That traps for the context, as
 * it was not known, and for the journal; the start and the second context are entries 1 and 2.
 */
static const struct slt_journal *work_for(const struct slt_span *span)
{
	const int before = hit_count;
	const struct slt_journal *journal;

	slt_context_set(NULL);
	slt_span_start(span);
	slt_context_set(span);
	journal = hits[hit_count - 1].journal;
	EXPECT(hit_count >= before + 2 && last_hit_is(SITE_JOURNAL, 0) && journal->head == 2 && journal->flushed == 0);
	return journal;
}

/* Writes contexts, of `span` and of none by turns, up to the entry of this number. */
static void write_up_to(const struct slt_journal *journal, uint32_t number, const struct slt_span *span)
{
	while (journal->head != number) {
		const uint32_t before = journal->head;

		slt_context_set(span);
		if (journal->head == before) /* it was the context */
			slt_context_set(NULL);
		EXPECT(journal->head == before + 1);
	}
}

static void in_thread(int (*run)(void *), const void *argument)
{
	thrd_t thread;

	EXPECT(thrd_create(&thread, run, (void *)argument) == thrd_success);
	EXPECT(thrd_join(thread, NULL) == thrd_success);
}

/* --- one thread --- */

static void written(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1), root = numbered_span(3);
	struct slt_span remote = child_span(4, 99), ended;
	const struct slt_journal *journal;

	attach();
	slt_context_set(NULL);
	EXPECT(hit_count == 2 && hits[0].site == SITE_PROCESS && last_hit_is_context(0));
	slt_span_start(&outer);
	EXPECT(hit_count == 3 && hits[2].site == SITE_JOURNAL);
	EXPECT(hits[2].registration != 0 && hits[2].head == 0 && hits[2].flushed == 0);
	journal = hits[2].journal;
	EXPECT(tells(journal, 1, SLT_JOURNAL_START, &outer));
	slt_context_set(&outer);
	EXPECT(is_latest(journal, 2, SLT_JOURNAL_CONTEXT, 1));

	slt_span_start(&child);
	EXPECT(tells(journal, 3, SLT_JOURNAL_START, &child));
	slt_context_set(&child);
	EXPECT(is_latest(journal, 4, SLT_JOURNAL_CONTEXT, 2));
	pass(100);
	slt_context_set(&outer);
	EXPECT(is_latest(journal, 5, SLT_JOURNAL_CONTEXT, 1));
	EXPECT(entry(journal, 3)->ended == 0);
	ended = child;
	slt_span_name(&ended, "the name at the end", 19);
	slt_span_end(&ended);
	EXPECT(tells(journal, 6, SLT_JOURNAL_END, &ended));
	EXPECT(entry(journal, 3)->ended == 6 && entry(journal, 6)->spans == 1 && entry(journal, 6)->of_context != 0);
	EXPECT(entry(journal, 6)->child_ns == 101 && at(journal, 5) - at(journal, 4) == 101);

	slt_context_set(NULL);
	slt_span_start(&root); /* 8 */
	slt_context_set(&root);
	pass(10);
	slt_context_set(NULL);
	slt_span_end(&root);
	EXPECT(tells(journal, 11, SLT_JOURNAL_END, &root));
	EXPECT(entry(journal, 8)->ended == 11 && entry(journal, 11)->spans == 1 && entry(journal, 11)->of_context == 0);
	EXPECT(entry(journal, 11)->child_ns == 11);

	remote.flags |= SLT_SPAN_PARENT_REMOTE;
	slt_span_start(&remote);
	slt_span_end(&remote);
	EXPECT(tells(journal, 13, SLT_JOURNAL_END, &remote));
	EXPECT(entry(journal, 12)->ended == 13 && entry(journal, 13)->spans == 1 && entry(journal, 13)->of_context == 0);
	EXPECT(entry(journal, 13)->child_ns == 0);

	slt_context_set(NULL); /* a repetition */
	EXPECT(journal->head == 13 && journal->flushed == 0 && hit_count == 3);
}

static void nested(void)
{
	const struct slt_span outer = numbered_span(1), middle = child_span(2, 1), inner = child_span(3, 2),
			      innermost = child_span(4, 3), aside = child_span(5, 1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	slt_span_start(&middle); /* 3 */
	slt_context_set(&middle);
	pass(10);
	slt_span_start(&inner); /* 5 */
	slt_context_set(&inner);
	pass(20);
	slt_span_start(&innermost);
	slt_span_end(&innermost); /* 8 */
	EXPECT(entry(journal, 7)->ended == 8 && entry(journal, 8)->spans == 1 && entry(journal, 8)->of_context != 0);
	EXPECT(entry(journal, 8)->child_ns == 0);
	pass(40);
	slt_context_set(&middle);
	slt_span_end(&inner); /* 10 */
	EXPECT(entry(journal, 5)->ended == 10 && entry(journal, 10)->spans == 2 && entry(journal, 10)->of_context != 0);
	EXPECT(entry(journal, 10)->child_ns == at(journal, 9) - at(journal, 6));
	pass(80);
	slt_context_set(&outer);
	pass(160); /* not the child's */
	slt_span_start(&aside);
	slt_span_end(&aside); /* 13 */
	EXPECT(entry(journal, 12)->ended == 13 && entry(journal, 13)->of_context != 0);
	slt_context_set(&middle);
	pass(320);
	slt_context_set(&outer);
	slt_span_end(&middle); /* 16 */
	EXPECT(entry(journal, 3)->ended == 16 && entry(journal, 16)->spans == 4 && entry(journal, 16)->of_context != 0);
	EXPECT(entry(journal, 16)->child_ns ==
	       at(journal, 11) - at(journal, 4) + (at(journal, 15) - at(journal, 14)));
	slt_context_set(NULL);
	slt_span_end(&outer); /* 18 */
	EXPECT(entry(journal, 1)->ended == 18 && entry(journal, 18)->spans == 5 && entry(journal, 18)->of_context == 0);
	EXPECT(entry(journal, 18)->child_ns == at(journal, 17) - at(journal, 2));
	EXPECT(journal->head == 18 && journal->flushed == 0 && hit_count == 3);
}

static void context_unknown(void)
{
	const struct slt_span root = numbered_span(1);

	attach();
	slt_span_start(&root);
	slt_span_end(&root);
	EXPECT(hit_count == 2 && hits[0].site == SITE_PROCESS && hits[1].site == SITE_JOURNAL);
	EXPECT(tells(hits[1].journal, 2, SLT_JOURNAL_END, &root) && entry(hits[1].journal, 1)->ended == 0);
}

/* As another thread may do it just before. */
static void void_start(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1), inner = child_span(3, 2);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	slt_span_start(&child); /* 3 */
	slt_context_set(&child);
	slt_span_start(&inner); /* 5 */
	((struct slt_journal *)journal)->entries[5].ended = SLT_JOURNAL_VOID;
	slt_span_end(&inner);
	EXPECT(tells(journal, 6, SLT_JOURNAL_END, &inner) && entry(journal, 5)->ended == SLT_JOURNAL_VOID);
	slt_context_set(&outer);
	slt_span_end(&child);
	EXPECT(tells(journal, 8, SLT_JOURNAL_END, &child) && entry(journal, 3)->ended == 0);
	EXPECT(entry(journal, 5)->ended == SLT_JOURNAL_VOID && hit_count == 3);
}

/* Their ends are written, but the kernel side has to go through all of it. */
static void not_undone(void)
{
	const struct slt_span outer = numbered_span(1), kept = child_span(2, 1), first = child_span(3, 1),
			      second = child_span(4, 1), of_other = child_span(5, 2), root = numbered_span(6);
	struct slt_span remote = child_span(7, 1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	slt_span_start(&kept);
	slt_context_set(&kept);
	slt_span_end(&kept);
	EXPECT(tells(journal, 5, SLT_JOURNAL_END, &kept) && entry(journal, 3)->ended == 0);
	slt_context_set(&outer);

	slt_span_start(&first); /* 7 */
	slt_span_start(&second);
	slt_span_end(&first);
	EXPECT(tells(journal, 9, SLT_JOURNAL_END, &first) && entry(journal, 7)->ended == 0);
	slt_span_end(&second);
	EXPECT(tells(journal, 10, SLT_JOURNAL_END, &second) && entry(journal, 8)->ended == 0);

	slt_span_start(&of_other);
	slt_span_end(&of_other);
	EXPECT(tells(journal, 12, SLT_JOURNAL_END, &of_other) && entry(journal, 11)->ended == 0);
	/* The thread works for another span than the parent, which these have none of here. */
	slt_span_start(&root);
	slt_span_end(&root);
	EXPECT(tells(journal, 14, SLT_JOURNAL_END, &root) && entry(journal, 13)->ended == 0);
	remote.flags |= SLT_SPAN_PARENT_REMOTE;
	slt_span_start(&remote);
	slt_span_end(&remote);
	EXPECT(tells(journal, 16, SLT_JOURNAL_END, &remote) && entry(journal, 15)->ended == 0);

	slt_context_set(NULL);
	slt_span_end(&outer); /* what lies within is not undone */
	EXPECT(tells(journal, 18, SLT_JOURNAL_END, &outer) && entry(journal, 1)->ended == 0);
	EXPECT(hit_count == 3 && journal->flushed == 0);
}

static void late_end(void)
{
	const struct slt_span outer = numbered_span(1), short_one = child_span(2, 1), long_one = child_span(3, 1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	slt_span_start(&short_one);
	pass(SLT_JOURNAL_SHORT_NS - 2);
	slt_span_end(&short_one);
	EXPECT(tells(journal, 4, SLT_JOURNAL_END, &short_one) && entry(journal, 3)->ended == 4);
	EXPECT(at(journal, 4) - at(journal, 3) == SLT_JOURNAL_SHORT_NS - 1);

	slt_span_start(&long_one);
	pass(SLT_JOURNAL_SHORT_NS - 1);
	EXPECT(hit_count == 3);
	slt_span_end(&long_one);
	EXPECT(hit_count == 4 && last_hit_has(SITE_SPAN_END, 3, journal) && hits[3].span == &long_one);
	EXPECT(is_caught_up(journal, 5) && entry(journal, 5)->ended == 0);
}

static void ends_at(enum probe_site site, const struct slt_journal *journal, const struct slt_span *span)
{
	const int before = hit_count;
	const uint32_t head = journal->head;

	slt_span_start(span);
	slt_span_end(span);
	if (site == SITE_JOURNAL)
		EXPECT(hit_count == before && journal->head == head + 2);
	else
		EXPECT(hits[hit_count - 1].site == site && hits[hit_count - 1].resource != NULL && journal->head == head + 1);
}

static void resource_told(void)
{
	const struct slt_resource one = { .version = SLT_PROBE_VERSION, .length = 15, .text = "service.name\0a\0" },
				  other = { .version = SLT_PROBE_VERSION, .length = 15, .text = "service.name\0b\0" };
	const struct slt_span outer = numbered_span(1);
	struct slt_span first = child_span(2, 1), second = child_span(3, 1);
	const struct slt_journal *journal;

	first.resource = slt_resource_set(&one);
	second.resource = slt_resource_set(&other);
	EXPECT(first.resource != 0 && second.resource != 0 && first.resource != second.resource);
	attach();
	journal = work_for(&outer);
	ends_at(SITE_SPAN_END, journal, &first);
	ends_at(SITE_JOURNAL, journal, &first);
	ends_at(SITE_SPAN_END, journal, &second);
	for (int i = 0; i < 3; i++) {
		ends_at(SITE_JOURNAL, journal, &first);
		ends_at(SITE_JOURNAL, journal, &second);
	}
	pass(SILENT_NS + 1);
	ends_at(SITE_SPAN_END, journal, &second);
	ends_at(SITE_JOURNAL, journal, &second);
	ends_at(SITE_SPAN_END, journal, &first);
}

static void not_its_own(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1), unknown = numbered_span(99),
			      of_unknown = child_span(98, 99);
	struct slt_span remote = child_span(97, 99);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	slt_span_start(&child);
	slt_span_end(&child);
	EXPECT(hit_count == 3 && journal->head == 4);
	slt_span_end(&child);
	EXPECT(hit_count == 4 && last_hit_is(SITE_SPAN_END, 2) && is_caught_up(journal, 4));

	slt_span_start(&child); /* an entry, so that there is something to be caught up with */
	slt_span_end(&unknown);
	EXPECT(hit_count == 5 && last_hit_is(SITE_SPAN_END, 99) && is_caught_up(journal, 5));
	slt_span_end(&child);
	slt_context_set(&unknown);
	EXPECT(hit_count == 6 && last_hit_is_context(99) && is_caught_up(journal, 6));
	slt_context_set(&outer); /* away from it as well */
	EXPECT(hit_count == 7 && last_hit_is_context(1) && is_caught_up(journal, 6));
	slt_context_set(NULL);
	EXPECT(hit_count == 7 && is_latest(journal, 7, SLT_JOURNAL_CONTEXT, 0) && journal->flushed == 6);

	slt_span_start(&of_unknown);
	EXPECT(hit_count == 8 && last_hit_has(SITE_SPAN_START, 98, journal) && is_caught_up(journal, 7));
	slt_span_end(&of_unknown); /* it was never written */
	EXPECT(hit_count == 9 && last_hit_has(SITE_SPAN_END, 98, journal) && is_caught_up(journal, 7));
	remote.flags |= SLT_SPAN_PARENT_REMOTE;
	slt_span_start(&remote);
	EXPECT(tells(journal, 8, SLT_JOURNAL_START, &remote) && hit_count == 9);
}

static void full(void)
{
	const struct slt_span outer = numbered_span(1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	for (uint32_t number = 3; number <= 4 * SLT_JOURNAL_ENTRIES + 1; number++) {
		slt_context_set(number % 2 == 0 ? &outer : NULL);
		EXPECT(is_latest(journal, number, SLT_JOURNAL_CONTEXT, number % 2 == 0));
		EXPECT(hit_count == 3 + (int)((number - 1) / SLT_JOURNAL_ENTRIES));
	}
	for (uint32_t i = 0; i < 4; i++) {
		const struct recorded_hit *hit = &hits[3 + i];

		EXPECT(hit->site == SITE_JOURNAL && hit->journal == journal && hit->registration == hits[2].registration);
		EXPECT(hit->flushed == i * SLT_JOURNAL_ENTRIES && hit->head == hit->flushed + SLT_JOURNAL_ENTRIES);
	}
	EXPECT(journal->flushed == 4 * SLT_JOURNAL_ENTRIES);
}

/* A start whose place the end would take cannot be led on from, nor does it say how long ago it was. */
static void start_overwritten(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	slt_span_start(&child); /* 3 */
	write_up_to(journal, 3 + SLT_JOURNAL_ENTRIES - 2, &outer);
	slt_span_end(&child);
	EXPECT(tells(journal, 66, SLT_JOURNAL_END, &child) && entry(journal, 3)->ended == 66);

	write_up_to(journal, 68, &outer);
	slt_span_start(&child); /* 69 */
	write_up_to(journal, 69 + SLT_JOURNAL_ENTRIES - 1, &outer);
	slt_span_end(&child);
	EXPECT(last_hit_has(SITE_SPAN_END, 2, journal) && is_caught_up(journal, 69 + SLT_JOURNAL_ENTRIES - 1));
}

static void numbers_wrap(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1), inner = child_span(3, 2);
	const struct slt_journal *journal;
	struct slt_journal *set;

	attach();
	journal = work_for(&outer);
	set = (struct slt_journal *)journal;
	set->head = set->flushed = UINT32_MAX - 7;
	for (uint32_t number = UINT32_MAX - 6; number != 7; number += 2) {
		slt_span_start(&child);
		EXPECT(tells(journal, number, SLT_JOURNAL_START, &child));
		slt_span_end(&child);
		EXPECT(tells(journal, number + 1, SLT_JOURNAL_END, &child));
		EXPECT(entry(journal, number)->ended == number + 1); /* 0 of the one that ends at 0: it means that it has none */
	}

	set->head = set->flushed = UINT32_MAX - 2;
	slt_span_start(&child);
	slt_span_end(&child); /* its number means something else as well */
	EXPECT(tells(journal, SLT_JOURNAL_VOID, SLT_JOURNAL_END, &child) && entry(journal, UINT32_MAX - 1)->ended == 0);

	set->head = set->flushed = UINT32_MAX;
	slt_span_start(&child);
	EXPECT(tells(journal, 0, SLT_JOURNAL_START, &child));
	slt_span_end(&child);
	EXPECT(tells(journal, 1, SLT_JOURNAL_END, &child) && entry(journal, 0)->ended == 1);

	set->head = set->flushed = UINT32_MAX - 3;
	slt_span_start(&child);
	slt_context_set(&child);
	slt_span_start(&inner);
	slt_span_end(&inner);
	EXPECT(tells(journal, 0, SLT_JOURNAL_END, &inner) && entry(journal, UINT32_MAX)->ended == 0);
	slt_context_set(&outer);
	slt_span_end(&child); /* what lies within is not undone */
	EXPECT(tells(journal, 2, SLT_JOURNAL_END, &child) && entry(journal, UINT32_MAX - 2)->ended == 0);
	EXPECT(hit_count == 3);
}

static void journals_lowered(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	probe_trap_lower_journals();
	slt_span_start(&child);
	EXPECT(hit_count == 4 && last_hit_is(SITE_SPAN_START, 2) && is_caught_up(journal, 2));
	slt_context_set(&child);
	EXPECT(hit_count == 5 && last_hit_is_context(2));
	slt_context_set(&outer);
	EXPECT(hit_count == 6 && last_hit_is_context(1));
	slt_span_end(&child);
	EXPECT(hit_count == 7 && last_hit_is(SITE_SPAN_END, 2) && is_caught_up(journal, 2));

	probe_trap_raise_journals();
	slt_span_start(&child);
	EXPECT(tells(journal, 3, SLT_JOURNAL_START, &child));
	slt_context_set(NULL);
	EXPECT(is_latest(journal, 4, SLT_JOURNAL_CONTEXT, 0));
	EXPECT(hit_count == 7 && journal->flushed == 2 && journal->registration == hits[2].registration);
}

static void next_agent(void)
{
	const struct slt_span outer = numbered_span(1);
	uint64_t first;

	attach();
	work_for(&outer);
	first = hits[2].registration;
	probe_trap_lower_journals();
	probe_trap_lower();
	slt_context_set(NULL);
	EXPECT(hit_count == 3);
	probe_trap_raise();
	probe_trap_raise_journals();
	work_for(&outer);
	EXPECT(hit_count == 6 && hits[3].site == SITE_PROCESS && hits[4].site == SITE_CONTEXT_SET);
	EXPECT(hits[4].journal == NULL); /* the former one is of no use */
	EXPECT(hits[5].registration != first && hits[5].registration != 0 && hits[5].head == 0);
}

/* Each of them sees the agent go, and may be the only one that does. */
static void agent_gone(void)
{
	const struct slt_span outer = numbered_span(1), unknown = numbered_span(99);
	void (*const calls[])(const struct slt_span *) = { slt_span_start, slt_span_end };
	uint64_t registration;

	attach();
	work_for(&outer);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const int before = hit_count;

		registration = hits[before - 1].registration;
		probe_trap_lower_journals();
		probe_trap_lower();
		calls[i](&unknown);
		EXPECT(hit_count == before);
		probe_trap_raise();
		probe_trap_raise_journals();
		slt_context_set(&outer); /* the new agent was told nothing */
		EXPECT(HITS_ARE(before, SITE_PROCESS, SITE_CONTEXT_SET) && last_hit_has(SITE_CONTEXT_SET, 1, NULL));
		slt_span_start(&outer);
		EXPECT(hit_count == before + 3 && last_hit_is(SITE_JOURNAL, 0));
		EXPECT(hits[before + 2].head == 0 && hits[before + 2].registration != registration);
		EXPECT(tells(hits[before + 2].journal, 1, SLT_JOURNAL_START, &outer));
	}
}

static void silent(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	pass(SILENT_NS - 1);
	slt_context_set(NULL);
	EXPECT(is_latest(journal, 3, SLT_JOURNAL_CONTEXT, 0) && hit_count == 3);
	EXPECT(at(journal, 3) - at(journal, 2) == SILENT_NS);
	pass(SILENT_NS);
	slt_context_set(&outer);
	EXPECT(hit_count == 4 && last_hit_has(SITE_JOURNAL, 0, journal));
	EXPECT(hits[3].head == 3 && hits[3].flushed == 0 && hits[3].registration == hits[2].registration);
	EXPECT(is_latest(journal, 4, SLT_JOURNAL_CONTEXT, 1) && journal->flushed == 3);

	pass(SILENT_NS);
	slt_span_start(&child); /* also where nothing is pending … */
	EXPECT(hit_count == 5 && hits[4].site == SITE_JOURNAL && hits[4].head == 4);
	EXPECT(tells(journal, 5, SLT_JOURNAL_START, &child) && journal->flushed == 4);
	slt_span_end(&child); /* … but not at once again */
	EXPECT(tells(journal, 6, SLT_JOURNAL_END, &child) && hit_count == 5);

	slt_context_set(&child);
	write_up_to(journal, 4 + SLT_JOURNAL_ENTRIES, &outer);
	EXPECT(hit_count == 5);
	pass(SILENT_NS);
	slt_context_set(NULL); /* and of a full one only once */
	slt_context_set(&outer);
	EXPECT(hit_count == 6 && hits[5].site == SITE_JOURNAL && journal->flushed == 4 + SLT_JOURNAL_ENTRIES);
}

static void silent_without_entry(void)
{
	const struct slt_span outer = numbered_span(1), unknown = numbered_span(99);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	pass(SILENT_NS);
	slt_span_end(&outer); /* late */
	EXPECT(HITS_ARE(3, SITE_SPAN_END) && is_caught_up(journal, 2));
	slt_context_set(&unknown);
	EXPECT(HITS_ARE(3, SITE_SPAN_END, SITE_CONTEXT_SET) && is_caught_up(journal, 2));
}

/* --- the argument of the traps --- */

static void arguments_as_child(const struct slt_span *root, const struct slt_span *unknown)
{
	const int before = hit_count;
	const struct slt_journal *journal;

	slt_context_set(unknown);
	slt_span_start(root);
	slt_span_end(root);
	EXPECT(HITS_ARE(before, SITE_PROCESS, SITE_CONTEXT_SET, SITE_SPAN_START, SITE_SPAN_END));
	EXPECT(hits[before + 1].journal == NULL && hits[before + 2].journal == NULL && hits[before + 3].journal == NULL);
	probe_trap_raise_journals();
	slt_span_start(root);
	EXPECT(hit_count == before + 5 && last_hit_is(SITE_JOURNAL, 0));
	journal = hits[before + 4].journal;
	slt_span_end(unknown);
	EXPECT(hit_count == before + 6 && last_hit_has(SITE_SPAN_END, 99, journal) && is_caught_up(journal, 1));
}

static void arguments(void)
{
	const struct slt_span root = numbered_span(1), unknown = numbered_span(99), of_unknown = child_span(98, 99);
	const struct slt_journal *journal;
	pid_t child;

	attach();
	slt_context_set(NULL);
	EXPECT(hit_count == 2 && hits[0].journal == NULL && last_hit_has(SITE_CONTEXT_SET, 0, NULL));
	slt_span_end(&unknown);
	EXPECT(hit_count == 4 && hits[2].site == SITE_JOURNAL && hits[2].journal != NULL);
	journal = hits[2].journal;
	EXPECT(last_hit_has(SITE_SPAN_END, 99, journal) && hits[3].span == &unknown && hits[3].resource == NULL);
	slt_context_set(&unknown);
	EXPECT(hit_count == 5 && last_hit_has(SITE_CONTEXT_SET, 99, journal) && hits[4].span == &unknown);
	slt_span_start(&of_unknown);
	EXPECT(hit_count == 6 && last_hit_has(SITE_SPAN_START, 98, journal) && hits[5].span == &of_unknown);
	slt_span_start(&root);
	EXPECT(tells(journal, 1, SLT_JOURNAL_START, &root));
	probe_trap_lower_journals();
	slt_context_set(NULL);
	EXPECT(hit_count == 7 && last_hit_has(SITE_CONTEXT_SET, 0, journal) && !hits[6].has_span);
	EXPECT(hits[6].head == 1 && hits[6].flushed == 0 && is_caught_up(journal, 1));
	slt_span_end(&root);
	EXPECT(hit_count == 8 && last_hit_has(SITE_SPAN_END, 1, journal));
	child = fork();
	if (child == 0) {
		arguments_as_child(&root, &unknown);
		_exit(0);
	}
	EXPECT(ends_well(child));
	slt_span_start(&root);
	EXPECT(hit_count == 9 && last_hit_has(SITE_SPAN_START, 1, journal));
}

/* --- the spans that it keeps as its own --- */

#define OWN_SPANS 64

/* Of a thread that works for the first of as many as it keeps; all are open. Number i has the id 100 + i. */
static const struct slt_journal *open_all(struct slt_span *spans)
{
	const struct slt_journal *journal;

	spans[0] = numbered_span(100);
	journal = work_for(&spans[0]);
	for (uint64_t i = 1; i < OWN_SPANS; i++) {
		spans[i] = child_span(100 + i, 100);
		slt_span_start(&spans[i]);
		EXPECT(tells(journal, 2 + (uint32_t)i, SLT_JOURNAL_START, &spans[i]));
	}
	EXPECT(HITS_ARE(2, SITE_JOURNAL, SITE_JOURNAL) && journal->head == 65 && journal->flushed == 64);
	return journal;
}

/* The calling thread works for none before and after, and has a journal. */
static bool is_own(const struct slt_journal *journal, const struct slt_span *span)
{
	const uint32_t head = journal->head;
	const int before = hit_count;

	slt_context_set(span);
	slt_context_set(NULL);
	EXPECT(hit_count == before ? journal->head == head + 2 : HITS_ARE(before, SITE_CONTEXT_SET, SITE_CONTEXT_SET));
	return hit_count == before;
}

static void own_open(void)
{
	const struct slt_span next = numbered_span(200), second_next = numbered_span(201), child = child_span(202, 100);
	static struct slt_span spans[OWN_SPANS];
	const struct slt_journal *journal;

	attach();
	journal = open_all(spans);
	slt_span_start(&next);
	EXPECT(hit_count == 5 && last_hit_has(SITE_JOURNAL, 0, journal) && hits[4].head == 65 && hits[4].flushed == 64);
	EXPECT(tells(journal, 66, SLT_JOURNAL_START, &next) && journal->flushed == 65);

	slt_context_set(NULL);
	EXPECT(hit_count == 6 && last_hit_has(SITE_CONTEXT_SET, 0, journal)); /* away from what is its own no more */
	EXPECT(!is_own(journal, &spans[0]) && is_own(journal, &spans[1]) && is_own(journal, &spans[63]));
	EXPECT(is_own(journal, &next));
	EXPECT(hit_count == 8);
	slt_span_start(&child);
	EXPECT(hit_count == 9 && last_hit_has(SITE_SPAN_START, 202, journal));
	slt_span_end(&spans[0]);
	EXPECT(hit_count == 10 && last_hit_has(SITE_SPAN_END, 100, journal));

	slt_span_start(&second_next);
	EXPECT(hit_count == 11 && last_hit_has(SITE_JOURNAL, 0, journal));
	EXPECT(!is_own(journal, &spans[1]) && is_own(journal, &spans[2]) && is_own(journal, &second_next));
}

/* Of those that are open, whatever place was free in between. */
static void own_oldest(void)
{
	const struct slt_span next = numbered_span(200), second_next = numbered_span(201);
	static struct slt_span spans[OWN_SPANS];
	const struct slt_journal *journal;

	attach();
	journal = open_all(spans);
	slt_context_set(NULL);
	slt_span_end(&spans[10]);
	slt_span_start(&next);
	EXPECT(hit_count == 4 && journal->head == 68);
	slt_span_start(&second_next);
	EXPECT(hit_count == 5 && last_hit_has(SITE_JOURNAL, 0, journal));
	EXPECT(!is_own(journal, &spans[0]) && is_own(journal, &spans[11]));
}

static void own_ended(void)
{
	const struct slt_span outer = numbered_span(1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	for (uint64_t i = 0; i < 200; i++) {
		const struct slt_span child = child_span(1000 + i, 1);

		slt_span_start(&child);
		slt_span_end(&child);
		EXPECT(tells(journal, 4 + 2 * (uint32_t)i, SLT_JOURNAL_END, &child));
		EXPECT(entry(journal, journal->head - 1)->ended == journal->head);
	}
	slt_context_set(NULL);
	EXPECT(is_own(journal, &outer) && journal->head == 405);
	EXPECT(hit_count == 3 + 404 / SLT_JOURNAL_ENTRIES && hits_of(SITE_JOURNAL) == hit_count - 2);
	slt_span_end(&outer);
	EXPECT(last_hit_has(SITE_SPAN_END, 1, journal) && hits_of(SITE_SPAN_END) == 1);

	/* With one place left, too. */
	for (uint64_t i = 0; i < OWN_SPANS - 1; i++) {
		const struct slt_span open = numbered_span(2000 + i);

		slt_span_start(&open);
	}
	for (uint64_t i = 0; i < 200; i++) {
		const struct slt_span root = numbered_span(3000 + i);

		slt_span_start(&root);
		slt_span_end(&root);
	}
	EXPECT(journal->head == 405 + OWN_SPANS - 1 + 400 && hits_of(SITE_JOURNAL) == hit_count - 3);
	for (uint64_t i = 0; i < OWN_SPANS - 1; i++) {
		const struct slt_span open = numbered_span(2000 + i);

		slt_context_set(&open);
		slt_context_set(NULL);
	}
	EXPECT(hits_of(SITE_JOURNAL) == hit_count - 3); /* its own all of them */
	/* The journal was caught up with at 405, and each trap since has come as it was full. */
	EXPECT(hits_of(SITE_JOURNAL) == 1 + 404 / SLT_JOURNAL_ENTRIES + (int)(journal->head - 406) / SLT_JOURNAL_ENTRIES);
}

static void end_late(const struct slt_span *span)
{
	pass(SLT_JOURNAL_SHORT_NS);
	slt_span_end(span);
	EXPECT(hit_count == 5 && last_hit_is(SITE_SPAN_END, 105));
}

static void end_lowered(const struct slt_span *span)
{
	probe_trap_lower_journals();
	slt_span_end(span);
	EXPECT(hit_count == 5 && last_hit_is(SITE_SPAN_END, 105));
	probe_trap_raise_journals();
}

/* However the kernel side was told: the place of one that has ended is free, and no other makes way. */
static void own_after(void (*end)(const struct slt_span *))
{
	const struct slt_span next = numbered_span(200), second_next = numbered_span(201);
	static struct slt_span spans[OWN_SPANS];
	const struct slt_journal *journal;
	int before;

	attach();
	journal = open_all(spans);
	end(&spans[5]);
	before = hit_count;
	slt_span_start(&next);
	EXPECT(tells(journal, 66, SLT_JOURNAL_START, &next) && hit_count == before);
	slt_context_set(NULL);
	for (int i = 0; i < 5; i++)
		EXPECT(is_own(journal, &spans[i]));
	EXPECT(!is_own(journal, &spans[5]) && is_own(journal, &spans[6]) && is_own(journal, &next));
	before = hit_count;
	slt_span_start(&second_next); /* there was one place */
	EXPECT(hit_count == before + 1 && last_hit_has(SITE_JOURNAL, 0, journal));
}

static void own_ended_late(void)
{
	own_after(end_late);
}

static void own_ended_lowered(void)
{
	own_after(end_lowered);
}

/* In a child that the kernel kills at any system call but read, write, exit and the return from a signal. */
static void no_system_calls(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1), unknown = child_span(99, 98);
	pid_t pid;

	attach();
	work_for(&outer);
	pid = fork();
	if (pid == 0) {
		const struct slt_journal *journal;

		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
			_exit(2);
		journal = work_for(&outer);
		for (int i = 0; i < 30; i++) {
			slt_span_start(&child);
			slt_context_set(&child);
			slt_context_set(&outer);
			slt_span_end(&child);
		}
		slt_span_start(&unknown);
		slt_span_end(&unknown);
		slt_span_end(&unknown);
		EXPECT(is_caught_up(journal, 122) && hits_of(SITE_JOURNAL) == 2 + 121 / SLT_JOURNAL_ENTRIES);
		EXPECT(last_hit_has(SITE_SPAN_END, 99, journal));
		syscall(SYS_exit, 0);
	}
	EXPECT(ends_well(pid));
}

/* --- a signal handler --- */

static enum { HANDLER_RESTORES, HANDLER_LEAVES } handler;
static int handler_runs;

/* Comes while the thread writes: what it tells cannot be an entry. */
static void handle(const struct probe_hit *hit)
{
	const struct slt_span span = numbered_span(50);

	if (hit->site != SITE_JOURNAL || handler_runs == 0)
		return;
	handler_runs--;
	slt_span_start(&span);
	EXPECT(last_hit_is(SITE_SPAN_START, 50));
	slt_context_set(&span);
	EXPECT(last_hit_is_context(50));
	if (handler == HANDLER_LEAVES)
		return;
	slt_context_set(NULL);
	EXPECT(last_hit_is_context(0));
	slt_span_end(&span);
	EXPECT(last_hit_is(SITE_SPAN_END, 50));
}

static void signal_at_registration(void)
{
	const struct slt_span root = numbered_span(1);
	const struct slt_journal *journal;

	attach();
	hits_then = handle;
	handler = HANDLER_RESTORES;
	handler_runs = 1;
	slt_context_set(NULL);
	slt_span_start(&root);
	EXPECT(hit_count == 7 && hits[2].site == SITE_JOURNAL && handler_runs == 0);
	journal = hits[2].journal;
	EXPECT(last_hit_has(SITE_SPAN_END, 50, journal) && hits[3].journal == journal);
	EXPECT(tells(journal, 1, SLT_JOURNAL_START, &root) && journal->flushed == 0);
	slt_span_end(&root);
	EXPECT(tells(journal, 2, SLT_JOURNAL_END, &root) && entry(journal, 1)->ended == 2);
	EXPECT(hit_count == 7);
}

/* The full journal's trap is in the middle of a context: which of the two the kernel saw last is not known. */
static void signal_in_context(void)
{
	const struct slt_span outer = numbered_span(1);
	const struct slt_journal *journal;

	attach();
	hits_then = handle;
	handler = HANDLER_LEAVES;
	journal = work_for(&outer);
	write_up_to(journal, SLT_JOURNAL_ENTRIES, &outer);
	EXPECT(hit_count == 3);
	handler_runs = 1;
	slt_context_set(NULL);
	EXPECT(hit_count == 6 && hits[3].site == SITE_JOURNAL && last_hit_is_context(50));
	EXPECT(is_latest(journal, SLT_JOURNAL_ENTRIES + 1, SLT_JOURNAL_CONTEXT, 0));
	slt_context_set(NULL);
	EXPECT(hit_count == 7 && last_hit_is_context(0) && is_caught_up(journal, SLT_JOURNAL_ENTRIES + 1));
	slt_context_set(&outer);
	EXPECT(is_latest(journal, SLT_JOURNAL_ENTRIES + 2, SLT_JOURNAL_CONTEXT, 1) && hit_count == 7);
}

/* … in the middle of a start: the thread works for the handler's span from then on. */
static void signal_in_start(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1), of_handler = child_span(3, 50);
	const struct slt_journal *journal;

	attach();
	hits_then = handle;
	handler = HANDLER_LEAVES;
	journal = work_for(&outer);
	write_up_to(journal, SLT_JOURNAL_ENTRIES, &outer);
	handler_runs = 1;
	slt_span_start(&child);
	EXPECT(hit_count == 6 && last_hit_is_context(50));
	EXPECT(tells(journal, SLT_JOURNAL_ENTRIES + 1, SLT_JOURNAL_START, &child));
	slt_span_end(&child);
	EXPECT(tells(journal, SLT_JOURNAL_ENTRIES + 2, SLT_JOURNAL_END, &child));
	EXPECT(entry(journal, SLT_JOURNAL_ENTRIES + 1)->ended == 0);
	slt_span_start(&of_handler); /* whose span was not written */
	EXPECT(hit_count == 7 && last_hit_has(SITE_SPAN_START, 3, journal));
	EXPECT(is_caught_up(journal, SLT_JOURNAL_ENTRIES + 2));
}

/* … in the middle of an end. */
static void signal_in_end(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1);
	const struct slt_journal *journal;

	attach();
	hits_then = handle;
	handler = HANDLER_RESTORES;
	journal = work_for(&outer);
	write_up_to(journal, SLT_JOURNAL_ENTRIES - 1, &outer);
	slt_span_start(&child);
	handler_runs = 1;
	slt_span_end(&child);
	EXPECT(hit_count == 8 && hits[3].site == SITE_JOURNAL && last_hit_is(SITE_SPAN_END, 50));
	EXPECT(tells(journal, SLT_JOURNAL_ENTRIES + 1, SLT_JOURNAL_END, &child));
	EXPECT(journal->flushed == SLT_JOURNAL_ENTRIES);
}

/* Not in the middle of an entry: it may write, and what it writes is not caught up with yet. */
static void write_at_end(const struct probe_hit *hit)
{
	const struct slt_span span = numbered_span(50);

	if (hit->site == SITE_SPAN_END && handler_runs-- > 0)
		slt_span_start(&span);
}

static void signal_at_trap(void)
{
	const struct slt_span outer = numbered_span(1), unknown = numbered_span(99);
	const struct slt_journal *journal;

	attach();
	hits_then = write_at_end;
	handler_runs = 1;
	journal = work_for(&outer);
	slt_span_end(&unknown);
	EXPECT(hit_count == 4 && last_hit_has(SITE_SPAN_END, 99, journal) && hits[3].head == 2);
	EXPECT(journal->head == 3 && entry(journal, 3)->kind == SLT_JOURNAL_START && journal->flushed == 2);
	slt_span_end(&unknown);
	EXPECT(hit_count == 5 && is_caught_up(journal, 3));
}

/* --- other threads --- */

static struct slt_span child_of(uint64_t number, const struct slt_span *parent)
{
	struct slt_span span = numbered_span(number);

	memcpy(span.parent_span_id, parent->span_id, sizeof(span.parent_span_id));
	return span;
}

/* The calling thread writes no start, context and end. Its journal, NULL: it has none, is told once more, and then let go. It works for none afterwards. */
static bool only_traps(const struct slt_journal *journal)
{
	const uint32_t head = journal == NULL ? 0 : journal->head;
	const struct slt_span root = numbered_span(80), child = child_span(81, 80);
	const int before = hit_count;

	slt_span_start(&root);
	slt_context_set(&root);
	slt_span_start(&child);
	slt_span_end(&child);
	slt_context_set(NULL);
	slt_span_end(&root);
	for (int i = before; i < hit_count; i++)
		if (hits[i].journal != (i == before ? journal : NULL))
			return false;
	return HITS_ARE(before, SITE_SPAN_START, SITE_CONTEXT_SET, SITE_SPAN_START, SITE_SPAN_END, SITE_CONTEXT_SET,
			SITE_SPAN_END) &&
	       (journal == NULL || is_caught_up(journal, head));
}

static int only_traps_without(void *nothing)
{
	(void)nothing;
	EXPECT(only_traps(NULL));
	return 0;
}

/* The calling thread works for none, and has this journal, or takes one as it is NULL. */
static bool still_writes(const struct slt_journal *journal)
{
	const struct slt_span root = numbered_span(90);
	const int before = hit_count;
	uint32_t head;

	slt_span_start(&root);
	if (journal == NULL) {
		EXPECT(hit_count == before + 1 && last_hit_is(SITE_JOURNAL, 0));
		journal = hits[before].journal;
	} else if (hit_count != before) {
		return false;
	}
	head = journal->head;
	slt_span_end(&root);
	return tells(journal, head + 1, SLT_JOURNAL_END, &root) && hit_count <= before + 1;
}

/* It has no journal, and gets none any more. */
static int set_context_of_other(void *span)
{
	slt_context_set(span);
	EXPECT(hit_count == 1 && hits[0].site == SITE_CONTEXT_SET && hits[0].span == span && hits[0].journal == NULL);
	slt_context_set(NULL);
	EXPECT(hit_count == 2 && last_hit_has(SITE_CONTEXT_SET, 0, NULL));
	EXPECT(only_traps(NULL));
	return 0;
}

/* Neither the owner nor a third thread writes. Who tells works for none afterwards. */
static void shared_by(int (*tell)(void *), const struct slt_span *span, const struct slt_journal *journal)
{
	const uint32_t head = journal->head;

	in_thread(tell, span);
	EXPECT(hit_count == 3 && journal->head == head && journal->flushed == 0);
	EXPECT(only_traps(journal));
	in_thread(only_traps_without, NULL);
}

static void shared_by_context(void)
{
	const struct slt_span outer = numbered_span(1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	shared_by(set_context_of_other, &outer, journal);
	EXPECT(entry(journal, 1)->ended == 0);
	slt_span_end(&outer);
	EXPECT(last_hit_has(SITE_SPAN_END, 1, NULL) && is_caught_up(journal, 2) && entry(journal, 1)->ended == 0);
}

static int end_of_other(void *span)
{
	const struct slt_journal *journal;

	slt_context_set(NULL);
	slt_span_end(span);
	EXPECT(HITS_ARE(0, SITE_CONTEXT_SET, SITE_JOURNAL, SITE_SPAN_END));
	journal = hits[1].journal;
	EXPECT(hits[2].span == span && hits[2].journal == journal && is_caught_up(journal, 0));
	EXPECT(only_traps(journal));
	return 0;
}

/* … whose entry is there no more: a context in its span has the place. */
static void shared_by_end_long_after(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1);
	static struct slt_journal before;
	const struct slt_journal *journal;

	journal = work_for(&outer);
	slt_span_start(&child); /* 3 */
	slt_context_set(NULL);
	write_up_to(journal, 3 + SLT_JOURNAL_ENTRIES, &child);
	EXPECT(is_latest(journal, 3 + SLT_JOURNAL_ENTRIES, SLT_JOURNAL_CONTEXT, 2));
	before = *journal;
	in_thread(end_of_other, &child);
	EXPECT(memcmp(journal, &before, sizeof(before)) == 0);
	EXPECT(only_traps(journal));
}

static void shared_by_end(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1);
	static struct slt_journal before;
	const struct slt_journal *journal;
	pid_t pid;

	attach();
	pid = fork();
	if (pid == 0) {
		shared_by_end_long_after();
		_exit(0);
	}
	EXPECT(ends_well(pid));
	journal = work_for(&outer);
	slt_span_start(&child);
	before = *journal;
	shared_by(end_of_other, &child, journal);
	before.entries[3].ended = SLT_JOURNAL_VOID;
	before.flushed = 3;
	EXPECT(memcmp(journal, &before, sizeof(before)) == 0);
	slt_span_end(&child);
	EXPECT(last_hit_has(SITE_SPAN_END, 2, NULL));
	slt_span_end(&outer);
	EXPECT(last_hit_has(SITE_SPAN_END, 1, NULL));
	EXPECT(memcmp(journal, &before, sizeof(before)) == 0);
}

static int start_child_of_other(void *span)
{
	const struct slt_span child = child_of(70, span);
	const struct slt_journal *journal;

	slt_context_set(NULL);
	EXPECT(still_writes(NULL));
	journal = hits[1].journal;
	slt_span_start(&child);
	EXPECT(HITS_ARE(0, SITE_CONTEXT_SET, SITE_JOURNAL, SITE_SPAN_START));
	/* It was caught up with. */
	EXPECT(hits[2].span == &child && hits[2].journal == journal && hits[2].head == 2 && hits[2].flushed == 0);
	EXPECT(is_caught_up(journal, 2));
	EXPECT(only_traps(NULL));
	slt_span_end(&child);
	EXPECT(last_hit_has(SITE_SPAN_END, 70, NULL) && is_caught_up(journal, 2));
	return 0;
}

static void shared_by_child(void)
{
	const struct slt_span outer = numbered_span(1);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	shared_by(start_child_of_other, &outer, journal);
	EXPECT(entry(journal, 1)->ended == 0);
}

/* Tells all that there is to be told of a span that no thread has open. */
static int tell_of_ended(void *span)
{
	const struct slt_span child = child_of(73, span);

	slt_context_set(span);
	slt_context_set(NULL);
	slt_span_start(&child);
	slt_span_end(&child);
	slt_span_end(span);
	EXPECT(hit_count == 6 && hits_of(SITE_JOURNAL) == 1 && hits_of(SITE_CONTEXT_SET) == 2);
	EXPECT(hits_of(SITE_SPAN_START) == 1 && hits_of(SITE_SPAN_END) == 2);
	EXPECT(still_writes(hits[hit_count - 1].journal));
	return 0;
}

static int start_remote_child(void *span)
{
	struct slt_span remote = child_of(71, span);

	remote.flags |= SLT_SPAN_PARENT_REMOTE;
	slt_context_set(NULL);
	EXPECT(still_writes(NULL));
	slt_span_start(&remote);
	EXPECT(HITS_ARE(0, SITE_CONTEXT_SET, SITE_JOURNAL) && tells(hits[1].journal, 3, SLT_JOURNAL_START, &remote));
	/* Where starts trap, too. */
	probe_trap_lower_journals();
	slt_span_start(&remote);
	EXPECT(hit_count == 3 && last_hit_has(SITE_SPAN_START, 71, hits[1].journal));
	probe_trap_raise_journals();
	EXPECT(still_writes(hits[1].journal));
	return 0;
}

/* Of the agent before. */
static int tell_next_agent(void *span)
{
	slt_context_set(span);
	slt_context_set(NULL);
	EXPECT(HITS_ARE(0, SITE_PROCESS, SITE_CONTEXT_SET, SITE_JOURNAL, SITE_CONTEXT_SET));
	EXPECT(still_writes(hits[3].journal));
	return 0;
}

static void not_shared(void)
{
	const struct slt_span outer = numbered_span(1), child = child_span(2, 1), unknown = numbered_span(99);
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	in_thread(tell_of_ended, &unknown);
	in_thread(start_remote_child, &outer);

	slt_span_start(&child);
	slt_span_end(&child);
	in_thread(tell_of_ended, &child);
	EXPECT(entry(journal, 3)->ended == 4 && hit_count == 3);
	slt_span_start(&child);
	pass(SLT_JOURNAL_SHORT_NS);
	slt_span_end(&child); /* traps */
	in_thread(tell_of_ended, &child);
	EXPECT(hit_count == 4 && journal->head == 5 && entry(journal, 5)->ended == 0);

	/* Its own, of which it tells by traps. */
	probe_trap_lower_journals();
	slt_context_set(NULL);
	slt_context_set(&outer);
	slt_span_start(&child);
	slt_context_set(NULL);
	slt_span_end(&outer);
	EXPECT(hit_count == 9);
	probe_trap_raise_journals();
	EXPECT(still_writes(journal));

	slt_span_start(&outer);
	probe_trap_lower_journals();
	probe_trap_lower();
	slt_context_set(NULL);
	probe_trap_raise();
	probe_trap_raise_journals();
	in_thread(tell_next_agent, &outer);
	EXPECT(hit_count == 9);
}

/* Its hits are its own no more when a thread exits. */
static _Atomic int hits_of_all;
static struct recorded_hit last_of_all, last_but_one;

static void count_for_all(const struct probe_hit *hit)
{
	(void)hit;
	hits_of_all++;
	last_but_one = last_of_all;
	last_of_all = hits[hit_count - 1];
}

static const struct slt_journal *left_journal;
static uint64_t left_registration;

static int leave_start(void *span)
{
	slt_context_set(NULL);
	slt_span_start(span);
	left_journal = hits[hit_count - 1].journal;
	left_registration = left_journal->registration;
	return 0;
}

static int leave_context(void *span)
{
	leave_start(span);
	slt_context_set(span);
	EXPECT(left_journal->head == 2);
	return 0;
}

static int leave_nothing(void *span)
{
	leave_start(span);
	pass(SLT_JOURNAL_SHORT_NS + 1);
	slt_span_end(span);
	EXPECT(is_caught_up(left_journal, 1));
	return 0;
}

/* Leaves it to the exit to trap, as the span is another thread's. */
static int leave_other(void *span)
{
	const struct slt_span root = numbered_span(60);

	slt_context_set(span);
	slt_span_start(&root);
	left_journal = hits[hit_count - 1].journal;
	EXPECT(left_journal->head == 1 && left_journal->flushed == 0);
	return 0;
}

/* Has no journal, and nothing to be caught up with. */
static int leave_without(void *span)
{
	slt_context_set(span);
	return 0;
}

static bool is_none(const struct recorded_hit *hit, const struct slt_journal *journal)
{
	return hit->site == SITE_CONTEXT_SET && !hit->has_span && hit->journal == journal;
}

static void thread_exit(void)
{
	const struct slt_span span = numbered_span(1);
	const struct slt_journal *first;
	uint64_t first_registration;

	attach();
	hits_then = count_for_all;
	in_thread(leave_start, &span);
	first = left_journal;
	first_registration = left_registration;
	EXPECT(hits_of_all == 4 && is_none(&last_of_all, NULL)); /* process, context, journal, and the last one */
	EXPECT(first->head == 1);

	in_thread(leave_context, &span);
	EXPECT(hits_of_all == 7 && is_none(&last_of_all, NULL) && last_but_one.site == SITE_JOURNAL);
	EXPECT(left_journal == first && left_registration != first_registration && left_registration != 0);
	EXPECT(is_latest(first, 3, SLT_JOURNAL_CONTEXT, 0));

	in_thread(leave_nothing, &span);
	EXPECT(hits_of_all == 11 && is_none(&last_of_all, NULL) && last_but_one.site == SITE_SPAN_END);
	EXPECT(left_journal == first && left_registration != first_registration);

	in_thread(leave_other, &span); /* whose thread has gone, and its journal with it: it is not shared */
	EXPECT(hits_of_all == 15 && is_none(&last_of_all, NULL) && is_none(&last_but_one, first));
	EXPECT(left_journal == first && is_caught_up(first, 1));

	probe_trap_lower_journals();
	in_thread(leave_without, &span);
	EXPECT(hits_of_all == 16 && last_of_all.has_span);
}

/* What the next agent is told has nothing to do with the journal that the former one knew. */
static int outlive_agent(void *span)
{
	leave_start(span);
	probe_trap_lower_journals();
	probe_trap_lower();
	slt_context_set(NULL);
	probe_trap_raise();
	probe_trap_raise_journals();
	return 0;
}

static void thread_exit_next_agent(void)
{
	const struct slt_span span = numbered_span(1);

	attach();
	hits_then = count_for_all;
	in_thread(outlive_agent, &span);
	EXPECT(hits_of_all == 5 && is_none(&last_of_all, NULL)); /* three, process, and the context */
}

/* With the main thread's and the last one's: one more than there are journals. */
#define WRITERS 255

static sem_t ready, done;
static const struct slt_journal *of_writers[WRITERS];

static int write_and_wait(void *argument)
{
	const struct slt_span span = numbered_span(1000 + (uintptr_t)argument);

	of_writers[(uintptr_t)argument] = work_for(&span);
	sem_post(&ready);
	while (sem_wait(&done) != 0)
		;
	return 0;
}

static int only_trap(void *span)
{
	slt_context_set(NULL);
	slt_span_start(span);
	slt_context_set(span);
	slt_context_set(NULL);
	slt_span_end(span);
	EXPECT(hit_count == 5 && hits[0].site == SITE_CONTEXT_SET && hits[1].site == SITE_SPAN_START);
	EXPECT(hits[2].site == SITE_CONTEXT_SET && hits[3].site == SITE_CONTEXT_SET && hits[4].site == SITE_SPAN_END);
	for (int i = 0; i < hit_count; i++)
		EXPECT(hits[i].journal == NULL);
	return 0;
}

static int work_in_thread(void *span)
{
	work_for(span);
	return 0;
}

static void too_many_threads(void)
{
	const struct slt_span outer = numbered_span(1), last = numbered_span(2);
	static thrd_t writers[WRITERS];
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	EXPECT(sem_init(&ready, 0, 0) == 0 && sem_init(&done, 0, 0) == 0);
	for (uintptr_t i = 0; i < WRITERS; i++) {
		EXPECT(thrd_create(&writers[i], write_and_wait, (void *)i) == thrd_success);
		while (sem_wait(&ready) != 0)
			;
		EXPECT(of_writers[i] != journal && (i == 0 || of_writers[i] != of_writers[i - 1]));
	}
	in_thread(only_trap, &last);
	for (int i = 0; i < WRITERS; i++)
		EXPECT(of_writers[i]->head == 2 && of_writers[i]->flushed == 0);
	for (int i = 0; i < WRITERS; i++)
		sem_post(&done);
	for (int i = 0; i < WRITERS; i++)
		EXPECT(thrd_join(writers[i], NULL) == thrd_success);
	EXPECT(journal->head == 2 && journal->flushed == 0);
	in_thread(work_in_thread, &last);
}

/* --- other processes --- */

/* Its parent's starts are another thread's to it, and no journal of its process has them. */
static void write_as_child(const struct slt_span *outer, const struct slt_span *open)
{
	const struct slt_span own = numbered_span(3);
	const int before = hit_count;
	const struct slt_journal *journal;

	slt_context_set(outer);
	EXPECT(hit_count == before + 2 && hits[before].site == SITE_PROCESS && last_hit_has(SITE_CONTEXT_SET, 1, NULL));
	slt_span_start(&own);
	EXPECT(hit_count == before + 3 && last_hit_is(SITE_JOURNAL, 0) && hits[before + 2].registration != 0);
	EXPECT(hits[before + 2].head == 0 && hits[before + 2].flushed == 0);
	journal = hits[before + 2].journal;
	EXPECT(tells(journal, 1, SLT_JOURNAL_START, &own));
	slt_span_end(open);
	EXPECT(hit_count == before + 4 && last_hit_has(SITE_SPAN_END, 2, journal) && is_caught_up(journal, 1));
	slt_context_set(NULL);
	EXPECT(hit_count == before + 5 && last_hit_is_context(0));
	slt_context_set(&own);
	EXPECT(is_latest(journal, 2, SLT_JOURNAL_CONTEXT, 3) && hit_count == before + 5);
}

static void after_fork(pid_t (*start_child)(void))
{
	const struct slt_span outer = numbered_span(1), open = child_span(2, 1);
	static struct slt_journal before;
	const struct slt_journal *journal;
	pid_t child;

	attach();
	journal = work_for(&outer);
	slt_span_start(&open);
	before = *journal;
	child = start_child();
	if (child == 0) {
		write_as_child(&outer, &open);
		child = start_child(); /* and in a grandchild */
		if (child == 0) {
			write_as_child(&outer, &open);
			_exit(0);
		}
		_exit(ends_well(child) ? 0 : 1);
	}
	EXPECT(ends_well(child));
	EXPECT(memcmp(journal, &before, sizeof(before)) == 0);
	slt_span_end(&open);
	EXPECT(tells(journal, 4, SLT_JOURNAL_END, &open) && entry(journal, 3)->ended == 4 && hit_count == 3);
}

static pid_t raw_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

/* What was seen of the parent's spans says nothing of its child's. */
static void shared_then_fork(void)
{
	const struct slt_span outer = numbered_span(1), open = child_span(2, 1);
	pid_t (*const starts[])(void) = { fork, raw_clone };
	const struct slt_journal *journal;

	attach();
	journal = work_for(&outer);
	slt_span_start(&open);
	in_thread(set_context_of_other, &outer);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		const pid_t child = starts[i]();

		if (child == 0) {
			write_as_child(&outer, &open);
			_exit(0);
		}
		EXPECT(ends_well(child));
	}
	EXPECT(hit_count == 3 && journal->head == 3);
	EXPECT(only_traps(journal));
}

static void forked(void)
{
	after_fork(fork);
}

static void cloned(void)
{
	after_fork(raw_clone);
}

/* Of a child that exits, for its parent to see: the hits from then on. */
static struct exit_hits {
	_Atomic int journal, others;
} *exit_hits;

static void count_at_exit(const struct probe_hit *hit)
{
	(void)hit;
	if (hits[hit_count - 1].site == SITE_JOURNAL)
		exit_hits->journal++;
	else
		exit_hits->others++;
}

/* `tell` in a child, which then exits. Returns how often that has it trap for its journal; it does for nothing else. */
static int hits_at_exit(void (*tell)(void))
{
	pid_t child;

	exit_hits->journal = 0;
	exit_hits->others = 0;
	child = fork();
	if (child == 0) {
		tell();
		hits_then = count_at_exit;
		exit(0);
	}
	EXPECT(ends_well(child));
	EXPECT(exit_hits->others == 0);
	return exit_hits->journal;
}

static void tell_nothing(void)
{
}

static void tell_start(void)
{
	const struct slt_span own = numbered_span(3);

	slt_context_set(NULL);
	slt_span_start(&own);
	EXPECT(last_hit_is(SITE_JOURNAL, 0) && hits[hit_count - 1].flushed == 0);
	EXPECT(tells(hits[hit_count - 1].journal, 1, SLT_JOURNAL_START, &own));
}

static void tell_all(void)
{
	const struct slt_span own = numbered_span(3);

	tell_start();
	pass(SLT_JOURNAL_SHORT_NS + 1);
	slt_span_end(&own);
	EXPECT(is_caught_up(hits[hit_count - 1].journal, 1));
}

static void process_exit(void)
{
	const struct slt_span span = numbered_span(1);

	exit_hits = mmap(NULL, sizeof(*exit_hits), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(exit_hits != MAP_FAILED);
	attach();
	work_for(&span);
	EXPECT(hits_at_exit(tell_nothing) == 0); /* what its parent has told is not the child's */
	EXPECT(hits_at_exit(tell_start) == 1);
	EXPECT(hits_at_exit(tell_all) == 0);
}

int main(int count, char **words)
{
	static const struct test_case cases[] = {
		{ "written", written },
		{ "nested", nested },
		{ "context_unknown", context_unknown },
		{ "not_undone", not_undone },
		{ "void_start", void_start },
		{ "late_end", late_end },
		{ "resource_told", resource_told },
		{ "not_its_own", not_its_own },
		{ "full", full },
		{ "start_overwritten", start_overwritten },
		{ "numbers_wrap", numbers_wrap },
		{ "journals_lowered", journals_lowered },
		{ "next_agent", next_agent },
		{ "agent_gone", agent_gone },
		{ "silent", silent },
		{ "silent_without_entry", silent_without_entry },
		{ "arguments", arguments },
		{ "own_open", own_open },
		{ "own_oldest", own_oldest },
		{ "own_ended", own_ended },
		{ "own_ended_late", own_ended_late },
		{ "own_ended_lowered", own_ended_lowered },
		{ "no_system_calls", no_system_calls },
		{ "signal_at_registration", signal_at_registration },
		{ "signal_in_context", signal_in_context },
		{ "signal_in_start", signal_in_start },
		{ "signal_in_end", signal_in_end },
		{ "signal_at_trap", signal_at_trap },
		{ "shared_by_context", shared_by_context },
		{ "shared_by_end", shared_by_end },
		{ "shared_by_child", shared_by_child },
		{ "not_shared", not_shared },
		{ "thread_exit", thread_exit },
		{ "thread_exit_next_agent", thread_exit_next_agent },
		{ "process_exit", process_exit },
		{ "too_many_threads", too_many_threads },
		{ "forked", forked },
		{ "cloned", cloned },
		{ "shared_then_fork", shared_then_fork },
	};

	return run_case(cases, sizeof(cases) / sizeof(cases[0]), count, words);
}
