/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLT_BPF_CLOCK_H
#define SLT_BPF_CLOCK_H

#include "maps.h"

/* a − b, and 0 where a probe was preempted between reading the clock and the state that it is held against. */
static __always_inline __u64 since(__u64 a, __u64 b)
{
	return a > b ? a - b : 0;
}

#endif
