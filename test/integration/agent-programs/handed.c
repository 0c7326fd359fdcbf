/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans whose threads run without a break: where one waits for another it does so by looking, so that nothing of what they
 * write into their journals is caught up with but where it must be. Argument: the name of its service. Prints `ready`; for each line
 * `WHAT COUNT` on its input does that in a span, and prints the id of the one that is to be slow.
 *
 *   children COUNT   so many short children, each with one of its own; then it sleeps
 *   burn MS          computes
 *   stopped 0        works for a child of it, leaves that for itself, is stopped until somebody lets it go on, and ends the child
 *   sibling 0        the same, but that it leaves the child for another one, and ends that last
 *   turned MS        works for a child of it, leaves that for itself, computes, and ends the child
 *   slept MS         the same, but that it sleeps
 *   early MS         starts a child of it and computes before it turns to that; then ends it
 *   root MS          the same with a span that is no child of it
 *   queued MS        starts a child of it, computes for another one, turns to the first and ends it
 *   behind COUNT     the same, with so many other ones, each as long as one is that does not trap; and it works for the first, too
 *   left MS          works for it, hands it over, leaves it and computes for none, while the other thread works for it and ends it
 *   given MS         computes for it, then hands it over, and leaves it; the other thread computes for it as long, and ends it
 *   joined MS        both threads compute for it; the other one leaves it first
 *   adopted MS       the other thread starts a child of it, computes for that and ends it
 *   orphan MS        the other thread starts it and exits; nobody works for it
 *   quick COUNT      so many spans that the first thread starts, and the other works for and ends at once; then it sleeps in one
 *   fan COUNT        the same, but that all are started before the other thread begins
 *   late COUNT       the other thread begins to work for so many spans that have ended; then it sleeps in one
 *   open MS          sleeps in a span, prints its id, and calls _exit(2)
 *   exit US          sleeps in two short spans, ends them, computes and calls exit(3); prints nothing
 *   _exit US         the same with _exit(2)
 *   kill US          the same with kill(2)
 *   exits COUNT      so many threads that start, work for and end a span of their own at once, and exit; then sleeps in one
 */
#include <signal.h>
#include <stdatomic.h>

#include "one_span.h"

enum { CHILD_US = 100, SHORT_US = 800, SLEEP_MS = 40 };

enum { SPANS = 64 };

static struct slt_span span, others, many[SPANS];
static atomic_int ready, handed, done;
static unsigned int count;

static unsigned long long now_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static void compute_us(unsigned long long us)
{
	const unsigned long long end = now_us(CLOCK_MONOTONIC) + us;

	while (now_us(CLOCK_MONOTONIC) < end)
		;
}

static void await(atomic_int *flag)
{
	while (!atomic_load(flag))
		;
}

/* parent: NULL: none. */
static struct slt_span start(const char *name, const struct slt_span *parent)
{
	static atomic_uint last_id;
	const unsigned int id[2] = { getpid(), ++last_id };
	struct slt_span started = {
		.version = SLT_PROBE_VERSION,
		.kind = SLT_KIND_INTERNAL,
		.flags = SLT_SPAN_SAMPLED,
		.resource = one_service,
		.start_unix_ns = now_us(CLOCK_REALTIME) * 1000,
	};

	memcpy(started.span_id, id, sizeof(id));
	memcpy(started.trace_id, id, sizeof(id));
	if (parent)
		memcpy(started.parent_span_id, parent->span_id, sizeof(started.parent_span_id));
	slt_span_name(&started, name, strlen(name));
	slt_span_start(&started);
	return started;
}

static void end(struct slt_span *ended)
{
	ended->end_unix_ns = now_us(CLOCK_REALTIME) * 1000;
	slt_span_end(ended);
}

