/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"
#include "probe_sites.h"
#include "process.h"
#include "resource.h"

bool slt_enabled(void)
{
	return is_raised(&slt_probe_span_start_semaphore) || is_raised(&slt_probe_span_end_semaphore) ||
	       is_raised(&slt_probe_context_set_semaphore);
}

/* The generation in which something is to be told of the span; 0: nothing is. */
static uint32_t generation_for(const struct slt_span *span, const unsigned short *semaphore)
{
	if (!is_raised(semaphore)) {
		slt_process_forget();
		return 0;
	}
	return span == NULL ? 0 : slt_process_generation();
}

void slt_span_start(const struct slt_span *span)
{
	const uint32_t generation = generation_for(span, &slt_probe_span_start_semaphore);
	struct journal_trap trap;

	if (generation == 0 || journal_start(span, generation))
		return;
	journal_used(local_parent(span), false, generation);
	trap = journal_before_trap(generation);
	slt_probe_span_start(span, trap.journal);
	journal_after_trap(trap);
}

void slt_span_end(const struct slt_span *span)
{
	const uint32_t generation = generation_for(span, &slt_probe_span_end_semaphore);
	struct journal_trap trap;
	uint64_t id;

	if (generation == 0 || journal_end(span, generation))
		return;
	memcpy(&id, span->span_id, sizeof(id));
	trap = journal_before_trap(generation);
	slt_probe_span_end(span, slt_resource_by_number(span->resource), trap.journal);
	journal_after_trap(trap);
	journal_used(id, true, generation);
}
