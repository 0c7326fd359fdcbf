/* SPDX-License-Identifier: GPL-2.0-only */
/* What a part keeps of system calls, or of the waits in them: exact totals, the slowest and the latest. */
#ifndef SLT_BPF_CALLS_H
#define SLT_BPF_CALLS_H

#include "descriptor.h"

/* How the call, or the wait, that a thread slot describes (call_*) has ended. */
struct call_end {
	__s64 result;
	__u64 duration;
	__u32 number;
	__u32 error; /* errno, 0, or SLT_ERROR_WAIT */
	/* Whose descriptors they are; NULL: the current task's. */
	struct task_struct *task;
};

/* The total for this number and error, a new one if need be; NULL: there is no room. */
static __always_inline struct slt_total *part_total(struct slt_part *part, __u32 number, __u32 error)
{
	struct slt_record_part *record = &part->record;
	__u32 hash = ((number | error << 16) * 0x9e3779b1u) >> 26;
	struct slt_total *total;
	__u32 at;

	_Static_assert(SLT_TOTALS_INDEX == 64, "the shift above takes six bits");
	for (int probe = 0; probe < 8; probe++) {
		__u32 place = (hash + probe) % SLT_TOTALS_INDEX;

		at = part->index[place];
		if (at == 0) {
			at = record->totals_used;
			if (at >= SLT_TOTALS_MAX)
				return 0;
			part->index[place] = at + 1;
			record->totals_used = at + 1;
			total = &record->totals[at];
			total->number = number;
			total->error = error;
			total->count = 0;
			total->time_ns = 0;
			total->max_ns = 0;
			total->blocked_ns = 0;
			return total;
		}
		at--;
		if (at >= SLT_TOTALS_MAX)
			return 0;
		total = &record->totals[at];
		if (total->number == number && total->error == error)
			return total;
	}
	return 0;
}

static __always_inline void add_to_totals(struct slt_part *part, const struct slt_thread *thread,
					  const struct call_end *end)
{
	struct slt_total *total = part_total(part, end->number, end->error);

	part->record.calls++;
	if (!total) {
		part->record.other_count++;
		part->record.other_ns += end->duration;
		return;
	}
	total->count++;
	total->time_ns += end->duration;
	if (end->duration > total->max_ns)
		total->max_ns = end->duration;
	total->blocked_ns += thread->call_blocked;
}

static __always_inline void fill_call(struct slt_call *call, const struct slt_thread *thread,
				      const struct call_end *end)
{
	call->start_ns = thread->call_entered;
	call->duration_ns = end->duration;
	call->result = end->result;
	call->args[0] = thread->call_args[0];
	call->args[1] = thread->call_args[1];
	call->args[2] = thread->call_args[2];
	call->args[3] = thread->call_args[3];
	call->number = end->number;
	call->flags = end->error == SLT_ERROR_WAIT ? SLT_CALL_WAIT : 0;
	call->fd_kind = thread->call_fd_kind;
	call->fd = thread->call_fd;
	call->blocked_us = thread->call_blocked / 1000;
	call->runqueue_us = thread->call_runqueue / 1000;
}

/* Looks at the descriptor: the one that it slept on, else the one that the call names. */
static __always_inline void describe_call(struct slt_call *call, const struct slt_thread *thread,
					  const struct slt_syscall_rule *rule, struct task_struct *task)
{
	call->fd_inode = 0;
	call->fd_device = 0;
	call->local_port = 0;
	call->remote_port = 0;
	__builtin_memset(call->remote_address, 0, sizeof(call->remote_address));
	call->flags |= SLT_CALL_DETAIL;
	if (thread->call_fd_kind != SLT_FD_UNSEEN)
		descriptor_describe(task, call, thread->call_fd);
	else if (rule->flags & SLT_SYSCALL_TAKES_FD)
		descriptor_describe(task, call, thread->call_args[0]);
}

static __always_inline void find_floor(struct slt_part *part)
{
	__u64 floor = part->slowest.calls[0].duration_ns;
	__u32 at = 0;

	for (int i = 1; i < SLT_CALLS_MAX; i++) {
		if (part->slowest.calls[i].duration_ns < floor) {
			floor = part->slowest.calls[i].duration_ns;
			at = i;
		}
	}
	part->slowest_floor = floor;
	part->slowest_at = at;
}

static __always_inline void keep_slowest(struct slt_part *part, const struct slt_thread *thread,
					 const struct slt_syscall_rule *rule, const struct call_end *end)
{
	__u32 at = part->slowest.used;
	struct slt_control *settings;
	__u32 zero = 0;
	struct slt_call *call;

	if (at >= SLT_CALLS_MAX) {
		if (end->duration <= part->slowest_floor)
			return;
		at = part->slowest_at;
	}
	if (at >= SLT_CALLS_MAX)
		return;
	call = &part->slowest.calls[at];
	fill_call(call, thread, end);
	settings = bpf_map_lookup_elem(&control, &zero);
	if (settings && (end->duration >= settings->detail_ns || thread->call_fd_kind != SLT_FD_UNSEEN))
		describe_call(call, thread, rule, end->task);
	if (part->slowest.used < SLT_CALLS_MAX)
		part->slowest.used++;
	if (part->slowest.used == SLT_CALLS_MAX)
		find_floor(part);
}

/* Keeps it, if the user is interested in such calls and the thread works for a span. */
static __always_inline void keep_call(const struct slt_thread *thread, __u32 slot, const struct call_end *end)
{
	__u32 number = end->number, at = thread->part - 1;
	struct slt_syscall_rule *rule;
	struct slt_part *part;

	if (!thread->part)
		return;
	rule = bpf_map_lookup_elem(&syscalls, &number);
	if (!rule || !(rule->flags & SLT_SYSCALL_RECORD))
		return;
	part = bpf_map_lookup_elem(&parts, &at);
	if (!part || part->owner != slot)
		return;
	add_to_totals(part, thread, end);
	keep_slowest(part, thread, rule, end);
	fill_call(&part->latest.calls[part->latest_made++ % SLT_CALLS_MAX], thread, end);
}

#endif
