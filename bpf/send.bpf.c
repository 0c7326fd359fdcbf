// SPDX-License-Identifier: GPL-2.0-only
/* What goes into the ring: processes, their resources, and slow spans with their parts. All of it counts against the bytes of process and user. */
#define __VMLINUX_H__ 1
#include "probes.h"
#include "ring.h"

/*
 * A record of a process that finds no place is noted in the process's slot. It is tried again before anything
 * else is sent of the process (process_is_told), and by user space's sweep (retell_process, release_process), so user space
 * hears of every process in the end, and of a process before its spans.
 */
__noinline int process_tell(__u32 process_index, __u32 type, __u32 whatever_it_sent)
{
	struct slt_process *process = process_at_index(process_index);
	struct slt_user *user = process ? user_of(process) : 0;
	struct slt_control *settings = settings_now();
	struct slt_record_process record = {};

	if (!process || !user)
		return -1;
	if (!settings)
		return -1;
	record.time_ns = bpf_ktime_get_ns();
	if (!whatever_it_sent && !may_send(process, user, settings, record.time_ns, SLT_DROP_RECORD_BYTES_PROCESS))
		goto untold;
	record.header.type = type;
	record.header.version = SLT_RECORD_VERSION;
	record.header.size = sizeof(record);
	record.tgid = process->tgid;
	record.uid = process->uid;
	record.start_ns = process->start_ns;
	record.cgroup_id = process->cgroup_id;
	record.exec_id = process->exec_id;
	/* The agent attaches the tracepoints when it hears of the first process: it must not sleep on. */
	if (ring_send(&record, sizeof(record), BPF_RB_FORCE_WAKEUP))
		goto untold;
	bytes_sent(process, user, sizeof(record));
	process->untold &= ~(1u << type);
	return 0;
untold:
	process->untold |= 1u << type;
	return -1;
}

static __always_inline bool process_is_told(const struct slt_process *process, __u32 index)
{
	return !(process->untold & 1u << SLT_RECORD_PROCESS) || process_tell(index, SLT_RECORD_PROCESS, 0) == 0;
}

__noinline int resource_send(__u32 span_slot, __u64 address)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_process *process = span ? process_at_index(span->process) : 0;
	struct slt_user *user = process ? user_of(process) : 0;
	struct slt_control *settings = settings_now();
	struct slt_record_resource *record;
	bool readable = true;
	__u32 number;

	if (!span || !process)
		return 0;
	if (!user || !settings)
		return 0;
	number = span->record.span.resource;
	if (!address || number == 0 || number > SLT_RESOURCES_MAX || (process->resources_sent & (1ull << number)))
		return 0;
	/* What is put off is sent with the next span that ends. */
	if (!may_send(process, user, settings, bpf_ktime_get_ns(), SLT_DROP_RECORD_BYTES_PROCESS) ||
	    !process_is_told(process, span->process))
		return 0;
	count(SLT_COUNT_RECORDS_PRODUCED, 1);
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		count(SLT_DROP_RECORD_RING_FULL, 1);
		return 0;
	}
	record->header.type = SLT_RECORD_RESOURCE;
	record->header.version = SLT_RECORD_VERSION;
	record->header.size = sizeof(*record);
	record->tgid = process->tgid;
	record->reserved = 0;
	record->start_ns = process->start_ns;
	if (bpf_probe_read_user(&record->resource, sizeof(record->resource), (void *)address) ||
	    record->resource.version != SLT_PROBE_VERSION || record->resource.number != number) {
		/* A record all the same: what was produced is sent or lost, never neither. Its number 0 says that it holds nothing. */
		record->resource.number = 0;
		record->resource.length = 0;
		readable = false;
	}
	bpf_ringbuf_submit(record, 0);
	count(SLT_COUNT_RECORDS_SENT, 1);
	bytes_sent(process, user, sizeof(*record));
	/* A page that was out of memory at this moment is there at the end of another span, perhaps. */
	if (readable)
		process->resources_sent |= 1ull << number;
	else
		count(SLT_DROP_PROBE_UNREADABLE, 1);
	return 0;
}

static __always_inline int send_calls(struct slt_record_calls *calls, __u32 used)
{
	__u64 size;

	if (used > SLT_CALLS_MAX)
		used = SLT_CALLS_MAX;
	if (!used)
		return 0;
	size = __builtin_offsetof(struct slt_record_calls, calls) + used * sizeof(calls->calls[0]);
	calls->used = used;
	calls->header.size = size;
	return ring_send(calls, size, 0) ? -1 : (int)size;
}

/* Sends a part: its calls first, so that the part can say whether its owner wrote meanwhile. The bytes sent, or -1: something did not fit. */
__noinline int part_send(__u32 slot)
{
	struct slt_part *part = part_at(slot);
	struct slt_record_part *record;
	int slowest, latest = 0, all;
	__u64 calls, size;
	__u32 used;

	if (!part)
		return 0;
	record = &part->record;
	calls = record->calls;
	slowest = send_calls(&part->slowest, part->slowest.used);
	if (calls > SLT_CALLS_MAX)
		latest = send_calls(&part->latest, part->latest_made);
	if (*(volatile __u64 *)&record->calls != calls)
		record->flags |= SLT_PART_TORN;
	used = record->totals_used;
	if (used > SLT_TOTALS_MAX)
		used = SLT_TOTALS_MAX;
	size = __builtin_offsetof(struct slt_record_part, totals) + used * sizeof(record->totals[0]);
	record->header.size = size;
	if (ring_send(record, size, 0) || slowest < 0 || latest < 0)
		return -1;
	all = size + slowest + latest;
	return all;
}

__noinline int span_send(__u32 span_slot)
{
	struct slt_span_slot *span = span_at(span_slot);
	struct slt_control *settings = settings_now();
	struct slt_process *process;
	struct slt_user *user;
	__u64 bytes;
	int sent;

	count(SLT_COUNT_SPANS_SLOW, 1);
	if (!span || !settings)
		return 0;
	process = process_at_index(span->process);
	user = process ? user_of(process) : 0;
	if (!process || !user ||
	    !may_send(process, user, settings, bpf_ktime_get_ns(), SLT_DROP_SPAN_BYTES_PROCESS))
		return 0;
	if (!process_is_told(process, span->process)) {
		count(SLT_DROP_SPAN_RING_FULL, 1);
		return 0;
	}
	bytes = sizeof(span->record);
	for (int i = 0; i < SLT_SPAN_PARTS; i++) {
		if (!span->parts[i])
			continue;
		sent = part_send(span->parts[i]);
		if (sent < 0) {
			span->record.flags |= SLT_SPAN_PARTS_LOST;
			continue;
		}
		span->record.parts_sent++;
		bytes += sent;
	}
	bytes_sent(process, user, bytes);
	if (ring_send(&span->record, sizeof(span->record), 0))
		count(SLT_DROP_SPAN_RING_FULL, 1);
	else
		count(SLT_COUNT_SPANS_SENT, 1);
	return 0;
}
