// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounting at context switches and wake-ups. Runs for every switch of the
 * host: the way of a task that is not tracked is two look-ups by index and,
 * where the task before was tracked too, one store.
 *
 * A thread whose system calls are not traced saved its registers when it entered the
 * kernel: at the switch they name the call that it goes to sleep in. Such a sleep is a
 * wait, from the switch to the wake-up. What is only runnable is never named.
 *
 * sched_wakeup, not sched_waking, ends a sleep: sched_waking can come before the
 * switch of the same sleep.
 */
#define __VMLINUX_H__ 1
#include "calls.h"
#include "probes.h"
#include "registers.h"

#include <bpf/bpf_tracing.h>

/* sched_switch has prev_state as its fourth argument from 5.18 (kernel commit fa2c3254d7cf). */
const volatile bool switch_brings_state = false;

/* TASK_* of include/linux/sched.h. The freezer's is a bit of its own from 6.1. */
enum {
	TASK_STOPPED_OR_TRACED = 0x4 | 0x8,
	TASK_UNINTERRUPTIBLE = 0x2,
	TASK_FROZEN = 0x8000,
	/* bits that say how it sleeps, not that it does: none of them matters here */
};

/* PF_* of include/linux/sched.h. */
enum {
	PF_EXITING = 0x4,
	PF_FROZEN = 0x10000, /* until 6.1, which gave the freezer a state; later a kernel thread's */
};

static __always_inline __u64 task_state(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return ((struct task_struct___before_5_14 *)task)->state;
}

/*
 * Whether prev stays runnable. From 5.18 until 6.16 (kernel commit 8feb053d5319) the
 * argument is stale where a signal was pending: then the task's own state says
 * that it runs on, and it is still queued.
 */
static __always_inline bool stays_runnable(bool preempt, struct task_struct *prev, __u64 state)
{
	if (preempt || state == 0)
		return true;
	if (!switch_brings_state || task_state(prev) != 0 || !prev->on_rq)
		return false;
	return !bpf_core_field_exists(prev->se.sched_delayed) || !prev->se.sched_delayed;
}

static __always_inline __u32 class_of_kind(__u32 kind)
{
	switch (kind) {
	case SLT_FD_FILE:
	case SLT_FD_DIRECTORY:
	case SLT_FD_BLOCK_DEVICE:
		return SLT_CLASS_BLOCKED_DISK;
	case SLT_FD_TCP:
	case SLT_FD_UDP:
	case SLT_FD_OTHER_SOCKET:
		return SLT_CLASS_BLOCKED_NET;
	case SLT_FD_UNIX_SOCKET:
	case SLT_FD_PIPE:
	case SLT_FD_EVENTFD:
		return SLT_CLASS_BLOCKED_IPC;
	case SLT_FD_TIMERFD:
		return SLT_CLASS_BLOCKED_SLEEP;
	case SLT_FD_EPOLL:
		return SLT_CLASS_BLOCKED_POLL;
	}
	return SLT_CLASS_BLOCKED_OTHER;
}

static __always_inline __u32 class_of_descriptor(struct slt_thread *thread, __u32 fd)
{
	thread->call_fd = fd;
	thread->call_fd_kind = descriptor_kind(0, fd);
	return class_of_kind(thread->call_fd_kind);
}

/* struct pollfd of poll(2). A poll of one descriptor is a wait for that descriptor. */
static __always_inline __u32 class_of_poll(struct slt_thread *thread)
{
	struct {
		__s32 fd;
		__s16 events, revents;
	} only = {};

	if (thread->call_args[1] == 0)
		return SLT_CLASS_BLOCKED_SLEEP;
	if (thread->call_args[1] > 1 ||
	    bpf_probe_read_user(&only, sizeof(only), (void *)thread->call_args[0]) != 0 || only.fd < 0)
		return SLT_CLASS_BLOCKED_POLL;
	return class_of_descriptor(thread, only.fd);
}

static __always_inline __u32 class_of_futex(struct slt_thread *thread)
{
	__u32 process = thread->process;
	struct slt_runtime *runtime = bpf_map_lookup_elem(&runtimes, &process);
	__u64 word = thread->call_args[0];

	if (runtime && word >= runtime->low && word < runtime->high)
		return SLT_CLASS_BLOCKED_RUNTIME;
	return SLT_CLASS_BLOCKED_LOCK;
}

