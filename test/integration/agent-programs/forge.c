/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does with libslt what no tracer does: takes as much as it can, and lets threads
 * come and go at the same instant. Prints `ready`, and for each line on its input does what it says and
 * prints `done`; what it took it holds until its input ends.
 *
 *   threads COUNT   so many threads that have told of a span each
 *   parts SPANS     so many open spans, each worked on by PARTS threads
 *   same MS         THREADS threads start and end a span under one id for so long
 *   together MS     one span, on which THREADS threads start and cease to work all the time
 *   alone MS        a span that the first thread sleeps in for so long
 *   family WORKERS  a slow span that so many threads worked for; another one ends a fast child, which made CALLS calls
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "slt.h"

enum { PARTS = 16, THREADS = 8, CALLS = 5, STACK_BYTES = 64 * 1024 };

static struct slt_span *held;
static unsigned int held_count;
static atomic_uint arrived;
static atomic_bool over;
static int file;

static struct slt_span new_span(const char *name)
{
	static atomic_ullong last_id = 1ull << 32;
	unsigned long long id = ++last_id;
	struct slt_span span = {
		.version = SLT_PROBE_VERSION,
		.kind = SLT_KIND_INTERNAL,
		.flags = SLT_SPAN_SAMPLED,
	};

	memcpy(span.span_id, &id, sizeof(id));
	memcpy(span.trace_id, &id, sizeof(id));
	slt_span_name(&span, name, strlen(name));
	return span;
}

static void pause_ms(unsigned int milliseconds)
{
	const struct timespec time = {
		.tv_sec = milliseconds / 1000,
		.tv_nsec = milliseconds % 1000 * 1000000l,
	};

	nanosleep(&time, NULL);
}

static pthread_t start(void *(*work)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&thread, &attributes, work, argument))
		abort();
	pthread_attr_destroy(&attributes);
	return thread;
}

static void run_all(void *(*work)(void *), unsigned int count, void *argument, unsigned int milliseconds)
{
	pthread_t threads[PARTS + 1];

	atomic_store(&over, false);
	for (unsigned int i = 0; i < count; i++)
		threads[i] = start(work, argument);
	pause_ms(milliseconds);
	atomic_store(&over, true);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void *tell_and_stay(void *argument)
{
	struct slt_span span = new_span("told");

	slt_span_start(&span);
	slt_span_end(&span);
	atomic_fetch_add(&arrived, 1);
	for (;;)
		pause();
	return argument;
}

static void take_threads(unsigned int count)
{
	atomic_store(&arrived, 0);
	for (unsigned int i = 0; i < count; i++)
		start(tell_and_stay, NULL);
	while (atomic_load(&arrived) < count)
		pause_ms(1);
}

static void *work_on_all(void *argument)
{
	for (unsigned int i = 0; i < held_count; i++)
		slt_context_set(&held[i]);
	slt_context_set(NULL);
	return argument;
}

static void take_parts(unsigned int spans)
{
	held = calloc(spans, sizeof(*held));
	held_count = spans;
	if (!held)
		abort();
	for (unsigned int i = 0; i < spans; i++) {
		held[i] = new_span("held");
		slt_span_start(&held[i]);
	}
	run_all(work_on_all, PARTS, NULL, 0);
}

static void *start_and_end(void *argument)
{
	while (!atomic_load(&over)) {
		slt_span_start(argument);
		slt_context_set(argument);
		slt_context_set(NULL);
		slt_span_end(argument);
	}
	return argument;
}

static void *come_and_go(void *argument)
{
	while (!atomic_load(&over)) {
		slt_context_set(argument);
		slt_context_set(NULL);
	}
	return argument;
}

static void *work_once(void *argument)
{
	slt_context_set(argument);
	slt_context_set(NULL);
	return argument;
}

static void *child_of(void *argument)
{
	const struct slt_span *parent = argument;
	struct slt_span child = new_span("fast child");
	char byte;

	memcpy(child.parent_span_id, parent->span_id, sizeof(child.parent_span_id));
	slt_span_start(&child);
	slt_context_set(&child);
	for (int call = 0; call < CALLS; call++) {
		if (pread(file, &byte, 1, 0) != 1)
			abort();
	}
	slt_context_set(NULL);
	slt_span_end(&child);
	return argument;
}

static void alone(unsigned int milliseconds)
{
	struct slt_span span = new_span("alone");

	slt_span_start(&span);
	slt_context_set(&span);
	pause_ms(milliseconds);
	slt_context_set(NULL);
	slt_span_end(&span);
}

static void family(unsigned int workers)
{
	struct slt_span parent = new_span("family");

	slt_span_start(&parent);
	/* One after the other: they must not take each other's place. */
	for (unsigned int i = 0; i < workers; i++)
		run_all(work_once, 1, &parent, 0);
	run_all(child_of, 1, &parent, 250);
	slt_span_end(&parent);
}

int main(void)
{
	struct slt_span span;
	char what[16];
	unsigned int count;

	file = open("/proc/self/exe", O_RDONLY);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%15s %u", what, &count) == 2) {
		if (!strcmp(what, "threads")) {
			take_threads(count);
		} else if (!strcmp(what, "parts")) {
			take_parts(count);
		} else if (!strcmp(what, "same")) {
			span = new_span("same");
			run_all(start_and_end, THREADS, &span, count);
		} else if (!strcmp(what, "together")) {
			span = new_span("together");
			slt_span_start(&span);
			run_all(come_and_go, THREADS, &span, count);
			slt_span_end(&span);
		} else if (!strcmp(what, "alone")) {
			alone(count);
		} else if (!strcmp(what, "family")) {
			family(count);
		} else {
			abort();
		}
		puts("done");
	}
	return 0;
}
