/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for the kernel side, in the process itself and without privileges:
 * puts a breakpoint on each probe site of the libslt that this is linked to, as
 * the agent's uprobes do, and calls on_hit() at each hit, from the SIGTRAP
 * handler of the thread that hit. It stays in place across fork and clone.
 */
#ifndef SLT_TEST_PROBE_TRAP_H
#define SLT_TEST_PROBE_TRAP_H

#include "slt.h"

enum probe_site {
	SITE_PROCESS,
	SITE_SPAN_START,
	SITE_SPAN_END,
	SITE_CONTEXT_SET,
	SITE_JOURNAL,
	SITES
};

struct probe_hit {
	enum probe_site site;
	const struct slt_span *span;         /* NULL: the site has none, or was told of none */
	const struct slt_resource *resource; /* of SITE_SPAN_END */
	const struct slt_journal *journal;   /* the calling thread's */
};

/* false: the sites are not what schemas/wire/probe.h says, or cannot be written to. The semaphores stay down. */
bool probe_trap_arm(void (*on_hit)(const struct probe_hit *hit));

/* As the kernel does when an agent attaches and detaches that wants a trap for each call: SITE_JOURNAL's stays down. */
void probe_trap_raise(void);
void probe_trap_lower(void);

/* … and that of SITE_JOURNAL. */
void probe_trap_raise_journals(void);
void probe_trap_lower_journals(void);

#endif