/* Why the thread sleeps, by the system call that it is in. */
static __always_inline __u32 class_of_sleep(struct slt_thread *thread)
{
	__u32 number = thread->call - 1;
	struct slt_syscall_rule *rule = bpf_map_lookup_elem(&syscalls, &number);

	switch (rule ? rule->wait : SLT_WAIT_OTHER) {
	case SLT_WAIT_FUTEX:
		return class_of_futex(thread);
	case SLT_WAIT_FD:
		return class_of_descriptor(thread, thread->call_args[0]);
	case SLT_WAIT_POLL_SET:
		return class_of_poll(thread);
	case SLT_WAIT_SELECT:
		return thread->call_args[0] ? SLT_CLASS_BLOCKED_POLL : SLT_CLASS_BLOCKED_SLEEP;
	case SLT_WAIT_EPOLL:
		return SLT_CLASS_BLOCKED_POLL;
	case SLT_WAIT_DISK:
		return SLT_CLASS_BLOCKED_DISK;
	case SLT_WAIT_NET:
		return SLT_CLASS_BLOCKED_NET;
	case SLT_WAIT_IPC:
		return SLT_CLASS_BLOCKED_IPC;
	case SLT_WAIT_SLEEP:
		return SLT_CLASS_BLOCKED_SLEEP;
	case SLT_WAIT_CHILD:
		return SLT_CLASS_BLOCKED_CHILD;
	case SLT_WAIT_LOCK:
		return SLT_CLASS_BLOCKED_LOCK;
	}
	return SLT_CLASS_BLOCKED_OTHER;
}

/* The call that it is in, as its saved registers say: number + 1, arguments; 0: in none. */
static __always_inline __u32 name_call(struct slt_thread *thread, struct task_struct *task)
{
	__u64 args[4];
	__s32 number = saved_call(task, args);

	if (number < 0)
		return 0;
	/* The arguments of the call that it goes on with are still here. */
	if ((number == NR_RESTART || number == NR_RESTART_COMPAT) && thread->wait_call)
		return thread->wait_call;
	thread->call_args[0] = args[0];
	thread->call_args[1] = args[1];
	thread->call_args[2] = args[2];
	thread->call_args[3] = args[3];
	return number + 1;
}

static __always_inline bool yields(const struct slt_thread *thread, struct task_struct *prev)
{
	__u32 call = thread->call;
	__u64 args[4];

	if (!thread->calls_seen)
		call = saved_call(prev, args) + 1;
	return call == NR_SCHED_YIELD + 1 || call == NR_SCHED_YIELD_COMPAT + 1;
}

static __always_inline bool stalls_for_memory(struct task_struct *task)
{
	return bpf_core_field_exists(task->in_memstall) && BPF_CORE_READ_BITFIELD(task, in_memstall);
}

static __always_inline bool waits_for_io(struct task_struct *task)
{
	return bpf_core_field_exists(task->in_iowait) && BPF_CORE_READ_BITFIELD(task, in_iowait);
}

static __always_inline bool counts_as_frozen(struct task_struct *task)
{
	return bpf_core_field_exists(task->frozen) && BPF_CORE_READ_BITFIELD(task, frozen);
}

/*
 * Stopped by a signal or a debugger, or frozen. The freezer of cgroup v2 lets a thread sleep as a signal would, in
 * the state of any sleep; that of v1, and of suspend, has a state of its own or, before that, a flag.
 */
static __always_inline bool is_stopped(struct task_struct *task, __u64 state, __u32 flags)
{
	if (state & (TASK_STOPPED_OR_TRACED | TASK_FROZEN) || flags & PF_FROZEN)
		return true;
	return counts_as_frozen(task) && !(state & TASK_UNINTERRUPTIBLE);
}

/* Until the child of a vfork(2), whatever call made it, has its own program or has gone: the freezer need not wait for such a sleep. */
static __always_inline bool waits_for_vfork(struct task_struct *task, __u64 state)
{
	return counts_as_frozen(task) && (state & TASK_UNINTERRUPTIBLE);
}

