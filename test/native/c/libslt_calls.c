/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches the probe sites, and what does not. One case a run: libslt_calls CASE. Exit status 0: as it should be. */
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>

#include "expect.h"
#include "hits.h"

static void call_everything(void)
{
	const struct slt_span span = numbered_span(7);

	slt_span_start(&span);
	slt_context_set(&span);
	slt_context_set(&span);
	slt_context_set(NULL);
	slt_span_end(&span);
	slt_enabled();
}

/* In a child that the kernel kills at any system call but read, write, exit and the return from a signal. */
static bool calls_make_no_system_call(void)
{
	const pid_t child = fork();

	if (child == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
			_exit(2);
		call_everything();
		syscall(SYS_exit, 0);
	}
	return ends_well(child);
}

static void detached(void)
{
	hits_record();
	EXPECT(!slt_enabled());
	call_everything();
	EXPECT(hit_count == 0);
	EXPECT(calls_make_no_system_call());
}

static void no_system_calls(void)
{
	hits_record();
	probe_trap_raise();
	EXPECT(slt_enabled());
	EXPECT(calls_make_no_system_call());
}

static void arguments(void)
{
	const struct slt_span span = numbered_span(1);

	hits_record();
	probe_trap_raise();
	slt_span_start(&span);
	EXPECT(hit_count == 2 && hits[0].site == SITE_PROCESS);
	EXPECT(hits[1].site == SITE_SPAN_START && hits[1].span == &span);
	slt_context_set(&span);
	EXPECT(hit_count == 3 && hits[2].site == SITE_CONTEXT_SET && hits[2].span == &span);
	slt_span_end(&span);
	EXPECT(hit_count == 4 && hits[3].site == SITE_SPAN_END && hits[3].span == &span && hits[3].resource == NULL);
	EXPECT(hits[1].journal == NULL && hits[2].journal == NULL && hits[3].journal == NULL);
	slt_span_start(NULL);
	slt_span_end(NULL);
	EXPECT(hit_count == 4);
}

static void context_repeated(void)
{
	const struct slt_span a = numbered_span(1), same = numbered_span(1), b = numbered_span(2), zero = numbered_span(0);

	hits_record();
	probe_trap_raise();
	slt_context_set(NULL); /* not known before: told */
	EXPECT(hit_count == 2 && last_hit_is_context(0));
	slt_context_set(NULL);
	EXPECT(hit_count == 2);
	slt_context_set(&a);
	EXPECT(hit_count == 3 && last_hit_is_context(1));
	slt_context_set(&a);
	slt_context_set(&same);
	EXPECT(hit_count == 3);
	slt_context_set(&b);
	EXPECT(hit_count == 4 && last_hit_is_context(2));
	slt_context_set(&a);
	EXPECT(hit_count == 5 && last_hit_is_context(1));
	slt_context_set(&zero);
	EXPECT(hit_count == 6 && last_hit_is_context(0));
	slt_context_set(NULL);
	EXPECT(hit_count == 6);
}

static void context_after_detach(void)
{
	const struct slt_span a = numbered_span(1);

	hits_record();
	probe_trap_raise();
	slt_context_set(&a);
	EXPECT(hit_count == 2);
	probe_trap_lower();
	slt_context_set(&a);
	EXPECT(hit_count == 2);
	probe_trap_raise();
	slt_context_set(&a); /* the new agent was told nothing */
	EXPECT(hit_count == 4 && hits[2].site == SITE_PROCESS && last_hit_is_context(1));
}

static int call_detached(void *nothing)
{
	(void)nothing;
	slt_context_set(NULL);
	return hit_count;
}

/* This thread makes no call while no agent is there; another one does. */
static void context_after_detach_elsewhere(void)
{
	const struct slt_span a = numbered_span(1);
	thrd_t other;
	int others_hits;

	hits_record();
	probe_trap_raise();
	slt_context_set(&a);
	probe_trap_lower();
	EXPECT(thrd_create(&other, call_detached, NULL) == thrd_success && thrd_join(other, &others_hits) == thrd_success);
	EXPECT(others_hits == 0);
	probe_trap_raise();
	slt_context_set(&a);
	EXPECT(hit_count == 4 && last_hit_is_context(1));
}

