/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One span, step by step, told through libslt itself. Prints `ready`, then does what each line of its input says and
 * prints the line again: `start`, `work` (the thread works for the span from now on), `leave` (for none), `end`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slt.h"

int main(void)
{
	struct slt_span span = {
		.version = SLT_PROBE_VERSION,
		.kind = SLT_KIND_INTERNAL,
		.flags = SLT_SPAN_SAMPLED,
		.trace_id = { 1 },
		.span_id = { 1 },
	};
	char line[16];

	slt_span_name(&span, "steps", 5);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "start") == 0)
			slt_span_start(&span);
		else if (strcmp(line, "work") == 0)
			slt_context_set(&span);
		else if (strcmp(line, "leave") == 0)
			slt_context_set(NULL);
		else if (strcmp(line, "end") == 0)
			slt_span_end(&span);
		else
			abort();
		puts(line);
	}
	return 0;
}