/*
 * Whether a sleep outside of every call is for a page. One that a signal may end is so for userfaultfd(2), whose page
 * another thread brings; else the kernel may do other things on its way back to the program, such as slowing down one
 * that locks the bus. Where no field tells, the former is the likelier.
 */
static __always_inline bool waits_for_page(struct task_struct *task, __u64 state)
{
	if (state & TASK_UNINTERRUPTIBLE || !bpf_core_field_exists(task->in_user_fault))
		return true;
	return BPF_CORE_READ_BITFIELD(task, in_user_fault);
}

/* Sleeps of these classes are never sleeps for a disk: one that is, is for the page of an argument. */
static __always_inline bool never_does_io(__u32 class)
{
	switch (class) {
	case SLT_CLASS_BLOCKED_LOCK:
	case SLT_CLASS_BLOCKED_RUNTIME:
	case SLT_CLASS_BLOCKED_NET:
	case SLT_CLASS_BLOCKED_POLL:
	case SLT_CLASS_BLOCKED_IPC:
	case SLT_CLASS_BLOCKED_SLEEP:
	case SLT_CLASS_BLOCKED_CHILD:
		return true;
	}
	return false;
}

/*
 * Why it does not run from now on. `call`, where its calls are not traced, is the one that it sleeps in; 0 where it
 * sleeps in none, or for a reason that has nothing to do with it.
 */
static __always_inline __u32 class_of_switch(struct slt_thread *thread, bool preempt, struct task_struct *prev,
					     __u64 state)
{
	__u32 class, flags;

	if (!thread->calls_seen)
		thread->call = 0;
	if (stays_runnable(preempt, prev, state))
		return !preempt && yields(thread, prev) ? SLT_CLASS_RUNQUEUE_YIELDED : SLT_CLASS_RUNQUEUE_PREEMPTED;
	flags = prev->flags;
	if (flags & PF_EXITING)
		return SLT_CLASS_BLOCKED_OTHER;
	if (is_stopped(prev, state, flags)) {
		/* If it goes on with the call that this interrupts, that has still the same name. */
		if (!thread->calls_seen)
			thread->wait_call = name_call(thread, prev);
		return SLT_CLASS_STOPPED;
	}
	if (stalls_for_memory(prev))
		return SLT_CLASS_BLOCKED_MEMORY;
	if (!thread->calls_seen) {
		thread->call = name_call(thread, prev);
		thread->call_fd_kind = SLT_FD_UNSEEN;
	}
	if (!thread->call)
		return waits_for_page(prev, state) ? SLT_CLASS_BLOCKED_PAGE_FAULT : SLT_CLASS_BLOCKED_OTHER;
	if (waits_for_vfork(prev, state))
		return SLT_CLASS_BLOCKED_CHILD;
	class = class_of_sleep(thread);
	if (!(state & TASK_UNINTERRUPTIBLE) || !never_does_io(class) || !waits_for_io(prev))
		return class;
	if (!thread->calls_seen)
		thread->call = 0;
	return SLT_CLASS_BLOCKED_PAGE_FAULT;
}

/* A wait begins: named by the switch, unless its call was seen when it was entered. */
static __always_inline void wait_begin(struct slt_thread *thread, __u64 now)
{
	thread->waiting = !thread->calls_seen && thread->call != 0;
	if (!thread->waiting)
		return;
	thread->wait_call = thread->call;
	thread->call_entered = now;
	thread->call_blocked = 0;
	thread->call_runqueue = 0;
}

/* It runs again, and the wait is kept. Not inline: most switches have none. */
static __noinline int wait_end(__u32 slot, struct task_struct *task)
{
	struct slt_thread *thread = thread_at(slot);
	struct call_end end = { .error = SLT_ERROR_WAIT, .task = task };

	if (!thread)
		return 0;
	end.number = thread->call - 1;
	end.duration = thread->call_blocked;
	keep_call(thread, slot, &end);
	thread->waiting = 0;
	return 0;
}

/* Since when it runs is not known, nor which call it is in now: the end of that one must not be taken for the end of the one before. */
static __always_inline void switch_in_unseen(struct slt_thread *thread)
{
	thread_lost_switch(thread);
	count(SLT_DROP_SWITCH, 1);
	thread->calls_seen = 0;
	thread->call = 0;
}

