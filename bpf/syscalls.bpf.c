// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls of tracked threads: on-CPU time in user mode and in the kernel,
 * and, while the thread works for a span, exact totals and single records.
 *
 * Two pairs of programs share the bodies. The BTF-typed raw tracepoints are the
 * cheap ones. From 7.x they are preemptible there and lose records under load;
 * the classic tracepoints are not (measured), so user space loads that pair instead.
 */
#define __VMLINUX_H__ 1
#include "descriptor.h"
#include "thread.h"

#include <bpf/bpf_tracing.h>

/* On 6.18 the kernel's own shortcut for uprobes is a system call; it is not one of the program's. */
enum {
	NR_URETPROBE = 335,
	NR_UPROBE = 336,
};

static __always_inline struct slt_thread *current_thread(void)
{
	__u32 *slot = thread_slot_of_cpu();

	return slot ? thread_at(*slot) : 0;
}

static __always_inline bool is_probe(__u64 number)
{
	return number == NR_URETPROBE || number == NR_UPROBE;
}

static __always_inline void call_enter(struct slt_thread *thread, __u64 number, __u64 a0, __u64 a1, __u64 a2,
				       __u64 a3)
{
	__u64 now;

	if (is_probe(number))
		return;
	now = bpf_ktime_get_ns();
	thread->seq++;
	barrier();
	thread_close_interval(thread, SLT_CLASS_ON_CPU_USER, now);
	thread->call = number < SLT_SYSCALLS_MAX ? number + 1 : SLT_SYSCALLS_MAX + 1;
	barrier();
	thread->seq++;
	thread->call_entered = now;
	thread->call_blocked = 0;
	thread->call_runqueue = 0;
	thread->call_fd_kind = SLT_FD_UNSEEN;
	thread->call_args[0] = a0;
	thread->call_args[1] = a1;
	thread->call_args[2] = a2;
	thread->call_args[3] = a3;
}

static __always_inline void add_to_totals(struct slt_part *part, __u32 number, __s64 result, __u64 duration,
					  __u64 blocked)
{
	struct slt_record_part *record = &part->record;
	__u32 error = result < 0 && result >= -4095 ? -result : 0;
	__u32 hash = ((number | error << 16) * 0x9e3779b1u) >> 26;
	struct slt_total *total;
	__u32 at;

	_Static_assert(SLT_TOTALS_INDEX == 64, "the shift above takes six bits");
	record->calls++;
	for (int probe = 0; probe < 8; probe++) {
		__u32 place = (hash + probe) % SLT_TOTALS_INDEX;

		at = part->index[place];
		if (at == 0) {
			at = record->totals_used;
			if (at >= SLT_TOTALS_MAX)
				break;
			part->index[place] = at + 1;
			record->totals_used = at + 1;
			total = &record->totals[at];
			total->number = number;
			total->error = error;
			total->count = 1;
			total->time_ns = duration;
			total->max_ns = duration;
			total->blocked_ns = blocked;
			return;
		}
		at--;
		if (at >= SLT_TOTALS_MAX)
			break;
		total = &record->totals[at];
		if (total->number == number && total->error == error) {
			total->count++;
			total->time_ns += duration;
			if (duration > total->max_ns)
				total->max_ns = duration;
			total->blocked_ns += blocked;
			return;
		}
	}
	record->other_count++;
	record->other_ns += duration;
}

static __always_inline void fill_call(struct slt_call *call, const struct slt_thread *thread, __u32 number,
				      __s64 result, __u64 duration)
{
	call->start_ns = thread->call_entered;
	call->duration_ns = duration;
	call->result = result;
	call->args[0] = thread->call_args[0];
	call->args[1] = thread->call_args[1];
	call->args[2] = thread->call_args[2];
	call->args[3] = thread->call_args[3];
	call->number = number;
	call->flags = 0;
	call->fd_kind = thread->call_fd_kind;
	call->fd = thread->call_fd;
	call->blocked_us = thread->call_blocked / 1000;
	call->runqueue_us = thread->call_runqueue / 1000;
}

