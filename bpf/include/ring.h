/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLT_BPF_RING_H
#define SLT_BPF_RING_H

#include "counters.h"

/* Sends `size` bytes and counts them as sent or lost. Not 0: lost. */
static __always_inline long ring_send(void *record, __u64 size, __u64 flags)
{
	long error;

	count(SLT_COUNT_RECORDS_PRODUCED, 1);
	error = bpf_ringbuf_output(&records, record, size, flags);
	count(error ? SLT_DROP_RECORD_RING_FULL : SLT_COUNT_RECORDS_SENT, 1);
	return error;
}

#endif