/* Not inline, so that its stack is not there while a journal is caught up with. */
static __noinline int switch_out(__u32 slot, bool preempt, struct task_struct *prev, __u64 state, __u64 now)
{
	struct slt_thread *thread = thread_at(slot);

	if (!thread)
		return 0;
	thread->seq++;
	barrier();
	thread_close_interval(thread, thread_class(thread), now);
	if (thread->calls_seen && !records_calls(thread))
		thread->calls_seen = 0;
	thread->off_class = class_of_switch(thread, preempt, prev, state);
	thread->state = SLT_THREAD_OFF_CPU;
	wait_begin(thread, now);
	barrier();
	thread->seq++;
	return 0;
}

/* Returns whether each of its system calls is to be recorded. */
static __always_inline bool switch_in(struct slt_thread *thread, __u32 slot, struct task_struct *next, __u64 now)
{
	bool records = records_calls(thread);
	__u32 class = thread_class(thread);
	__u64 waited = since(now, thread->since);

	/* A switch-out was missed: the time since is neither this nor that, and left unaccounted. */
	if (thread->state == SLT_THREAD_ON_CPU) {
		thread_lost_switch(thread);
		count(SLT_DROP_SWITCH, 1);
		class = SLT_THREAD_CLASSES;
	} else {
		thread->switched_in = now;
	}
	thread->seq++;
	barrier();
	thread_close_interval(thread, class, now);
	if (class >= SLT_CLASS_RUNQUEUE_PREEMPTED && class <= SLT_CLASS_RUNQUEUE_YIELDED)
		thread->call_runqueue += waited;
	else if (class < SLT_THREAD_CLASSES)
		thread->call_blocked += waited; /* its wake-up was not seen: all of it counts as sleep */
	/* Nobody will see the end of a call that it fell asleep in while each was recorded: what it slept is kept. */
	if (thread->waiting || (!records && thread->calls_seen && thread->call && thread->call_blocked))
		wait_end(slot, next);
	if (!records)
		thread->calls_seen = 0;
	if (!thread->calls_seen)
		thread->call = 0;
	thread->state = SLT_THREAD_ON_CPU;
	barrier();
	thread->seq++;
	return records;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 *on_cpu = thread_slot_of_cpu();
	__u16 *prev_slot = thread_slot_of_tid(prev->pid), *next_slot = thread_slot_of_tid(next->pid);
	struct slt_thread *thread;
	__u32 before, after;
	__u64 now;

	if (!on_cpu)
		return 0;
	/* By its number, not by the CPU's slot: where its switch-in was missed, only this sees that it has run. */
	/* A number beyond the table (kernel.pid_max was raised since) is not tracked. */
	before = prev_slot ? *prev_slot : 0;
	after = next_slot ? *next_slot : 0;
	if (!before && !after) {
		if (*on_cpu)
			*on_cpu = 0;
		return 0;
	}
	now = bpf_ktime_get_ns();
	thread = thread_at(before);
	if (thread) {
		if (thread->state != SLT_THREAD_ON_CPU)
			switch_in_unseen(thread);
		/*
		 * The memory of one that exits is gone. process_exit has caught up with it, or before 6.16 its last trap, which
		 * libslt makes in pthread_exit(3) and exit(3).
		 */
		if (thread->journal && !(prev->flags & PF_EXITING))
			journal_at_switch(before);
		switch_out(before, preempt, prev, switch_brings_state ? ctx[3] : task_state(prev), now);
	}
	thread = thread_at(after);
	*on_cpu = thread && switch_in(thread, after, next, now) ? after : 0;
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	__u16 *slot = thread_slot_of_tid(task->pid);
	struct slt_thread *thread = slot ? thread_at(*slot) : 0;
	__u64 now;

	if (!thread || thread->state != SLT_THREAD_OFF_CPU)
		return 0;
	if (thread->off_class >= SLT_CLASS_RUNQUEUE_PREEMPTED && thread->off_class <= SLT_CLASS_RUNQUEUE_YIELDED)
		return 0;
	now = bpf_ktime_get_ns();
	thread->call_blocked += since(now, thread->since);
	thread->seq++;
	barrier();
	thread_close_interval(thread, thread->off_class, now);
	thread->state = SLT_THREAD_WOKEN;
	barrier();
	thread->seq++;
	return 0;
}
