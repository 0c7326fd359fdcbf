/* SPDX-License-Identifier: Apache-2.0 */
#include "hits.h"

#include "expect.h"

_Thread_local struct recorded_hit hits[HITS_MAX];
_Thread_local int hit_count;
void (*hits_then)(const struct probe_hit *hit);

static void record(const struct probe_hit *hit)
{
	struct recorded_hit *next = &hits[hit_count];

	EXPECT(hit_count < HITS_MAX);
	*next = (struct recorded_hit){ .site = hit->site,
				       .span = hit->span,
				       .resource = hit->resource,
				       .journal = hit->journal };
	if (hit->span != NULL) {
		next->has_span = true;
		memcpy(&next->id, hit->span->span_id, sizeof(next->id));
	}
	if (hit->journal != NULL) {
		next->registration = hit->journal->registration;
		next->head = hit->journal->head;
		next->flushed = hit->journal->flushed;
	}
	hit_count++;
	if (hits_then != NULL)
		hits_then(hit);
}

bool last_hit_is_context(uint64_t number)
{
	const struct recorded_hit *last = &hits[hit_count - 1];

	return hit_count > 0 && last->site == SITE_CONTEXT_SET && last->id == number && last->has_span == (number != 0);
}

void hits_record(void)
{
	EXPECT(probe_trap_arm(record));
}

struct slt_span numbered_span(uint64_t number)
{
	struct slt_span span = { .version = SLT_PROBE_VERSION, .flags = SLT_SPAN_SAMPLED };

	memcpy(span.span_id, &number, sizeof(number));
	memset(span.trace_id, (int)(number & 0xff), sizeof(span.trace_id));
	slt_span_name(&span, "name", 4);
	return span;
}