/* Looks at the descriptor: the one that it slept on, else the one that the call names. */
static __always_inline void describe_call(struct slt_call *call, const struct slt_thread *thread,
					  const struct slt_syscall_rule *rule)
{
	call->fd_inode = 0;
	call->fd_device = 0;
	call->local_port = 0;
	call->remote_port = 0;
	__builtin_memset(call->remote_address, 0, sizeof(call->remote_address));
	call->flags |= SLT_CALL_DETAIL;
	if (thread->call_fd_kind != SLT_FD_UNSEEN)
		descriptor_describe(call, thread->call_fd);
	else if (rule->flags & SLT_SYSCALL_TAKES_FD)
		descriptor_describe(call, thread->call_args[0]);
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

static __always_inline void keep_slowest(struct slt_part *part, const struct slt_thread *thread, __u32 number,
					 __s64 result, __u64 duration, const struct slt_syscall_rule *rule)
{
	__u32 at = part->slowest.used;
	struct slt_control *settings;
	__u32 zero = 0;
	struct slt_call *call;

	if (at >= SLT_CALLS_MAX) {
		if (duration <= part->slowest_floor)
			return;
		at = part->slowest_at;
	}
	if (at >= SLT_CALLS_MAX)
		return;
	call = &part->slowest.calls[at];
	fill_call(call, thread, number, result, duration);
	settings = bpf_map_lookup_elem(&control, &zero);
	if (settings && (duration >= settings->detail_ns || thread->call_fd_kind != SLT_FD_UNSEEN))
		describe_call(call, thread, rule);
	if (part->slowest.used < SLT_CALLS_MAX)
		part->slowest.used++;
	if (part->slowest.used == SLT_CALLS_MAX)
		find_floor(part);
}

static __always_inline void keep_latest(struct slt_part *part, const struct slt_thread *thread, __u32 number,
					__s64 result, __u64 duration)
{
	__u32 at = (part->record.calls - 1) % SLT_CALLS_MAX;

	fill_call(&part->latest.calls[at], thread, number, result, duration);
}

static __always_inline void call_exit(struct slt_thread *thread, __u32 slot, __s64 result)
{
	__u32 number = thread->call - 1, at = thread->part - 1;
	struct slt_syscall_rule *rule;
	struct slt_part *part;
	__u64 now, duration;

	if (!thread->call)
		return; /* entered before the tracepoint was attached, or a probe's */
	now = bpf_ktime_get_ns();
	thread->seq++;
	barrier();
	thread_close_interval(thread, SLT_CLASS_ON_CPU_KERNEL, now);
	thread->call = 0;
	barrier();
	thread->seq++;
	if (!thread->part)
		return;
	rule = bpf_map_lookup_elem(&syscalls, &number);
	if (!rule || !(rule->flags & SLT_SYSCALL_RECORD))
		return;
	part = bpf_map_lookup_elem(&parts, &at);
	if (!part || part->owner != slot)
		return;
	duration = now - thread->call_entered;
	add_to_totals(part, number, result, duration, thread->call_blocked);
	keep_slowest(part, thread, number, result, duration, rule);
	keep_latest(part, thread, number, result, duration);
}

/*
 * The bodies are functions of their own, so that a task which is not tracked does not save the registers
 * nor set up the stack that they need (measured: 1.043 × empty programs with the bodies inline, 1.029 so).
 */
static __noinline int tracked_enter(__u32 slot, struct pt_regs *regs, long number)
{
	struct slt_thread *thread = thread_at(slot);

	if (thread)
		call_enter(thread, number, PT_REGS_PARM1_SYSCALL(regs), PT_REGS_PARM2_SYSCALL(regs),
			   PT_REGS_PARM3_SYSCALL(regs), PT_REGS_PARM4_SYSCALL(regs));
	return 0;
}

static __noinline int tracked_exit(__u32 slot, long result)
{
	struct slt_thread *thread = thread_at(slot);

	if (thread)
		call_exit(thread, slot, result);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(syscall_enter, struct pt_regs *regs, long number)
{
	__u32 *slot = thread_slot_of_cpu();

	return slot && *slot ? tracked_enter(*slot, regs, number) : 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(syscall_exit, struct pt_regs *regs, long result)
{
	__u32 *slot = thread_slot_of_cpu();

	return slot && *slot ? tracked_exit(*slot, result) : 0;
}

/* /sys/kernel/tracing/events/raw_syscalls/sys_enter/format and sys_exit/format: an ABI. */
struct raw_sys_enter {
	__u64 common;
	long number;
	__u64 args[6];
};
struct raw_sys_exit {
	__u64 common;
	long number;
	long result;
};

SEC("tp/raw_syscalls/sys_enter")
int syscall_enter_classic(struct raw_sys_enter *ctx)
{
	struct slt_thread *thread = current_thread();

	if (thread)
		call_enter(thread, ctx->number, ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3]);
	return 0;
}

SEC("tp/raw_syscalls/sys_exit")
int syscall_exit_classic(struct raw_sys_exit *ctx)
{
	__u32 *slot = thread_slot_of_cpu();
	struct slt_thread *thread = slot ? thread_at(*slot) : 0;

	if (thread)
		call_exit(thread, *slot, ctx->result);
	return 0;
}