static void children(void)
{
	struct slt_span child, inner;

	for (unsigned int i = 0; i < count; i++) {
		child = start("child", &span);
		slt_context_set(&child);
		compute_us(CHILD_US);
		inner = start("inner", &child);
		slt_context_set(&inner);
		compute_us(CHILD_US);
		slt_context_set(&child);
		end(&inner);
		slt_context_set(&span);
		end(&child);
	}
	pause_ms(SLEEP_MS);
}

/* A span that is started before others, if any, and has its turn after them. */
static void start_early(const char *what)
{
	const bool is_behind = strcmp(what, "behind") == 0, is_queued = strcmp(what, "queued") == 0;
	const unsigned int others_before = is_behind ? count : is_queued;
	struct slt_span early = start("child", strcmp(what, "root") == 0 ? NULL : &span), other;

	for (unsigned int i = 0; i < others_before; i++) {
		other = start("other", &span);
		slt_context_set(&other);
		compute_us(is_behind ? SHORT_US : count * 1000ull);
		slt_context_set(&span);
		end(&other);
	}
	if (others_before == 0)
		compute_us(count * 1000ull);
	slt_context_set(&early);
	if (is_behind)
		compute_us(2 * SHORT_US * count);
	slt_context_set(&span);
	end(&early);
}

/* Between the child's context and its end. */
static void end_child_late(const char *what)
{
	const bool is_sibling = strcmp(what, "sibling") == 0;
	struct slt_span child = start("child", &span), other;

	slt_context_set(&child);
	compute_us(CHILD_US);
	if (is_sibling)
		other = start("other", &span);
	slt_context_set(is_sibling ? &other : &span);
	if (is_sibling || strcmp(what, "stopped") == 0)
		raise(SIGSTOP);
	else if (strcmp(what, "slept") == 0)
		pause_ms(count);
	else
		compute_us(count * 1000ull);
	end(&child);
	slt_context_set(&span);
	if (is_sibling)
		end(&other);
}

/* ends: not NULL: it ends the span too. */
static void *work(void *ends)
{
	atomic_store(&ready, 1);
	await(&handed);
	slt_context_set(&span);
	compute_us(count * 1000ull);
	slt_context_set(NULL);
	if (ends)
		end(&span);
	atomic_store(&done, 1);
	return NULL;
}

static void *work_for_child(void *nothing)
{
	atomic_store(&ready, 1);
	await(&handed);
	others = start("adopted", &span);
	slt_context_set(&others);
	compute_us(count * 1000ull);
	slt_context_set(NULL);
	end(&others);
	atomic_store(&done, 1);
	return nothing;
}

/* `handed` counts what there is for it, `done` what it has done. */
static void *take_many(void *ends)
{
	atomic_store(&ready, 1);
	for (unsigned int i = 0; i < count; i++) {
		while (atomic_load(&handed) <= (int)i)
			;
		slt_context_set(&many[i % SPANS]);
		slt_context_set(NULL);
		if (ends)
			end(&many[i % SPANS]);
		atomic_store(&done, i + 1);
	}
	return NULL;
}

static void *work_at_once(void *nothing)
{
	struct slt_span own = start("at once", NULL);

	slt_context_set(&own);
	slt_context_set(NULL);
	end(&own);
	return nothing;
}

/* What the first thread has told of lately is caught up with: from here on it runs without a break. */
static pthread_t start_other(void *(*work)(void *), void *argument)
{
	pthread_t other;

	atomic_store(&ready, 0);
	atomic_store(&handed, 0);
	atomic_store(&done, 0);
	other = start_thread(work, argument);
	await(&ready);
	return other;
}

static void hand_over(const char *what)
{
	const bool is_left = strcmp(what, "left") == 0, is_given = strcmp(what, "given") == 0;
	const bool ends = is_left || is_given, is_adopted = strcmp(what, "adopted") == 0;
	pthread_t other = start_other(is_adopted ? work_for_child : work, ends ? &span : NULL);

	span = start(what, NULL);
	slt_context_set(&span);
	/* Its wait makes known that it works for the span. */
	if (is_left)
		pause_ms(1);
	if (is_given)
		compute_us(count * 1000ull);
	atomic_store(&handed, 1);
	if (ends)
		slt_context_set(NULL);
	await(&done);
	slt_context_set(NULL);
	if (!ends)
		end(&span);
	if (pthread_join(other, NULL))
		abort();
}

