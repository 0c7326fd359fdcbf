/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared object for LD_PRELOAD: appends each probe hit of the process and its
 * children as one line to the file named by SLT_TEST_RECORD. It is linked to
 * libslt, which is thus the copy that everything in the process uses.
 *
 *   site pid tid span_id trace_id parent_id flags kind start end resource name resource_text
 *
 * separated by tabs; a NUL in the resource's text is written as |, a tab or line
 * break in the last two as a space. The semaphores are raised at load, unless
 * SLT_TEST_DETACHED is set: then the program calls probe_trap_raise() itself.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe_trap.h"

static const char *path;

static _Thread_local uint64_t present;

/* The span id, as a number, that the calling thread was last told to work for; 0: none. For ctypes. */
uint64_t recorded_context(void);
uint64_t recorded_context(void)
{
	return present;
}

static int put_hex(char *line, const __u8 *bytes, int count)
{
	static const char digits[] = "0123456789abcdef";
	int used = 0;

	for (int i = 0; i < count; i++) {
		line[used++] = digits[bytes[i] >> 4];
		line[used++] = digits[bytes[i] & 15];
	}
	line[used++] = '\t';
	return used;
}

static int put_text(char *line, const char *text, int length)
{
	for (int i = 0; i < length; i++)
		line[i] = text[i] == '\0' ? '|' : text[i] == '\t' || text[i] == '\n' ? ' ' : text[i];
	return length;
}

static void record(const struct probe_hit *hit)
{
	static const char *const names[SITES] = { "process", "start", "end", "context", "journal" };
	static const struct slt_span none;
	const struct slt_span *span = hit->span == NULL ? &none : hit->span;
	char line[SLT_RESOURCE_BYTES + 512];
	int used = snprintf(line, 128, "%s\t%d\t%ld\t", names[hit->site], getpid(), syscall(SYS_gettid));
	const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (hit->site == SITE_CONTEXT_SET) {
		memcpy(&present, span->span_id, sizeof(present));
		present = be64toh(present);
	}
	used += put_hex(line + used, span->span_id, SLT_SPAN_ID_BYTES);
	used += put_hex(line + used, span->trace_id, SLT_TRACE_ID_BYTES);
	/* libslt reads no more than the ids of the span that a context names, and callers fill in no more. */
	if (hit->site == SITE_CONTEXT_SET)
		span = &none;
	used += put_hex(line + used, span->parent_span_id, SLT_SPAN_ID_BYTES);
	used += snprintf(line + used, 128, "%u\t%u\t%llu\t%llu\t%u\t", span->flags, span->kind, span->start_unix_ns,
			 span->end_unix_ns, span->resource);
	used += put_text(line + used, span->name, span->name_length);
	line[used++] = '\t';
	if (hit->resource != NULL)
		used += put_text(line + used, hit->resource->text, hit->resource->length);
	line[used++] = '\n';
	if (file < 0 || write(file, line, (size_t)used) != used || close(file) != 0)
		abort();
}

__attribute__((constructor)) static void start_recording(void)
{
	path = getenv("SLT_TEST_RECORD");
	if (path == NULL)
		return;
	if (!probe_trap_arm(record))
		abort();
	if (getenv("SLT_TEST_DETACHED") == NULL)
		probe_trap_raise();
}
