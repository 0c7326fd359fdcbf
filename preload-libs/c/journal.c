/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread writes into its journal and nowhere else. A signal handler may come
 * in the middle of it: `writing` shows it, and what the handler tells goes by
 * traps. The kernel side reads a journal when its thread is switched out, and at
 * its traps; other threads look only whether a span is in it.
 */
#include "journal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "probe_sites.h"
#include "process.h"

/* Threads with a journal at a time; further ones trap. What no thread has ever used takes no memory. */
#define JOURNALS_MAX 256

/* Spans that a thread has started here; further ones are as another thread's. As many as entries: an open one that the kernel side may not know yet is among them. */
#define OWN_SPANS SLT_JOURNAL_ENTRIES

/*
 * A thread that was silent for so long traps before it writes: the agent that knew the journal may have gone meanwhile,
 * and another one come.
 */
#define SILENT_NS 100000000

/* No page is smaller. */
#define TOUCHED_EACH 4096

/* An owner that is none yet: no generation gets there. */
#define UNDER_WAY UINT32_MAX

/* glibc keeps the values of keys below this in the thread itself; for others it allocates memory, which a signal handler must not. */
#define KEYS_IN_PLACE 32

/* Before glibc 2.34 they were libpthread's, which a program need not have loaded: there are no journals then. */
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver pthread_key_create, pthread_key_create@GLIBC_2.2.5");
__asm__(".symver pthread_key_delete, pthread_key_delete@GLIBC_2.2.5");
__asm__(".symver pthread_setspecific, pthread_setspecific@GLIBC_2.2.5");
#endif
#pragma weak pthread_key_create
#pragma weak pthread_key_delete
#pragma weak pthread_setspecific

struct own_span {
	_Atomic uint64_t id;
	uint32_t number; /* of its start's entry */
	_Atomic bool ended; /* whoever has told so */
};

struct thread_journal {
	struct slt_journal told; /* read by the kernel side */
	uint32_t own_next;
	uint64_t latest_ns; /* time of the latest entry */
	uint64_t resources_told; /* bit n: an end that names resource n has trapped, and the agent is the same since */
	struct told_context contexts[SLT_JOURNAL_ENTRIES]; /* of starts: what the thread worked for then */
	struct own_span own[OWN_SPANS];
};

static struct journals {
	_Atomic uint32_t owners[JOURNALS_MAX]; /* generation of the thread whose journal it is; 0: nobody's */
	_Atomic uint32_t used; /* those behind were never anybody's */
	_Atomic uint64_t registrations;
	_Atomic bool shared; /* a span was handed over: there are no journals any more */
	struct thread_journal journals[JOURNALS_MAX];
} *_Atomic journals;

static pthread_key_t exit_key;

/* Of the calling thread. `owner` is NULL or what says that `journal` is the thread's still: its child process finds 0 there. */
static THREAD_LOCAL struct {
	struct thread_journal *journal;
	_Atomic uint32_t *owner;
	uint32_t generation;
	uint32_t refused; /* the generation in which there was none to be had; ~0: never again */
	volatile bool writing;
} mine;

/* --- whose it is --- */

/* A child of fork(2) has none of its parent's: it is wiped there. */
static bool has_journal(void)
{
	return mine.owner != NULL && atomic_load_explicit(mine.owner, memory_order_relaxed) == mine.generation;
}

static struct thread_journal *journal_of_thread(uint32_t generation)
{
	return has_journal() && mine.generation == generation ? mine.journal : NULL;
}

static void let_go(void)
{
	if (has_journal())
		atomic_store_explicit(mine.owner, 0, memory_order_release);
	mine.owner = NULL;
	mine.journal = NULL;
}

