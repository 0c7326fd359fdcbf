/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLT_BPF_COUNTERS_H
#define SLT_BPF_COUNTERS_H

#include "maps.h"

/*
 * Per CPU and still atomic: a probe can be preempted between load and store,
 * and the next probe on that CPU would be lost (seen: plain ++ loses counts).
 */
static __always_inline void count(__u32 counter, __u64 n)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		__sync_fetch_and_add(value, n);
}

#endif
