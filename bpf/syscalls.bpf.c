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
#include "calls.h"
#include "registers.h"
#include "thread.h"

#include <bpf/bpf_tracing.h>

/* On 6.18 the kernel's own shortcut for uprobes is a system call; it is not one of the program's. */
enum {
	NR_URETPROBE = 335,
	NR_UPROBE = 336,
};

/* include/linux/err.h, include/linux/errno.h */
enum {
	MAX_ERRNO = 4095,
	ERESTART_RESTARTBLOCK = 516,
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

/* As the wire has it. What fits into neither table is no call that anybody records. */
static __always_inline __u64 wire_number(__u64 number, bool compat)
{
	if (number >= SLT_SYSCALLS_COMPAT)
		return SLT_SYSCALLS_MAX;
	return compat ? number + SLT_SYSCALLS_COMPAT : number;
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
	thread_close_interval(thread, thread->calls_seen ? SLT_CLASS_ON_CPU_USER : SLT_CLASS_ON_CPU_ANY, now);
	thread->calls_seen = 1;
	thread->call = number + 1;
	barrier();
	thread->seq++;
	thread->call_entered = now;
	thread->call_blocked = 0;
	thread->call_runqueue = 0;
	thread->call_fd_kind = SLT_FD_UNSEEN;
	/* After a signal that ran no handler the kernel goes on with the call that it interrupted. */
	if ((number == NR_RESTART || number == NR_RESTART_COMPAT) && thread->wait_call) {
		thread->call = thread->wait_call;
		return;
	}
	thread->call_args[0] = a0;
	thread->call_args[1] = a1;
	thread->call_args[2] = a2;
	thread->call_args[3] = a3;
}

static __always_inline void call_exit(struct slt_thread *thread, __u32 slot, __s64 result)
{
	struct call_end end = { .result = result, .number = thread->call - 1 };
	bool entered = thread->call != 0;
	__u64 now;

	if (!entered && thread->calls_seen)
		return; /* a probe's */
	now = bpf_ktime_get_ns();
	thread->seq++;
	barrier();
	thread_close_interval(thread, thread->calls_seen ? SLT_CLASS_ON_CPU_KERNEL : SLT_CLASS_ON_CPU_ANY, now);
	thread->calls_seen = 1;
	thread->call = 0;
	barrier();
	thread->seq++;
	thread->wait_call = 0;
	if (!entered)
		return; /* entered before its calls were recorded */
	if (result == -ERESTART_RESTARTBLOCK)
		thread->wait_call = end.number + 1;
	end.duration = now - thread->call_entered;
	end.error = result < 0 && result >= -MAX_ERRNO ? -result : 0;
	keep_call(thread, slot, &end);
}

#if defined(__TARGET_ARCH_x86)
static __always_inline void enter_compat(struct slt_thread *thread, struct pt_regs *regs, long number)
{
	call_enter(thread, wire_number(number, true), (__u32)regs->bx, (__u32)regs->cx, (__u32)regs->dx,
		   (__u32)regs->si);
}
#else
static __always_inline void enter_compat(struct slt_thread *thread, struct pt_regs *regs, long number)
{
}
#endif

/*
 * The bodies are functions of their own, so that a task which is not tracked does not save the registers
 * nor set up the stack that they need (measured: 1.043 × empty programs with the bodies inline, 1.029 so).
 */
static __noinline int tracked_enter(__u32 slot, struct pt_regs *regs, long number)
{
	struct slt_thread *thread = thread_at(slot);

	if (!thread)
		return 0;
	if (enters_compat_call(regs))
		enter_compat(thread, regs, number);
	else
		call_enter(thread, wire_number(number, false), PT_REGS_PARM1_SYSCALL(regs), PT_REGS_PARM2_SYSCALL(regs),
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
	bool compat;

	if (!thread)
		return 0;
	compat = in_compat_call((struct task_struct *)bpf_get_current_task());
	call_enter(thread, wire_number(ctx->number, compat), ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3]);
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
