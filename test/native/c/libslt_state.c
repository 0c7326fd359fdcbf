/* SPDX-License-Identifier: Apache-2.0 */
/* What libslt keeps: resources, names, the thread context record, the state of each copy. One case a run: libslt_state CASE. */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <threads.h>

#include "expect.h"
#include "hits.h"

static struct slt_resource numbered_resource(int number)
{
	struct slt_resource resource = { .version = SLT_PROBE_VERSION };

	resource.length = (__u16)(1 + snprintf(resource.text, sizeof(resource.text), "service.name%cshop %d", 0, number));
	return resource;
}

static void resources(void)
{
	struct slt_resource resource = numbered_resource(0), invalid = resource;
	struct slt_span span = numbered_span(1);

	hits_record();
	invalid.version = SLT_PROBE_VERSION + 1;
	EXPECT(slt_resource_set(&invalid) == 0);
	invalid.version = SLT_PROBE_VERSION;
	invalid.length = SLT_RESOURCE_BYTES + 1;
	EXPECT(slt_resource_set(&invalid) == 0);
	EXPECT(slt_resource_set(NULL) == 0);

	for (int i = 0; i < SLT_RESOURCES_MAX; i++) {
		resource = numbered_resource(i);
		EXPECT(slt_resource_set(&resource) == (uint32_t)i + 1);
	}
	resource = numbered_resource(SLT_RESOURCES_MAX);
	EXPECT(slt_resource_set(&resource) == 0);
	resource = numbered_resource(5);
	EXPECT(slt_resource_set(&resource) == 6);

	probe_trap_raise();
	span.resource = 6;
	slt_span_end(&span);
	const struct slt_resource *told = hits[hit_count - 1].resource;
	EXPECT(told != NULL && told != &resource && told->number == 6 && told->version == SLT_PROBE_VERSION);
	EXPECT(told->length == resource.length && memcmp(told->text, resource.text, SLT_RESOURCE_BYTES) == 0);

	span.resource = SLT_RESOURCES_MAX + 1;
	slt_span_end(&span);
	EXPECT(hits[hit_count - 1].resource == NULL);
}

static void resource_is_immutable(void)
{
	const struct slt_resource resource = numbered_resource(1);
	struct slt_span span = numbered_span(1);
	int status;
	pid_t child;

	hits_record();
	probe_trap_raise();
	span.resource = slt_resource_set(&resource);
	slt_span_end(&span);
	child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL); /* the sanitizers would turn it into an exit */
		((struct slt_resource *)hits[hit_count - 1].resource)->length = 0;
		_exit(0);
	}
	EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

#define THREADS 8

static uint32_t numbers[THREADS][SLT_RESOURCES_MAX];

static int set_resources(void *argument)
{
	uint32_t *mine = numbers[(uintptr_t)argument];

	for (int i = 0; i < SLT_RESOURCES_MAX; i++) {
		const struct slt_resource resource = numbered_resource(i);

		mine[i] = slt_resource_set(&resource);
	}
	return 0;
}

static void resources_of_threads(void)
{
	thrd_t running[THREADS];
	bool taken[SLT_RESOURCES_MAX + 1] = { false };

	for (uintptr_t i = 0; i < THREADS; i++)
		EXPECT(thrd_create(&running[i], set_resources, (void *)i) == thrd_success);
	for (int i = 0; i < THREADS; i++)
		EXPECT(thrd_join(running[i], NULL) == thrd_success);
	for (int i = 0; i < SLT_RESOURCES_MAX; i++) {
		const uint32_t number = numbers[0][i];

		EXPECT(number >= 1 && number <= SLT_RESOURCES_MAX && !taken[number]);
		taken[number] = true;
		for (int t = 1; t < THREADS; t++)
			EXPECT(numbers[t][i] == number);
	}
}

/* The name is given without a byte after it, so that AddressSanitizer sees a read too far. */
static int cut_length(const char *text, size_t length)
{
	struct slt_span span = { .name_length = 99 };
	char *exact = malloc(length);

	EXPECT(exact != NULL || length == 0);
	if (length > 0)
		memcpy(exact, text, length);
	memset(span.name, 'x', sizeof(span.name));
	slt_span_name(&span, exact, length);
	EXPECT(memcmp(span.name, text, span.name_length) == 0);
	for (int i = span.name_length; i < SLT_NAME_BYTES; i++)
		EXPECT(span.name[i] == 0);
	free(exact);
	return span.name_length;
}

