/* SPDX-License-Identifier: Apache-2.0 */
/* A program that works for one span at a time, told through libslt: its service, the span, and pauses that are exactly one system call. */
#ifndef ONE_SPAN_H
#define ONE_SPAN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "slt.h"

static struct slt_span one_span;
static unsigned int one_service;

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

static inline void set_service(const char *name)
{
	struct slt_resource resource = { .version = SLT_PROBE_VERSION };
	static const char key[] = "service.name";
	size_t length = strlen(name) + 1;

	if (sizeof(key) + length > sizeof(resource.text))
		abort();
	memcpy(resource.text, key, sizeof(key));
	memcpy(resource.text + sizeof(key), name, length);
	resource.length = sizeof(key) + length;
	one_service = slt_resource_set(&resource);
}

static inline void begin_span(const char *name)
{
	static unsigned long long last_id;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	last_id++;
	one_span = (struct slt_span){
		.version = SLT_PROBE_VERSION,
		.kind = SLT_KIND_INTERNAL,
		.flags = SLT_SPAN_SAMPLED,
		.resource = one_service,
		.start_unix_ns = now.tv_sec * 1000000000ull + now.tv_nsec,
	};
	/* Not the same in two programs. */
	((unsigned int *)one_span.span_id)[0] = getpid();
	((unsigned int *)one_span.span_id)[1] = last_id;
	memcpy(one_span.trace_id, one_span.span_id, sizeof(one_span.span_id));
	slt_span_name(&one_span, name, strlen(name));
	slt_span_start(&one_span);
}

static inline void end_span(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	one_span.end_unix_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	slt_context_set(NULL);
	slt_span_end(&one_span);
}

static inline void tell_span(void)
{
	for (size_t i = 0; i < sizeof(one_span.span_id); i++)
		printf("%02x", one_span.span_id[i]);
	puts("");
}

static inline struct timespec milliseconds(unsigned int count)
{
	return (struct timespec){ .tv_sec = count / 1000, .tv_nsec = count % 1000 * 1000000l };
}

/* By nanosleep(2) itself, which libc's nanosleep() is not. */
static inline void pause_ms(unsigned int count)
{
	struct timespec time = milliseconds(count);

	if (syscall(SYS_nanosleep, &time, NULL))
		fail("nanosleep");
}

static inline bool main_thread_sleeps(void)
{
	char line[256], *state;
	FILE *stat = fopen("/proc/self/stat", "r");

	if (!stat || !fgets(line, sizeof(line), stat))
		fail("/proc/self/stat");
	fclose(stat);
	state = strrchr(line, ')');
	return state && state[2] == 'S';
}

/* By another thread: from when the first one sleeps on. Its wait is as long as this, however late it comes to it on a busy machine. */
static inline void pause_once_asleep(unsigned int count)
{
	while (!main_thread_sleeps())
		pause_ms(1);
	pause_ms(count);
}

static inline unsigned long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static inline pthread_t start_thread(void *(*work)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, argument))
		abort();
	return thread;
}

#endif