static void *start_only(void *name)
{
	span = start(name, NULL);
	return name;
}

static void orphan(char *name)
{
	if (pthread_join(start_thread(start_only, name), NULL))
		abort();
	pause_ms(count);
	end(&span);
}

static void hand_over_many(const char *what)
{
	const bool is_late = strcmp(what, "late") == 0, is_quick = strcmp(what, "quick") == 0;
	pthread_t other = start_other(take_many, is_late ? NULL : &many);

	for (unsigned int i = 0; i < count; i++) {
		many[i % SPANS] = start(what, NULL);
		slt_context_set(&many[i % SPANS]);
		slt_context_set(NULL);
		if (is_late)
			end(&many[i % SPANS]);
		if (is_late || is_quick)
			atomic_store(&handed, i + 1);
		while (is_quick && atomic_load(&done) <= (int)i)
			;
	}
	atomic_store(&handed, count);
	if (pthread_join(other, NULL))
		abort();
}

static void tell(void)
{
	for (size_t i = 0; i < sizeof(span.span_id); i++)
		printf("%02x", span.span_id[i]);
	puts("");
}

static void die_in_span(void)
{
	span = start("open", NULL);
	slt_context_set(&span);
	pause_ms(count);
	tell();
	_exit(0);
}

static void alone(const char *what)
{
	for (unsigned int i = 0; strcmp(what, "exits") == 0 && i < count; i++)
		if (pthread_join(start_thread(work_at_once, NULL), NULL))
			abort();
	span = start(what, NULL);
	slt_context_set(&span);
	if (strcmp(what, "children") == 0)
		children();
	else if (strcmp(what, "stopped") == 0 || strcmp(what, "sibling") == 0 || strcmp(what, "slept") == 0 ||
		 strcmp(what, "turned") == 0)
		end_child_late(what);
	else if (strcmp(what, "early") == 0 || strcmp(what, "root") == 0 || strcmp(what, "queued") == 0 ||
		 strcmp(what, "behind") == 0)
		start_early(what);
	else if (strcmp(what, "burn") == 0)
		compute_us(count * 1000ull);
	else
		pause_ms(SLEEP_MS);
	slt_context_set(NULL);
	end(&span);
}

static void end_and_exit(const char *what)
{
	const struct timespec time = { .tv_nsec = CHILD_US * 1000l };

	/* The first to end tells of the service, at once. */
	for (int i = 0; i < 2; i++) {
		span = start("last", NULL);
		slt_context_set(&span);
		nanosleep(&time, NULL);
		slt_context_set(NULL);
		end(&span);
	}
	compute_us(count);
	if (strcmp(what, "exit") == 0)
		exit(0);
	if (strcmp(what, "kill") == 0)
		kill(getpid(), SIGKILL);
	_exit(0);
}

int main(int argc, char **argv)
{
	char line[256], what[32];

	set_service(argc > 1 ? argv[1] : "handed");
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%31s %u", what, &count) != 2)
			abort();
		if (strcmp(what, "exit") == 0 || strcmp(what, "_exit") == 0 || strcmp(what, "kill") == 0)
			end_and_exit(what);
		if (strcmp(what, "open") == 0)
			die_in_span();
		if (strcmp(what, "left") == 0 || strcmp(what, "given") == 0 || strcmp(what, "joined") == 0 ||
		    strcmp(what, "adopted") == 0) {
			hand_over(what);
		} else if (strcmp(what, "orphan") == 0) {
			orphan(what);
		} else {
			if (strcmp(what, "quick") == 0 || strcmp(what, "fan") == 0 || strcmp(what, "late") == 0)
				hand_over_many(what);
			alone(what);
		}
		tell();
	}
	return 0;
}
