/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which span the calling thread works for, as it was told last.
 *
 * A signal handler may interrupt slt_context_set() at any instruction and call
 * it itself. `calls` shows it: whoever finds it changed has been overtaken, and
 * must not trust what it wrote before.
 */
#include "context.h"

#include <stdatomic.h>

#include "journal.h"
#include "probe_sites.h"
#include "process.h"

/* OTEP 4947, "Thread Local Context Record": 28 bytes, then attributes, of which we give none. */
struct otel_thread_context {
	__u8 trace_id[SLT_TRACE_ID_BYTES];
	__u8 span_id[SLT_SPAN_ID_BYTES];
	__u8 valid; /* 1, or to be ignored */
	__u8 trace_flags;
	__u16 attributes_size;
};
_Static_assert(sizeof(struct otel_thread_context) == 28, "OTEP 4947 fixes the layout");

SLT_API THREAD_LOCAL struct otel_thread_context *volatile otel_thread_ctx_v1;

static THREAD_LOCAL struct otel_thread_context record;

/* What the kernel side was last told about this thread. */
static THREAD_LOCAL volatile struct {
	uint64_t span_id;    /* 0: that it works for none */
	uint32_t generation; /* of slt_process_generation(); 0: not known */
	uint32_t calls;
} told;

static void set_valid(__u8 valid)
{
	COMPILER_FENCE();
	*(volatile __u8 *)&record.valid = valid;
	COMPILER_FENCE();
}

/* The OTEP's second way: the pointer is set once for each thread, then only `valid` goes down and up. */
static void publish(const struct slt_span *span)
{
	uint32_t before;

	if (span == NULL) {
		if (record.valid)
			set_valid(0);
		return;
	}
	do {
		before = told.calls;
		set_valid(0);
		memcpy(record.trace_id, span->trace_id, sizeof(record.trace_id));
		memcpy(record.span_id, span->span_id, sizeof(record.span_id));
		record.trace_flags = span->flags & SLT_SPAN_SAMPLED;
		COMPILER_FENCE();
	} while (told.calls != before);
	set_valid(1);
	if (otel_thread_ctx_v1 == NULL)
		otel_thread_ctx_v1 = &record;
}

struct told_context context_told(uint32_t generation)
{
	const struct told_context context = { told.generation == generation, told.span_id };

	return context;
}

static void tell(const struct slt_span *span, uint64_t span_id, uint32_t generation)
{
	const struct told_context before = context_told(generation);
	const uint32_t call = told.calls;

	told.generation = 0;
	COMPILER_FENCE();
	if (!journal_context(before, span_id, generation)) {
		const struct journal_trap trap = journal_before_trap(generation);

		journal_used(span_id, false, generation);
		slt_probe_context_set(span, trap.journal);
		journal_after_trap(trap);
	}
	COMPILER_FENCE();
	told.span_id = span_id;
	told.generation = generation;
	if (told.calls != call)
		told.generation = 0;
}

void slt_context_set(const struct slt_span *span)
{
	uint64_t span_id = 0;
	uint32_t generation;

	if (span != NULL)
		memcpy(&span_id, span->span_id, sizeof(span_id));
	if (span_id == 0)
		span = NULL;

	if (!is_raised(&slt_probe_context_set_semaphore)) {
		told.calls++;
		publish(span);
		told.generation = 0;
		slt_process_forget();
		return;
	}
	generation = slt_process_generation();
	if (generation == 0 || (told.generation == generation && told.span_id == span_id))
		return;
	told.calls++;
	publish(span);
	tell(span, span_id, generation);
}