static bool spans_are_shared(void)
{
	struct journals *all = atomic_load_explicit(&journals, memory_order_acquire);

	return all == NULL || atomic_load_explicit(&all->shared, memory_order_relaxed);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Pages that have been written may be taken away again, and the kernel side cannot bring them back at a trap. */
static void touch(const struct slt_journal *journal)
{
	for (size_t at = 0; at < sizeof(*journal); at += TOUCHED_EACH)
		(void)((const volatile unsigned char *)journal)[at];
}

static struct journal_trap before_trap(struct thread_journal *journal)
{
	if (journal == NULL)
		return (struct journal_trap){ NULL, 0 };
	touch(&journal->told);
	return (struct journal_trap){ &journal->told, journal->told.head };
}

struct journal_trap journal_before_trap(uint32_t generation)
{
	return before_trap(journal_of_thread(generation));
}

/* All that it held is known, and where spans are handed over it is of no use any more: others need not look into it. */
void journal_after_trap(struct journal_trap trap)
{
	COMPILER_FENCE();
	if (trap.journal == NULL)
		return;
	trap.journal->flushed = trap.head;
	if (spans_are_shared() && !mine.writing)
		let_go();
}

static void trap(struct thread_journal *journal)
{
	const struct journal_trap caught_up = before_trap(journal);

	slt_probe_journal(caught_up.journal);
	journal_after_trap(caught_up);
}

/* The calling thread exits: what it has told must not wait for a switch that it does not live to see. */
static void thread_exits(void *nothing)
{
	struct thread_journal *journal;

	(void)nothing;
	slt_context_set(NULL);
	journal = is_raised(&slt_probe_context_set_semaphore) ? journal_of_thread(slt_process_generation()) : NULL;
	if (journal != NULL) {
		touch(&journal->told);
		slt_probe_context_set(NULL, NULL); /* the journal is another thread's from now on */
	}
	let_go();
	mine.refused = UINT32_MAX;
}

/*
 * exit(3), which ends no thread in that way: what the one that calls it has told must not wait either. What it tells from
 * here on traps. A child of fork(2) that has told nothing itself keeps silent.
 */
__attribute__((destructor)) static void process_exits(void)
{
	if (has_journal() && is_raised(&slt_probe_journal_semaphore) &&
	    mine.journal->told.head != mine.journal->told.flushed)
		trap(mine.journal);
	let_go();
	mine.refused = UINT32_MAX;
}

static struct thread_journal *take(uint32_t generation)
{
	struct journals *all = atomic_load_explicit(&journals, memory_order_acquire);

	let_go();
	if (all == NULL || mine.refused == generation || mine.refused == UINT32_MAX)
		return NULL;
	for (uint32_t i = 0; i < JOURNALS_MAX; i++) {
		struct thread_journal *journal = &all->journals[i];
		uint32_t nobody = 0, used = i;

		if (!atomic_compare_exchange_strong(&all->owners[i], &nobody, UNDER_WAY))
			continue;
		atomic_compare_exchange_strong(&all->used, &used, i + 1);
		if (pthread_setspecific(exit_key, journal) != 0) {
			atomic_store(&all->owners[i], 0);
			break;
		}
		memset(journal, 0, sizeof(*journal));
		journal->told.registration = atomic_fetch_add(&all->registrations, 1) + 1;
		journal->latest_ns = now_ns();
		/* Nobody, a signal handler of this thread included, is to see what the one before has left there. */
		atomic_store(&all->owners[i], generation);
		COMPILER_FENCE();
		mine.generation = generation;
		mine.journal = journal;
		mine.owner = &all->owners[i];
		trap(journal);
		return journal;
	}
	mine.refused = generation;
	return NULL;
}

/* Begins to write, where the agent wants it and there is room; NULL: no. Ends with close_journal(). */
static struct thread_journal *open_journal(uint32_t generation, uint64_t *now)
{
	struct thread_journal *journal;

	if (!is_raised(&slt_probe_journal_semaphore) || mine.writing || spans_are_shared())
		return NULL;
	mine.writing = true;
	COMPILER_FENCE();
	journal = journal_of_thread(generation);
	if (journal == NULL)
		journal = take(generation);
	if (journal == NULL) {
		mine.writing = false;
		return NULL;
	}
	*now = now_ns();
	return journal;
}

static void close_journal(void)
{
	COMPILER_FENCE();
	mine.writing = false;
}

__attribute__((constructor)) static void journals_loaded(void)
{
	pthread_key_t key;

	if (pthread_key_create == NULL || pthread_setspecific == NULL || pthread_key_delete == NULL)
		return;
	if (pthread_key_create(&key, thread_exits) != 0)
		return;
	if (key >= KEYS_IN_PLACE) {
		pthread_key_delete(key);
		return;
	}
	exit_key = key;
	atomic_store_explicit(&journals, slt_map_wiped_on_fork(sizeof(struct journals)), memory_order_release);
}

/* --- entries --- */

static struct slt_journal_entry *entry_of(struct thread_journal *journal, uint32_t number)
{
	return &journal->told.entries[number % SLT_JOURNAL_ENTRIES];
}

/* Whether the entry of this number still has its place when the next one is written. */
static bool is_kept(const struct thread_journal *journal, uint32_t number)
{
	return journal->told.head + 1 - number < SLT_JOURNAL_ENTRIES;
}

/* The number of the next entry, which is filled in but for what its kind has more. */
static uint32_t next_entry(struct thread_journal *journal, uint32_t kind, const void *span_id, uint64_t now)
{
	const bool silent = now - journal->latest_ns > SILENT_NS;
	struct slt_journal_entry *entry;
	uint32_t number;

	if (silent || journal->told.head - journal->told.flushed >= SLT_JOURNAL_ENTRIES)
		trap(journal);
	if (silent)
		journal->resources_told = 0;
	number = journal->told.head + 1;
	entry = entry_of(journal, number);
	entry->at_ns = now;
	memcpy(entry->span_id, span_id, sizeof(entry->span_id));
	entry->kind = kind;
	entry->ended = 0;
	journal->latest_ns = now;
	return number;
}

static void publish(struct thread_journal *journal, uint32_t number)
{
	/* For the kernel on this CPU, and for threads on others. */
	__atomic_store_n(&journal->told.head, number, __ATOMIC_RELEASE);
	COMPILER_FENCE();
}

/* --- own spans --- */

static struct own_span *own_span(struct thread_journal *journal, uint64_t id)
{
	const uint32_t next = __atomic_load_n(&journal->own_next, __ATOMIC_RELAXED);

	for (uint32_t back = 1; back <= OWN_SPANS; back++) {
		struct own_span *own = &journal->own[(next - back) % OWN_SPANS];

		if (atomic_load_explicit(&own->id, memory_order_relaxed) == id)
			return own;
	}
	return NULL;
}

static bool is_none_or_own(struct thread_journal *journal, uint64_t span_id)
{
	return span_id == 0 || own_span(journal, span_id) != NULL;
}

/* A place for one more: that of an ended one, if there is any, or of the oldest. Of that the kernel side is told first. */
static struct own_span *place_for_own(struct thread_journal *journal)
{
	struct own_span *oldest = journal->own;

	for (uint32_t i = 0; i < OWN_SPANS; i++) {
		struct own_span *own = &journal->own[journal->own_next++ % OWN_SPANS];

		if (atomic_load_explicit(&own->ended, memory_order_relaxed) ||
		    atomic_load_explicit(&own->id, memory_order_relaxed) == 0)
			return own;
		if (journal->told.head - own->number > journal->told.head - oldest->number)
			oldest = own;
	}
	trap(journal);
	return oldest;
}

uint64_t local_parent(const struct slt_span *span)
{
	uint64_t parent;

	memcpy(&parent, span->parent_span_id, sizeof(parent));
	return span->flags & SLT_SPAN_PARENT_REMOTE ? 0 : parent;
}

static void write_start(struct thread_journal *journal, const struct slt_span *span, uint32_t generation, uint64_t now)
{
	struct own_span *own = place_for_own(journal);
	const uint32_t number = next_entry(journal, SLT_JOURNAL_START, span->span_id, now);
	uint64_t id;

	memcpy(&id, span->span_id, sizeof(id));
	journal->told.spans[number % SLT_JOURNAL_ENTRIES] = *span;
	journal->contexts[number % SLT_JOURNAL_ENTRIES] = context_told(generation);
	atomic_store_explicit(&own->ended, false, memory_order_relaxed);
	own->number = number;
	atomic_store_explicit(&own->id, id, memory_order_relaxed);
	publish(journal, number);
}

/* A child of another thread's span traps: that one may end at any time, and must have its children by then. */
bool journal_start(const struct slt_span *span, uint32_t generation)
{
	uint64_t now;
	struct thread_journal *journal = open_journal(generation, &now);
	bool writes;

	if (journal == NULL)
		return false;
	writes = is_none_or_own(journal, local_parent(span));
	if (writes)
		write_start(journal, span, generation, now);
	close_journal();
	return writes;
}

bool journal_context(struct told_context before, uint64_t span_id, uint32_t generation)
{
	uint64_t now;
	struct thread_journal *journal = before.known ? open_journal(generation, &now) : NULL;
	bool writes;

	if (journal == NULL)
		return false;
	writes = is_none_or_own(journal, span_id) && is_none_or_own(journal, before.span_id);
	if (writes)
		publish(journal, next_entry(journal, SLT_JOURNAL_CONTEXT, &span_id, now));
	close_journal();
	return writes;
}

/* --- ends --- */

/*
 * Whether the kernel side need not hear of the span whose end was written into
 * this entry: since its start the thread has told of nothing but the span, and
 * of others that began and ended within it, and works for the same span as before, its parent or, of one without, none. Fills in
 * what the end says of them.
 */
static bool undoes_start(struct thread_journal *journal, uint32_t start, uint32_t end)
{
	const uint64_t parent = local_parent(&journal->told.spans[start % SLT_JOURNAL_ENTRIES]);
	const struct told_context before = journal->contexts[start % SLT_JOURNAL_ENTRIES];
	struct slt_journal_entry *ending = entry_of(journal, end);
	uint64_t context = before.span_id, left_at = 0;

	if (end == 0 || end == SLT_JOURNAL_VOID || !before.known || parent != before.span_id)
		return false;
	ending->spans = 1;
	ending->of_context = parent != 0;
	ending->child_ns = 0;
	for (uint32_t number = start + 1; number != end; number++) {
		const struct slt_journal_entry *entry = entry_of(journal, number);
		uint64_t next;

		if (entry->kind == SLT_JOURNAL_START) {
			if (entry->ended == 0 || entry->ended == SLT_JOURNAL_VOID)
				return false;
			number = entry->ended;
			ending->spans += entry_of(journal, number)->spans;
		} else if (entry->kind == SLT_JOURNAL_CONTEXT) {
			memcpy(&next, entry->span_id, sizeof(next));
			if (context == before.span_id)
				left_at = entry->at_ns;
			else if (next == before.span_id)
				ending->child_ns += entry->at_ns - left_at;
			context = next;
		} else {
			return false;
		}
	}
	return context == before.span_id;
}

/* The agent hears of a resource by the trap of an end, and shall not wait for a slow span: the service's name says what to record. */
static bool is_resource_told(const struct thread_journal *journal, uint32_t number)
{
	_Static_assert(SLT_RESOURCES_MAX < 64, "there is a bit for each");
	return number == 0 || number > SLT_RESOURCES_MAX || (journal->resources_told >> number & 1);
}

static void set_resource_told(struct thread_journal *journal, uint32_t number)
{
	if (number <= SLT_RESOURCES_MAX)
		journal->resources_told |= (uint64_t)1 << number;
}

static bool write_end(struct thread_journal *journal, const struct own_span *own, const struct slt_span *span,
		      uint64_t now)
{
	const uint32_t start = own->number;
	uint32_t number;

	if (atomic_load_explicit(&own->ended, memory_order_relaxed) || !is_kept(journal, start) ||
	    now - entry_of(journal, start)->at_ns >= SLT_JOURNAL_SHORT_NS)
		return false;
	number = next_entry(journal, SLT_JOURNAL_END, span->span_id, now);
	journal->told.spans[number % SLT_JOURNAL_ENTRIES] = *span;
	if (entry_of(journal, start)->ended == 0 && undoes_start(journal, start, number))
		entry_of(journal, start)->ended = number;
	publish(journal, number);
	return true;
}

static void set_ended(struct thread_journal *journal, uint64_t id)
{
	struct own_span *own = journal == NULL ? NULL : own_span(journal, id);

	if (own != NULL)
		atomic_store_explicit(&own->ended, true, memory_order_relaxed);
}

bool journal_end(const struct slt_span *span, uint32_t generation)
{
	uint64_t now, id;
	struct thread_journal *journal = open_journal(generation, &now);
	struct own_span *own;
	bool writes;

	memcpy(&id, span->span_id, sizeof(id));
	if (journal == NULL) {
		set_ended(journal_of_thread(generation), id);
		return false;
	}
	own = own_span(journal, id);
	writes = own != NULL && is_resource_told(journal, span->resource) && write_end(journal, own, span, now);
	if (!writes)
		set_resource_told(journal, span->resource);
	set_ended(journal, id);
	close_journal();
	return writes;
}

/* --- other threads' spans --- */

/* Another thread's span has ended: if its start is still to be caught up with, it must not be opened then. */
static void make_void(struct thread_journal *journal, const struct own_span *own, uint64_t id)
{
	const uint32_t number = own->number;
	struct slt_journal_entry *start = entry_of(journal, number);

	if (__atomic_load_n(&start->kind, __ATOMIC_RELAXED) == SLT_JOURNAL_START &&
	    memcmp(start->span_id, &id, sizeof(id)) == 0)
		__atomic_store_n(&start->ended, SLT_JOURNAL_VOID, __ATOMIC_RELAXED);
}

void journal_used(uint64_t span_id, bool ends, uint32_t generation)
{
	struct journals *all = atomic_load_explicit(&journals, memory_order_acquire);
	const uint32_t used = all == NULL ? 0 : atomic_load_explicit(&all->used, memory_order_relaxed);
	struct thread_journal *journal = journal_of_thread(generation);

	/* Once it is known that spans are shared, what is left to do is of the spans that end. */
	if (span_id == 0 || used <= (journal != NULL) || (spans_are_shared() && !ends))
		return;
	if (journal != NULL && own_span(journal, span_id) != NULL)
		return;
	for (uint32_t i = 0; i < used; i++) {
		struct thread_journal *other = &all->journals[i];
		struct own_span *own;

		if (other == journal || atomic_load_explicit(&all->owners[i], memory_order_acquire) != generation)
			continue;
		own = own_span(other, span_id);
		if (own == NULL || atomic_load_explicit(&own->ended, memory_order_relaxed))
			continue;
		atomic_store_explicit(&all->shared, true, memory_order_relaxed);
		if (!ends)
			continue;
		make_void(other, own, span_id);
		atomic_store_explicit(&own->ended, true, memory_order_relaxed);
	}
}
