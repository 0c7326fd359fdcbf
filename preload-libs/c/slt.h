/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libslt: how a language's preload library tells the kernel side which spans
 * start and end, and which of them a thread works for.
 *
 * Every function returns at once while no agent is attached. None throws,
 * blocks, starts a thread, opens a file or a socket, reads the environment,
 * writes to a terminal or changes errno. All may be called from any thread,
 * from signal handlers, and after fork or a raw clone (not between vfork and
 * exec: there the child still writes in its parent's memory).
 *
 * The library may be loaded twice in a process. Each copy has probe sites,
 * semaphores, resource numbers and a cache of contexts of its own and binds to
 * them only, so spans never mix; a thread should be told about through one of
 * them, for the other does not see its calls.
 */
#ifndef SLT_H
#define SLT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "probe.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLT_API __attribute__((visibility("default")))

/* Is an agent attached? Plain loads: worth asking before a struct is filled in. */
SLT_API bool slt_enabled(void);

/* The span begins now. It says nothing about which thread works for it. */
SLT_API void slt_span_start(const struct slt_span *span);

/*
 * The span has ended now. Any thread may say so. The resource of the span's
 * number goes with it; the name at this moment is the one that counts.
 */
SLT_API void slt_span_end(const struct slt_span *span);

/*
 * From now on the calling thread works for this span; NULL or an all-zero span
 * id: for none. Absolute, never push or pop; to repeat the present one is free.
 * Read are trace_id, span_id and flags.
 *
 * It also keeps OpenTelemetry's thread context record (OTEP 4947,
 * `otel_thread_ctx_v1`), with or without an agent. A library that skips its
 * work while slt_enabled() is false therefore still calls this with NULL, or
 * that record would go on naming a span of the past.
 */
SLT_API void slt_context_set(const struct slt_span *span);

/*
 * Copies a provider's resource (version, length and text are read) and returns
 * the number for slt_span.resource, 1 to SLT_RESOURCES_MAX. The same text gives
 * the same number. 0: no number or no memory is left, or the resource is not
 * valid. This one costs a few system calls when the text is new.
 */
SLT_API uint32_t slt_resource_set(const struct slt_resource *resource);

/* Sets name and name_length, cut to SLT_NAME_BYTES at a character's border. */
static inline void slt_span_name(struct slt_span *span, const char *utf8, size_t length)
{
	/* A character has at most three continuation bytes; more is not UTF-8, and cut anywhere. */
	const size_t shortest = SLT_NAME_BYTES - 3;

	if (length > SLT_NAME_BYTES) {
		length = SLT_NAME_BYTES;
		while (length > shortest && ((unsigned char)utf8[length] & 0xC0) == 0x80)
			length--;
		if (((unsigned char)utf8[length] & 0xC0) == 0x80)
			length = SLT_NAME_BYTES;
	}
	memset(span->name, 0, sizeof(span->name));
	if (length > 0)
		memcpy(span->name, utf8, length);
	span->name_length = (__u8)length;
}

#ifdef __cplusplus
}
#endif

#endif