static void tell_as_child(const struct slt_span *span)
{
	const int before = hit_count;

	slt_context_set(span);
	EXPECT(hit_count == before + 2 && hits[before].site == SITE_PROCESS && last_hit_is_context(1));
	slt_context_set(span);
	EXPECT(hit_count == before + 2);
}

static void after_fork(pid_t (*start_child)(void))
{
	const struct slt_span a = numbered_span(1);
	pid_t child;

	hits_record();
	probe_trap_raise();
	slt_context_set(&a);
	child = start_child();
	if (child == 0) {
		tell_as_child(&a);
		child = start_child(); /* and in a grandchild */
		if (child == 0) {
			tell_as_child(&a);
			_exit(0);
		}
		_exit(ends_well(child) ? 0 : 1);
	}
	EXPECT(ends_well(child));
	slt_context_set(&a); /* still known of the parent */
	EXPECT(hit_count == 2);
}

static pid_t raw_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void forked(void)
{
	after_fork(fork);
}

static void cloned(void)
{
	after_fork(raw_clone);
}

#define THREADS 8

static _Atomic int process_hits;

static int work_in_thread(void *argument)
{
	const uint64_t first = 1000 * (1 + (uint64_t)(uintptr_t)argument);

	for (uint64_t i = 0; i < 100; i++) {
		const struct slt_span span = numbered_span(first + i);

		slt_context_set(&span);
		EXPECT(last_hit_is_context(first + i));
	}
	for (int i = 0; i < hit_count; i++)
		process_hits += hits[i].site == SITE_PROCESS;
	return hit_count;
}

static void threads(void)
{
	thrd_t running[THREADS];
	int sum = 0, count;

	hits_record();
	probe_trap_raise();
	for (uintptr_t i = 0; i < THREADS; i++)
		EXPECT(thrd_create(&running[i], work_in_thread, (void *)i) == thrd_success);
	for (int i = 0; i < THREADS; i++) {
		EXPECT(thrd_join(running[i], &count) == thrd_success);
		sum += count;
	}
	EXPECT(process_hits == 1);
	EXPECT(sum == THREADS * 100 + 1);
}

/* A handler that comes just as a context is told, sets another and does not put the former one back. */
static bool interrupt;
static _Thread_local bool interrupted;

static void set_another(const struct probe_hit *hit)
{
	const struct slt_span b = numbered_span(2);

	if (hit->site != SITE_CONTEXT_SET)
		return;
	hit_count++;
	if (interrupt && !interrupted) {
		interrupted = true;
		slt_context_set(&b);
	}
}

static void signal_handler(void)
{
	const struct slt_span a = numbered_span(1), b = numbered_span(2);

	EXPECT(probe_trap_arm(set_another));
	probe_trap_raise();
	interrupt = true;
	slt_context_set(&a);
	EXPECT(hit_count == 2);
	/* Which of the two the kernel saw last cannot be known: neither may pass for a repetition. */
	slt_context_set(&a);
	EXPECT(hit_count == 3);
	slt_context_set(&b);
	EXPECT(hit_count == 4);
	slt_context_set(&b);
	EXPECT(hit_count == 4);
}

static void error_number(void)
{
	struct slt_resource resource = { .version = SLT_PROBE_VERSION, .length = 4, .text = "a\0b" };

	hits_record();
	for (int attached = 0; attached < 2; attached++) {
		errno = 4711;
		call_everything();
		slt_resource_set(&resource);
		EXPECT(errno == 4711);
		probe_trap_raise();
	}
}

int main(int count, char **words)
{
	static const struct test_case cases[] = {
		{ "detached", detached },
		{ "no_system_calls", no_system_calls },
		{ "arguments", arguments },
		{ "context_repeated", context_repeated },
		{ "context_after_detach", context_after_detach },
		{ "context_after_detach_elsewhere", context_after_detach_elsewhere },
		{ "forked", forked },
		{ "cloned", cloned },
		{ "threads", threads },
		{ "signal_handler", signal_handler },
		{ "error_number", error_number },
	};

	return run_case(cases, sizeof(cases) / sizeof(cases[0]), count, words);
}
