/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How what a thread tells reaches the kernel side: by a trap for each, or, while
 * the agent asks for it (slt_probe_journal_semaphore), by an entry of the
 * thread's journal (struct slt_journal in schemas/wire/probe.h), which costs no
 * trap but one when it is full.
 *
 * What stands in a journal concerns the thread's own spans, those that it has
 * started: their starts, its contexts in them, and their ends, where those come
 * soon. The end of a span that was long traps, because it may have to be sent.
 *
 * A thread that hands a span over runs on, and what it has written is not known
 * while another one already works for the span. A process in which that is seen
 * once traps for everything from then on. Of the spans that were under way just
 * then, some may lack what others told (counted as contexts and ends of unknown
 * spans), or have in them what a thread did after it had left them.
 */
#ifndef SLT_JOURNAL_H
#define SLT_JOURNAL_H

#include "context.h"
#include "slt.h"

/* Each writes down what it is given. false: it did not, and a trap must tell. */
bool journal_start(const struct slt_span *span, uint32_t generation);
bool journal_context(struct told_context before, uint64_t span_id, uint32_t generation);
bool journal_end(const struct slt_span *span, uint32_t generation);

/* A trap of the calling thread, with which the kernel side catches up with its journal. */
struct journal_trap {
	struct slt_journal *journal; /* for the probe site; NULL: it has none */
	uint32_t head; /* what is caught up with: a signal handler may write more meanwhile */
};

struct journal_trap journal_before_trap(uint32_t generation);
void journal_after_trap(struct journal_trap trap);

/* To be called with each span that a trap is to tell of, 0: none; `ends`: that it has ended. It may be another thread's. */
void journal_used(uint64_t span_id, bool ends, uint32_t generation);

/* The parent that the span names in this process; 0: none. */
uint64_t local_parent(const struct slt_span *span);

#endif
