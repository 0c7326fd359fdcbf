/* SPDX-License-Identifier: Apache-2.0 */
/* The probe sites in probe.S, as C sees them. */
#ifndef SLT_PROBE_SITES_H
#define SLT_PROBE_SITES_H

#include <stdbool.h>

#include "slt.h"

SLT_API void slt_probe_process(void);
SLT_API void slt_probe_span_start(const struct slt_span *span, const struct slt_journal *journal);
SLT_API void slt_probe_span_end(const struct slt_span *span, const struct slt_resource *resource,
				const struct slt_journal *journal);
SLT_API void slt_probe_context_set(const struct slt_span *span, const struct slt_journal *journal);
SLT_API void slt_probe_journal(const struct slt_journal *journal);

SLT_API extern unsigned short slt_probe_process_semaphore;
SLT_API extern unsigned short slt_probe_span_start_semaphore;
SLT_API extern unsigned short slt_probe_span_end_semaphore;
SLT_API extern unsigned short slt_probe_context_set_semaphore;
SLT_API extern unsigned short slt_probe_journal_semaphore;

/* The kernel writes a semaphore at any time, behind the compiler's back. */
static inline bool is_raised(const unsigned short *semaphore)
{
	return *(const volatile unsigned short *)semaphore != 0;
}

#endif
