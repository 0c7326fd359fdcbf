/* SPDX-License-Identifier: Apache-2.0 */
/* The probe hits of the calling thread, in order; a child of fork starts with its parent's. */
#ifndef SLT_TEST_HITS_H
#define SLT_TEST_HITS_H

#include "probe_trap.h"

#define HITS_MAX 256

struct recorded_hit {
	enum probe_site site;
	bool has_span;
	uint64_t id; /* span_id, as numbered_span() made it */
	const struct slt_span *span;
	const struct slt_resource *resource;
	const struct slt_journal *journal;
	uint64_t registration; /* the three are the journal's at the hit */
	uint32_t head, flushed;
};

extern _Thread_local struct recorded_hit hits[HITS_MAX];
extern _Thread_local int hit_count;

/* The last hit is a context of this number, 0: of none. */
bool last_hit_is_context(uint64_t number);

/* What is done at each hit after it was recorded, as by a signal handler; NULL: nothing. */
extern void (*hits_then)(const struct probe_hit *hit);

/* Arms the sites to record. */
void hits_record(void);

/* A span whose ids are made from a number. */
struct slt_span numbered_span(uint64_t number);

#endif
