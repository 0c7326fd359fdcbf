// SPDX-License-Identifier: Apache-2.0
/*
 * The loop that sltagent and its peers are compared by. For each line of standard input, `getppid`, `read` (1 byte of
 * /dev/zero) or `write` (1 byte to /dev/null), it makes that call for some RUN_NS and answers the nanoseconds of wall
 * time for each: what a tool does in other threads, such as strace, counts as much as what it does in this one. The run
 * is cut into PARTS, and the median part counts. With a libslt preloaded, all of it happens inside a span.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "slt.h"

enum { PARTS = 7, BETWEEN_CLOCKS = 50 };
static const uint64_t RUN_NS = 35000000;

static void (*span_start)(const struct slt_span *), (*span_end)(const struct slt_span *);
static void (*context_set)(const struct slt_span *);

static struct slt_span span = {
	.version = SLT_PROBE_VERSION,
	.kind = SLT_KIND_SERVER,
	.flags = SLT_SPAN_SAMPLED,
};

static int zero, null;

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

static void do_read(void)
{
	char byte;

	if (read(zero, &byte, 1) != 1)
		abort();
}

static void do_write(void)
{
	if (write(null, "", 1) != 1)
		abort();
}

static uint64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double part(void (*call)(void))
{
	const uint64_t from = now();
	uint64_t at = from, made = 0;

	while (at - from < RUN_NS / PARTS) {
		for (int i = 0; i < BETWEEN_CLOCKS; i++)
			call();
		made += BETWEEN_CLOCKS;
		at = now();
	}
	return (double)(at - from) / (double)made;
}

static void answer(void (*call)(void))
{
	static uint64_t id;
	double each[PARTS];

	id++;
	memcpy(span.span_id, &id, sizeof(id));
	memcpy(span.trace_id, &id, sizeof(id));
	if (span_start != NULL) {
		span_start(&span);
		context_set(&span);
	}
	for (int i = 0; i < PARTS; i++)
		each[i] = part(call);
	if (span_start != NULL) {
		context_set(NULL);
		span_end(&span);
	}
	qsort(each, PARTS, sizeof(each[0]), ascending);
	printf("%.3f\n", each[PARTS / 2]);
}

int main(int argc, char **argv)
{
	char line[64];
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(argc == 2 ? atoi(argv[1]) : 0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return 1;
	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	*(void **)&span_start = dlsym(RTLD_DEFAULT, "slt_span_start");
	*(void **)&span_end = dlsym(RTLD_DEFAULT, "slt_span_end");
	*(void **)&context_set = dlsym(RTLD_DEFAULT, "slt_context_set");
	slt_span_name(&span, "GET /bench", 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		switch (line[0]) {
		case 'g':
			answer(do_getppid);
			break;
		case 'r':
			answer(do_read);
			break;
		case 'w':
			answer(do_write);
			break;
		default:
			return 2;
		}
	}
	return 0;
}
