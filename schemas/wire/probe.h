/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What a preload library hands to the kernel side. Included by preload-libs/c
 * (user space, fills these in) and by bpf/ and kmod-compat/ (read them from the
 * memory of the process that trapped).
 *
 * The ids are in network byte order, as in W3C Trace Context; everything else
 * is in host order. Every layout here is fixed for all architectures: explicit
 * padding, no pointer, no bitfield, no enum member.
 *
 * Compatibility: `version` is read first. A reader which meets a version that
 * it does not know drops the call and counts it (SLT_DROP_PROBE_VERSION).
 */
#ifndef SLT_WIRE_PROBE_H
#define SLT_WIRE_PROBE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define SLT_PROBE_VERSION 1

#define SLT_TRACE_ID_BYTES 16
#define SLT_SPAN_ID_BYTES 8
/* A span's name is cut at a character border to at most this many bytes. */
#define SLT_NAME_BYTES 64
/* A provider's resource: key and value pairs, at most this many bytes. */
#define SLT_RESOURCE_BYTES 4096
/* Resources (providers) of one process that are told apart: numbers 1 to 63. 0 means "none told". */
#define SLT_RESOURCES_MAX 63

/* slt_span.flags */
#define SLT_SPAN_SAMPLED 0x01       /* the W3C sampled flag */
#define SLT_SPAN_PARENT_REMOTE 0x02 /* the parent span lives in another process */

/* slt_span.kind: the numbers of OTLP's SpanKind. */
#define SLT_KIND_UNSPECIFIED 0
#define SLT_KIND_INTERNAL 1
#define SLT_KIND_SERVER 2
#define SLT_KIND_CLIENT 3
#define SLT_KIND_PRODUCER 4
#define SLT_KIND_CONSUMER 5

/* A span as the library knows it at the moment of the call. */
struct slt_span {
	__u8 version; /* SLT_PROBE_VERSION */
	__u8 kind;
	__u8 flags;
	__u8 name_length; /* bytes used in name */
	__u32 resource;   /* what slt_resource_set() returned; 0: none told */
	__u8 trace_id[SLT_TRACE_ID_BYTES];
	__u8 span_id[SLT_SPAN_ID_BYTES];
	__u8 parent_span_id[SLT_SPAN_ID_BYTES]; /* all zero: a root span */
	__u64 start_unix_ns; /* 0: not told, it is when slt_span_start() was called */
	__u64 end_unix_ns; /* 0 before the end */
	char name[SLT_NAME_BYTES]; /* UTF-8, not terminated; the one at the end counts */
};

/*
 * A provider's resource. The text is `key NUL value NUL` repeated, service.name
 * first. A value that is not a string is the byte 0x01 and then JSON; so is a
 * string that begins with that byte itself. A reader takes booleans, finite
 * numbers (integers below 2^53), strings, and arrays of one of these kinds; of
 * anything else, and of what is no JSON, the text behind the byte as a string.
 */
struct slt_resource {
	__u8 version; /* SLT_PROBE_VERSION */
	__u8 reserved[1];
	__u16 length; /* bytes used in text */
	__u32 number; /* 1 to SLT_RESOURCES_MAX, given out by libslt */
	char text[SLT_RESOURCE_BYTES];
};

/*
 * A thread's journal: what it has told of its spans and contexts without a trap, oldest first, in a ring in its own
 * memory. The kernel side catches up with it whenever the thread is switched out, and before anything else at each of its
 * traps: until then the thread has run all the time, so the time stamps alone say what it spent on which span.
 *
 * Entry number n, the first of which is 1, lies at n % SLT_JOURNAL_ENTRIES. Only the thread itself writes, `head` last,
 * but for SLT_JOURNAL_VOID. Numbers wrap around.
 */
#define SLT_JOURNAL_ENTRIES 64

/* slt_journal_entry.kind */
#define SLT_JOURNAL_START 1
#define SLT_JOURNAL_CONTEXT 2
#define SLT_JOURNAL_END 3

/* slt_journal_entry.ended of a start: another thread has told of the span's end, and nothing is to be opened any more. */
#define SLT_JOURNAL_VOID 0xffffffffu

struct slt_journal_entry {
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u8 span_id[SLT_SPAN_ID_BYTES]; /* all zero, of a context: none. Of a start and an end the span itself lies in `spans`. */
	__u32 kind;
	/*
	 * Of a start: the number of its end, or 0, or SLT_JOURNAL_VOID. A number means that all spans begun in between have ended in between, and that
	 * the thread worked for the same span before and after. A reader who meets such a start goes on behind its end.
	 */
	__u32 ended;
	/* Of an end that a start leads to: */
	__u32 spans; /* begun and ended in between, this one included */
	__u32 of_context; /* not 0: the span is a child of the one that the thread works for, before and after */
	__u64 child_ns; /* for how long it did not work for that one in between */
};

/* An end which is told in the journal comes sooner than this after its start: that span is not slow. */
#define SLT_JOURNAL_SHORT_NS 1000000

struct slt_journal {
	__u64 registration; /* another number with each thread that takes the journal over; 0: nobody's */
	__u32 head;    /* number of the latest entry */
	__u32 flushed; /* … at the latest trap of the thread, or before */
	struct slt_journal_entry entries[SLT_JOURNAL_ENTRIES];
	struct slt_span spans[SLT_JOURNAL_ENTRIES];
};

/*
 * Probe sites: functions of libslt with external linkage which do nothing but
 * are trapped. Arguments arrive in the registers of the C calling convention.
 *
 *   slt_probe_process(void)
 *       libslt was loaded into this process (also: first call after a fork).
 *   slt_probe_span_start(const struct slt_span *span, const struct slt_journal *journal)
 *   slt_probe_span_end(const struct slt_span *span, const struct slt_resource *resource, const struct slt_journal *journal)
 *       resource: the provider's, immutable for the life of the process; NULL: none told.
 *       The kernel side reads it at the first end that names it, once for each agent. A thread that keeps a journal traps for that end,
 *       and again when it was silent for so long that the agent may be another one.
 *   slt_probe_context_set(const struct slt_span *span, const struct slt_journal *journal)
 *       NULL: the calling thread works for no span from now on. Only span_id is read.
 *   slt_probe_journal(const struct slt_journal *journal)
 *       The journal is full, new, or was silent for long; or the process exits. Raised only while the kernel side can
 *       live with what a journal tells late: no process has each of its system calls recorded, and no threshold is below
 *       SLT_JOURNAL_SHORT_NS.
 *
 * `journal` is the calling thread's own, for the kernel side to get to know and to catch up with; NULL: it has none.
 *
 * Each begins with the nops of SLT_PROBE_NOP10_OFFSET … SLT_PROBE_NOP1_OFFSET; an
 * agent attaches at the one that is cheapest on its kernel. Each has a semaphore,
 * a __u16 in a writable section named `<function>_semaphore`, which the kernel
 * raises while an agent is attached (ref_ctr_offset).
 */
#define SLT_PROBE_NOP10_OFFSET 0
#define SLT_PROBE_NOP5_OFFSET 10
#define SLT_PROBE_NOP1_OFFSET 15

#endif
