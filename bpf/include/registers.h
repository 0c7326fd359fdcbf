/* SPDX-License-Identifier: GPL-2.0-only */
/* The system call that a task is in, by the registers that it saved when it entered the kernel. */
#ifndef SLT_BPF_REGISTERS_H
#define SLT_BPF_REGISTERS_H

#include "maps.h"

#include <bpf/bpf_core_read.h>

/* One value of the kernel's list of BPF helpers. */
enum bpf_func_id___slt {
	BPF_FUNC_task_pt_regs___slt = 175, /* from 5.15 */
};

/* Before 5.15 on x86-64, without KASAN: the registers lie at the end of a stack of four pages. */
#define THREAD_SIZE (4 * 4096)

#define TELLS_REGISTERS bpf_core_enum_value_exists(enum bpf_func_id___slt, BPF_FUNC_task_pt_regs___slt)

static __always_inline struct pt_regs *saved_registers(struct task_struct *task)
{
	if (TELLS_REGISTERS)
		return (struct pt_regs *)bpf_task_pt_regs(task);
	return (struct pt_regs *)(BPF_CORE_READ(task, stack) + THREAD_SIZE - bpf_core_type_size(struct pt_regs));
}

/* One of them: what the kernel has told can be read as it is, what lies where they should be cannot. */
#define REGISTER(regs, name) (TELLS_REGISTERS ? (regs)->name : BPF_CORE_READ(regs, name))

#if defined(__TARGET_ARCH_x86)

/* arch/x86/include/asm/thread_info.h: in a call of the 32-bit table, whatever the program is. */
#define TS_COMPAT 0x2

/* Numbers of the 64-bit and of the 32-bit table. */
enum {
	NR_SCHED_YIELD = 24,
	NR_RESTART = 219,
	NR_SCHED_YIELD_COMPAT = SLT_SYSCALLS_COMPAT + 158,
	NR_RESTART_COMPAT = SLT_SYSCALLS_COMPAT + 0,
};

static __always_inline bool in_compat_call(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

/* Of the current task, which enters a call with these registers. SYSCALL leaves the return address in rcx, so most need no second look. */
static __always_inline bool enters_compat_call(const struct pt_regs *regs)
{
	return regs->cx != regs->ip && in_compat_call((struct task_struct *)bpf_get_current_task());
}

/* The number, and the arguments in args; −1: it came into the kernel another way (a fault, an interrupt). */
static __always_inline __s32 saved_call(struct task_struct *task, __u64 *args)
{
	struct pt_regs *regs = saved_registers(task);
	__s64 number = REGISTER(regs, orig_ax);

	if (number < 0 || number >= SLT_SYSCALLS_COMPAT)
		return -1;
	if (in_compat_call(task)) {
		args[0] = (__u32)REGISTER(regs, bx);
		args[1] = (__u32)REGISTER(regs, cx);
		args[2] = (__u32)REGISTER(regs, dx);
		args[3] = (__u32)REGISTER(regs, si);
		return number + SLT_SYSCALLS_COMPAT;
	}
	args[0] = REGISTER(regs, di);
	args[1] = REGISTER(regs, si);
	args[2] = REGISTER(regs, dx);
	args[3] = REGISTER(regs, r10);
	return number;
}

#elif defined(__TARGET_ARCH_arm64)

enum {
	NR_SCHED_YIELD = 124,
	NR_RESTART = 128,
	NR_SCHED_YIELD_COMPAT = SLT_SYSCALLS_COMPAT + 158,
	NR_RESTART_COMPAT = SLT_SYSCALLS_COMPAT + 0,
};

/* Programs for 32-bit ARM are not told apart yet. */
static __always_inline bool in_compat_call(struct task_struct *task)
{
	return false;
}

static __always_inline bool enters_compat_call(const struct pt_regs *regs)
{
	return false;
}

static __always_inline __s32 saved_call(struct task_struct *task, __u64 *args)
{
	struct pt_regs *regs = saved_registers(task);
	__s32 number = REGISTER(regs, syscallno);

	if (number < 0 || number >= SLT_SYSCALLS_COMPAT)
		return -1;
	args[0] = REGISTER(regs, orig_x0);
	args[1] = REGISTER(regs, regs[1]);
	args[2] = REGISTER(regs, regs[2]);
	args[3] = REGISTER(regs, regs[3]);
	return number;
}

#endif

#endif
