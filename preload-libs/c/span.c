/* SPDX-License-Identifier: Apache-2.0 */
#include "probe_sites.h"
#include "process.h"
#include "resource.h"

bool slt_enabled(void)
{
	return is_raised(&slt_probe_span_start_semaphore) || is_raised(&slt_probe_span_end_semaphore) ||
	       is_raised(&slt_probe_context_set_semaphore);
}

void slt_span_start(const struct slt_span *span)
{
	if (!is_raised(&slt_probe_span_start_semaphore) || span == NULL || slt_process_generation() == 0)
		return;
	slt_probe_span_start(span);
}

void slt_span_end(const struct slt_span *span)
{
	if (!is_raised(&slt_probe_span_end_semaphore) || span == NULL || slt_process_generation() == 0)
		return;
	slt_probe_span_end(span, slt_resource_by_number(span->resource));
}
