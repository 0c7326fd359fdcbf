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
 * Probe sites: functions of libslt with external linkage which do nothing but
 * are trapped. Arguments arrive in the registers of the C calling convention.
 *
 *   slt_probe_process(void)
 *       libslt was loaded into this process (also: first call after a fork).
 *   slt_probe_span_start(const struct slt_span *span)
 *   slt_probe_span_end(const struct slt_span *span, const struct slt_resource *resource)
 *       resource: the provider's, immutable for the life of the process; NULL: none told.
 *       The kernel side reads it at the first end that names it, once for each agent.
 *   slt_probe_context_set(const struct slt_span *span)
 *       NULL: the calling thread works for no span from now on. Only span_id is read.
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
