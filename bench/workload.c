// SPDX-License-Identifier: Apache-2.0
/*
 * The process that the benches measure. It lives through all rounds and does
 * what standard input says, one line each, with one line of answer:
 *
 *   load PATH          dlopen a libslt                            → "ok"
 *   calls N            N × getppid, tracked or not                → ns for each
 *   span-calls N       the same inside a span                     → ns for each
 *   spans N            N × (start, context, no context, end)      → ns for each
 *   round-trips N      N × a byte to another process and back,
 *                      by pipes, on this one CPU                  → ns for each
 *   stream RATE MS     RATE spans a second for MS milliseconds,
 *                      each with STREAM_CALLS calls               → spans made, ns behind schedule
 *
 * N is done in CHUNKS parts and the median part is answered: an interrupt or a
 * neighbour hits one part and not the answer. The clock is the thread's own
 * CPU time, so being preempted does not count; of a round trip that of both
 * processes: what a switch costs is charged to the one that it switches to.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "slt.h"

enum { CHUNKS = 7, STREAM_CALLS = 10 };

static struct {
	void (*span_start)(const struct slt_span *span);
	void (*span_end)(const struct slt_span *span);
	void (*context_set)(const struct slt_span *span);
} slt;

static struct slt_span span = {
	.version = SLT_PROBE_VERSION,
	.kind = SLT_KIND_SERVER,
	.flags = SLT_SPAN_SAMPLED,
};

static void die(const char *what)
{
	fprintf(stderr, "workload: %s\n", what);
	exit(1);
}

static void *symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);

	if (found == NULL)
		die(dlerror());
	return found;
}

static void load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);

	if (library == NULL)
		die(dlerror());
	*(void **)&slt.span_start = symbol(library, "slt_span_start");
	*(void **)&slt.span_end = symbol(library, "slt_span_end");
	*(void **)&slt.context_set = symbol(library, "slt_context_set");
	puts("ok");
}

static uint64_t now(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

/* Each span has ids of its own: the kernel side refuses one that is open already, the agent bounds what one trace gets. */
static void next_span(void)
{
	static uint64_t id;

	id++;
	memcpy(span.span_id, &id, sizeof(id));
	memcpy(span.trace_id, &id, sizeof(id));
}

static void begin_span(void)
{
	next_span();
	slt.span_start(&span);
	slt.context_set(&span);
}

static void end_span(void)
{
	slt.context_set(NULL);
	slt.span_end(&span);
}

/* At the other end of two pipes. It gives back each byte, and ends with this process. */
static struct {
	pid_t pid;
	clockid_t clock;
	int to, from;
} peer;

static void give_back(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
		;
	_exit(0);
}

static void start_peer(void)
{
	int there[2], back[2];

	if (pipe(there) || pipe(back))
		die("pipe failed");
	peer.pid = fork();
	if (peer.pid < 0)
		die("fork failed");
	if (peer.pid == 0) {
		close(there[1]);
		close(back[0]);
		give_back(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	peer.to = there[1];
	peer.from = back[0];
	if (clock_getcpuclockid(peer.pid, &peer.clock))
		die("the peer has no clock");
}

static void round_trips(uint64_t n)
{
	char byte = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (write(peer.to, &byte, 1) != 1 || read(peer.from, &byte, 1) != 1)
			die("the peer has ended");
	}
}

/* CPU time of this thread and of the peer, if there is one. */
static uint64_t cpu_time(void)
{
	return now(CLOCK_THREAD_CPUTIME_ID) + (peer.pid ? now(peer.clock) : 0);
}

static void calls(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		syscall(SYS_getppid);
}

static void spans(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		begin_span();
		end_span();
	}
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void answer_ns_of_each(void (*work)(uint64_t n), uint64_t n)
{
	const uint64_t part = n / CHUNKS + 1;
	double each[CHUNKS];

	work(part); /* warm caches, and the programs' */
	for (int i = 0; i < CHUNKS; i++) {
		const uint64_t from = cpu_time();

		work(part);
		each[i] = (double)(cpu_time() - from) / (double)part;
	}
	qsort(each, CHUNKS, sizeof(each[0]), ascending);
	printf("%.3f\n", each[CHUNKS / 2]);
}

/* Others have this CPU while nothing is due, as what receives the spans; the last bit is spun for, for sleeping is not that exact. */
static void sleep_towards(uint64_t ns)
{
	const uint64_t inexact = 100000;

	if (ns > inexact)
		nanosleep(&(struct timespec){.tv_nsec = (long)(ns - inexact)}, NULL);
}

static void stream(uint64_t rate, uint64_t milliseconds)
{
	const uint64_t begin = now(CLOCK_MONOTONIC), count = rate * milliseconds / 1000;
	uint64_t due, at = begin;

	for (uint64_t i = 0; i < count; i++) {
		due = begin + i * 1000000000u / rate;
		for (at = now(CLOCK_MONOTONIC); at < due; at = now(CLOCK_MONOTONIC))
			sleep_towards(due - at);
		begin_span();
		calls(STREAM_CALLS);
		end_span();
	}
	due = begin + milliseconds * 1000000u;
	printf("%" PRIu64 " %" PRIu64 "\n", count, at > due ? at - due : 0);
}

int main(int argc, char **argv)
{
	char line[4096], path[4096];
	uint64_t n, m;
	cpu_set_t cpus;

	if (argc != 2)
		die("the number of the CPU to run on is its one argument");
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[1]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity failed");
	slt_span_name(&span, "GET /bench", 10);
	prctl(PR_SET_TIMERSLACK, 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (sscanf(line, "load %4095s", path) == 1) {
			load(path);
		} else if (sscanf(line, "calls %" SCNu64, &n) == 1) {
			answer_ns_of_each(calls, n);
		} else if (sscanf(line, "span-calls %" SCNu64, &n) == 1) {
			begin_span();
			answer_ns_of_each(calls, n);
			end_span();
		} else if (sscanf(line, "spans %" SCNu64, &n) == 1) {
			answer_ns_of_each(spans, n);
		} else if (sscanf(line, "round-trips %" SCNu64, &n) == 1) {
			if (!peer.pid)
				start_peer();
			answer_ns_of_each(round_trips, n);
		} else if (sscanf(line, "stream %" SCNu64 " %" SCNu64, &n, &m) == 2) {
			stream(n, m);
		} else {
			die("a line that it does not know");
		}
	}
	return 0;
}