static void names(void)
{
	char text[3 * SLT_NAME_BYTES];

	EXPECT(cut_length("", 0) == 0);
	EXPECT(cut_length("GET /", 5) == 5);
	memset(text, 'a', sizeof(text));
	EXPECT(cut_length(text, SLT_NAME_BYTES) == SLT_NAME_BYTES);
	EXPECT(cut_length(text, SLT_NAME_BYTES + 1) == SLT_NAME_BYTES);

	memcpy(text + 63, "é", 2); /* 63, 64 */
	EXPECT(cut_length(text, 65) == 63);
	memset(text, 'a', sizeof(text));
	memcpy(text + 62, "é", 2); /* 62, 63: fits */
	EXPECT(cut_length(text, 80) == 64);
	for (int first = 61; first <= 63; first++) {
		memset(text, 'a', sizeof(text));
		memcpy(text + first, "\xF0\x9F\x90\x8C", 4);
		EXPECT(cut_length(text, 80) == first);
	}
	memset(text, 0x80, sizeof(text)); /* no character begins anywhere */
	EXPECT(cut_length(text, 80) == SLT_NAME_BYTES);
}

/* OTEP 4947, written down here a second time. */
struct thread_context {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t valid;
	uint8_t trace_flags;
	uint16_t attributes_size;
};

extern _Thread_local struct thread_context *otel_thread_ctx_v1;

static void expect_record(const struct slt_span *span)
{
	const struct thread_context *record = otel_thread_ctx_v1;

	EXPECT(record != NULL && (uintptr_t)record % 2 == 0 && record->valid == 1 && record->attributes_size == 0);
	EXPECT(memcmp(record->trace_id, span->trace_id, 16) == 0 && memcmp(record->span_id, span->span_id, 8) == 0);
	EXPECT(record->trace_flags == (span->flags & SLT_SPAN_SAMPLED));
}

static void change_contexts(void)
{
	struct slt_span a = numbered_span(1), b = numbered_span(2);
	const struct thread_context *record;

	a.flags |= SLT_SPAN_PARENT_REMOTE; /* no flag of W3C Trace Context */
	EXPECT(otel_thread_ctx_v1 == NULL);
	slt_context_set(NULL);
	EXPECT(otel_thread_ctx_v1 == NULL);
	slt_context_set(&a);
	expect_record(&a);
	record = otel_thread_ctx_v1;
	slt_context_set(&b);
	expect_record(&b);
	slt_context_set(NULL);
	EXPECT(record == otel_thread_ctx_v1 && record->valid == 0);
	slt_context_set(&b);
	expect_record(&b);
	EXPECT(record == otel_thread_ctx_v1);
}

static int change_contexts_in_thread(void *parents_record)
{
	change_contexts();
	EXPECT(otel_thread_ctx_v1 != parents_record);
	return 0;
}

static void thread_record(void)
{
	const struct slt_span b = numbered_span(2);
	thrd_t other;

	change_contexts();
	EXPECT(thrd_create(&other, change_contexts_in_thread, otel_thread_ctx_v1) == thrd_success);
	EXPECT(thrd_join(other, NULL) == thrd_success);
	expect_record(&b);
}

static void thread_record_attached(void)
{
	hits_record();
	probe_trap_raise();
	thread_record();
}

/* words: a copy of the library in another file. */
static void two_copies(const char *path)
{
	const struct slt_span a = numbered_span(1);
	void *copy = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	EXPECT(copy != NULL);
	void (*const others_context_set)(const struct slt_span *) =
		(void (*)(const struct slt_span *))dlsym(copy, "slt_context_set");
	bool (*const others_enabled)(void) = (bool (*)(void))dlsym(copy, "slt_enabled");
	EXPECT(others_context_set != NULL && others_context_set != slt_context_set);

	hits_record();
	probe_trap_raise(); /* of the copy that this program is linked to */
	EXPECT(slt_enabled() && !others_enabled());
	others_context_set(&a);
	EXPECT(hit_count == 0);
	slt_context_set(&a);
	EXPECT(hit_count == 2 && last_hit_is_context(1));
	others_context_set(NULL);
	slt_context_set(&a);
	EXPECT(hit_count == 2);
}

int main(int count, char **words)
{
	static const struct test_case cases[] = {
		{ "resources", resources },
		{ "resource_is_immutable", resource_is_immutable },
		{ "resources_of_threads", resources_of_threads },
		{ "names", names },
		{ "thread_record", thread_record },
		{ "thread_record_attached", thread_record_attached },
	};

	if (count == 3 && strcmp(words[1], "two_copies") == 0) {
		two_copies(words[2]);
		return 0;
	}
	return run_case(cases, sizeof(cases) / sizeof(cases[0]), count, words);
}
