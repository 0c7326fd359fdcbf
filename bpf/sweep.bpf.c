// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sweep: user space runs these programs (BPF_PROG_TEST_RUN) to free what the dead have left, and to tell again
 * what did not arrive. It passes what it has read in the slot; where that is not there any more, nothing is done.
 */
#define __VMLINUX_H__ 1
#include "probes.h"

#include <bpf/bpf_tracing.h>

/*
 * Ends a span that its process will not end: at the time when that went, where it was seen to go. Arguments: span slot, flags for
 * its record, the index of its process, which must have gone (or ANY_PROCESS: that of any process), and how old it must be (ns).
 * Returns 1 when it did. Of a process that has gone nobody else ends anything, so a span is ended also when it has lost its key
 * (span_take).
 */
#define ANY_PROCESS (~0ull)

SEC("raw_tp")
int release_span(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 slot = ctx->args[0];
	bool gone = ctx->args[2] != ANY_PROCESS, keyed;
	struct slt_span_slot *span = span_at(slot);
	__u64 now = bpf_ktime_get_ns();
	struct slt_process *process;
	struct slt_open_span *open;

	if (!span || span->key.tgid == 0 || (gone && span->process != ctx->args[2]) ||
	    since(now, span->record.started_ns) < ctx->args[3])
		return 0;
	process = process_at_index(span->process);
	if (gone && process && process->ended && process->ended_ns) {
		now = process->ended_ns;
		if (now < span->record.started_ns)
			now = span->record.started_ns;
	}
	open = bpf_map_lookup_elem(&open_spans, &span->key);
	keyed = open && open->slot == slot;
	if (gone) {
		if (keyed)
			bpf_map_delete_elem(&open_spans, &span->key);
	} else if (!keyed || !span_take(span, &span->key, open->enders)) {
		return 0;
	}
	span_finish(slot, 0, ctx->args[1], now);
	return 1;
}

/*
 * Frees a thread's slot whose end was not seen. Arguments: slot, thread number, process index, and whether there is no
 * such thread any more: without, it is freed only when its number leads to another slot. Returns 1 when it did.
 */
SEC("raw_tp")
int release_thread(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 slot = ctx->args[0], tid = ctx->args[1], process = ctx->args[2];
	struct slt_thread *thread = thread_at(slot);
	__u16 *place = thread_slot_of_tid(tid);

	if (!thread || !place)
		return 0;
	if (!tid || thread->tid != tid || thread->process != process)
		return 0;
	if (*place == slot) {
		if (!ctx->args[3])
			return 0;
		*(volatile __u16 *)place = 0;
	}
	thread_free(thread, slot);
	return 1;
}

/*
 * Frees those of so many parts from an index on that a process which has gone, and whose spans have been ended, has left. Arguments: first index, process index. Returns how many.
 */
#define PARTS_AT_ONCE 256

__noinline int part_sweep(__u32 index, __u32 process)
{
	struct slt_part *part = bpf_map_lookup_elem(&parts, &index);

	if (!part || part->state == SLT_PART_FREE || part->process != process)
		return 0;
	part_release(part, index + 1);
	parts_given_back(process, 1);
	return 1;
}

SEC("raw_tp")
int release_parts(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 first = ctx->args[0], process = ctx->args[1];
	int freed = 0;

	for (__u32 i = 0; i < PARTS_AT_ONCE; i++)
		freed += part_sweep(first + i, process);
	return freed;
}

/* What the sweep found in the slot is still what is there. */
static __always_inline bool is_process(const struct slt_process *process, __u64 tgid, __u64 start_ns)
{
	return tgid && process->tgid == tgid && process->start_ns == start_ns;
}

/*
 * Frees the slot of a process that has gone. Arguments: index, number and start of the process, and whether its
 * EXIT is to be sent again, since records were lost behind the ring. Returns 1 when it did; 0: something of it is still held, or its end
 * could not be told yet.
 */
SEC("raw_tp")
int release_process(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 index = ctx->args[0], tgid = ctx->args[1], *slot;
	struct slt_process *process = process_at_index(index);

	if (!process || !is_process(process, tgid, ctx->args[2]))
		return 0;
	if (!process->ended) {
		/* It went while the tracepoints were not attached. */
		slot = bpf_map_lookup_elem(&processes_by_tgid, &tgid);
		if (slot && *slot == index + 1)
			process_gone(tgid);
		process->ended = 1;
	}
	if (process->open_spans || process->threads || process->parts)
		return 0;
	if ((process->untold & 1u << SLT_RECORD_PROCESS) && process_tell(index, SLT_RECORD_PROCESS, 1))
		return 0;
	if (((process->untold & 1u << SLT_RECORD_EXIT) || ctx->args[3]) && process_tell(index, SLT_RECORD_EXIT, 1))
		return 0;
	user_leave(process->user);
	process->tgid = 0;
	bpf_map_push_elem(&free_processes, &index, BPF_ANY);
	return 1;
}

/*
 * Tells again of a process that lives: that it is there, and with its next spans its resources. Arguments: index, number and
 * start of the process. Returns 1 when it did.
 */
SEC("raw_tp")
int retell_process(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 index = ctx->args[0];
	struct slt_process *process = process_at_index(index);

	if (!process || !is_process(process, ctx->args[1], ctx->args[2]))
		return 0;
	process->resources_sent = 0;
	return process_tell(index, SLT_RECORD_PROCESS, 1) == 0;
}
