/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many spans in flight at once, told through libslt itself. For each line
 * `COUNT MILLISECONDS` on its input: starts COUNT spans, makes CALLS system calls
 * in each of the first WORKED of them, prints `open`, waits, ends all of them, and prints
 * `ended`. Prints `ready` first, and ends with its input.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "slt.h"

enum { WORKED = 1000, CALLS = 20 };

static unsigned int resource_number(void)
{
	static const char text[] = "service.name\0burst";
	struct slt_resource resource = {
		.version = SLT_PROBE_VERSION,
		.length = sizeof(text),
	};

	memcpy(resource.text, text, sizeof(text));
	return slt_resource_set(&resource);
}

static unsigned long long now_unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void work(const struct slt_span *span, int file)
{
	char byte;

	slt_context_set(span);
	for (int call = 0; call < CALLS; call++) {
		if (pread(file, &byte, 1, 0) != 1)
			abort();
	}
	slt_context_set(NULL);
}

static void burst(unsigned int count, unsigned int milliseconds, unsigned int resource, int file)
{
	static unsigned long long last_id;
	struct slt_span *spans = calloc(count, sizeof(*spans));
	const struct timespec wait = {
		.tv_sec = milliseconds / 1000,
		.tv_nsec = milliseconds % 1000 * 1000000l,
	};

	if (!spans)
		abort();
	for (unsigned int i = 0; i < count; i++) {
		struct slt_span *span = &spans[i];

		span->version = SLT_PROBE_VERSION;
		span->kind = SLT_KIND_INTERNAL;
		span->flags = SLT_SPAN_SAMPLED;
		span->resource = resource;
		last_id++;
		memcpy(span->span_id, &last_id, sizeof(last_id));
		memcpy(span->trace_id, &last_id, sizeof(last_id));
		span->start_unix_ns = now_unix_ns();
		slt_span_name(span, "in flight", strlen("in flight"));
		slt_span_start(span);
	}
	for (unsigned int i = 0; i < count && i < WORKED; i++)
		work(&spans[i], file);
	puts("open");
	nanosleep(&wait, NULL);
	for (unsigned int i = 0; i < count; i++) {
		spans[i].end_unix_ns = now_unix_ns();
		slt_span_end(&spans[i]);
	}
	free(spans);
}

int main(void)
{
	unsigned int count, milliseconds, resource = resource_number();
	int file = open("/proc/self/exe", O_RDONLY);

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%u %u", &count, &milliseconds) == 2) {
		burst(count, milliseconds, resource, file);
		puts("ended");
	}
	return 0;
}
