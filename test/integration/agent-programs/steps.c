/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A span and a child of it, step by step, told through libslt itself. Prints `ready`, then does what each line of its
 * input says, one step or many with semicolons between them, and prints the line again: `start`, `work` (the thread works for the span from now on), `leave` (for none),
 * `end`; the same of the child after `child `; `calls N` makes N × getppid, `naps N` sleeps N times for a millisecond. A
 * span that is started again is another one.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "slt.h"

static struct slt_span spans[2] = {
	{ .version = SLT_PROBE_VERSION, .kind = SLT_KIND_INTERNAL, .flags = SLT_SPAN_SAMPLED, .trace_id = { 1 } },
	{ .version = SLT_PROBE_VERSION, .kind = SLT_KIND_INTERNAL, .flags = SLT_SPAN_SAMPLED, .trace_id = { 1 } },
};

static void start(bool child)
{
	static unsigned char last_id;
	struct slt_span *span = &spans[child];

	span->span_id[0] = ++last_id;
	if (child)
		memcpy(span->parent_span_id, spans[0].span_id, sizeof(span->parent_span_id));
	slt_span_start(span);
}

static void step(const char *line)
{
	const bool child = strncmp(line, "child ", 6) == 0;
	const char *what = child ? line + 6 : line;
	struct slt_span *span = &spans[child];
	int n;

	if (strcmp(what, "start") == 0)
		start(child);
	else if (strcmp(what, "work") == 0)
		slt_context_set(span);
	else if (strcmp(what, "leave") == 0)
		slt_context_set(NULL);
	else if (strcmp(what, "end") == 0)
		slt_span_end(span);
	else if (sscanf(what, "calls %d", &n) == 1)
		for (int i = 0; i < n; i++)
			syscall(SYS_getppid);
	else if (sscanf(what, "naps %d", &n) == 1)
		for (int i = 0; i < n; i++)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	else
		abort();
}

int main(void)
{
	char line[256], steps[256];

	slt_span_name(&spans[false], "steps", 5);
	slt_span_name(&spans[true], "child", 5);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		strcpy(steps, line);
		for (char *next = strtok(steps, ";"); next != NULL; next = strtok(NULL, ";"))
			step(next);
		puts(line);
	}
	return 0;
}
