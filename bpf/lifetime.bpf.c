// SPDX-License-Identifier: GPL-2.0-only
/* How processes and threads come to be tracked, and how they cease to be. */
#define __VMLINUX_H__ 1
#include "limits.h"
#include "probes.h"
#include "ring.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define CGROUP_LEVELS 16

/*
 * Whether the task's cgroup or one above it is allowed. Walked by hand:
 * bpf_get_current_ancestor_cgroup_id() is not there for probes on 5.10.
 */
static __always_inline bool cgroup_allowed(struct task_struct *task)
{
	struct cgroup *group = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	for (int level = 0; level < CGROUP_LEVELS && group; level++) {
		__u64 id = BPF_CORE_READ(group, kn, id);

		if (bpf_map_lookup_elem(&cgroups_allowed, &id))
			return true;
		/* A cgroup begins with the state that its children name as their parent. */
		group = (struct cgroup *)BPF_CORE_READ(group, self.parent);
	}
	return false;
}

static __always_inline bool process_allowed(const struct slt_control *settings, struct task_struct *task, __u32 uid)
{
	if (settings->filter_users && !bpf_map_lookup_elem(&users_allowed, &uid))
		return false;
	return !settings->filter_cgroups || cgroup_allowed(task);
}

static __always_inline void tell_process(const struct slt_process *process, __u16 type)
{
	struct slt_record_process record = {
		.header = { .type = type, .version = SLT_RECORD_VERSION, .size = sizeof(record) },
		.tgid = process->tgid,
		.uid = process->uid,
		.start_ns = process->start_ns,
		.cgroup_id = process->cgroup_id,
		.time_ns = bpf_ktime_get_ns(),
	};

	/* The agent attaches the tracepoints when it hears of the first process: it must not sleep on. */
	ring_send(&record, sizeof(record), BPF_RB_FORCE_WAKEUP);
}

/* The slot of the calling process, made on its first call. */
__noinline int process_enter(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, uid = bpf_get_current_uid_gid();
	__u32 *known = bpf_map_lookup_elem(&processes_by_tgid, &tgid), index, slot;
	struct slt_control *settings = settings_now();
	struct slt_runtime *runtime;
	struct slt_capture *capture;
	struct slt_process *process;

	if (known)
		return *known;
	if (!settings || !process_allowed(settings, task, uid)) {
		count(SLT_DROP_PROCESS_FILTERED, 1);
		return 0;
	}
	if (bpf_map_pop_elem(&free_processes, &index)) {
		count(SLT_DROP_PROCESS_SLOTS, 1);
		return 0;
	}
	process = bpf_map_lookup_elem(&processes, &index);
	runtime = bpf_map_lookup_elem(&runtimes, &index);
	capture = bpf_map_lookup_elem(&captures, &index);
	if (!process || !runtime)
		return 0;
	if (!capture)
		return 0;
	__builtin_memset(process, 0, sizeof(*process));
	__builtin_memset(runtime, 0, sizeof(*runtime));
	capture->mode = settings->capture;
	capture->escalated = 0;
	capture->since_ns = bpf_ktime_get_ns();
	process->tgid = tgid;
	process->uid = uid;
	process->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	process->cgroup_id = bpf_get_current_cgroup_id();
	process->exec_id = BPF_CORE_READ(task, self_exec_id);
	slot = index + 1;
	if (bpf_map_update_elem(&processes_by_tgid, &tgid, &slot, BPF_NOEXIST)) {
		/* another of its threads was first */
		process->tgid = 0;
		bpf_map_push_elem(&free_processes, &index, BPF_ANY);
		known = bpf_map_lookup_elem(&processes_by_tgid, &tgid);
		return known ? *known : 0;
	}
	count(SLT_COUNT_PROCESSES, 1);
	tell_process(process, SLT_RECORD_PROCESS);
	return slot;
}

__noinline int thread_gone(__u32 tid)
{
	__u16 *place = thread_slot_of_tid(tid);
	__u32 *on_cpu = thread_slot_of_cpu();
	__u32 slot, index;
	struct slt_thread *thread;

	if (!place || !on_cpu || !*place)
		return 0;
	slot = *place;
	context_change(slot, 0);
	*(volatile __u16 *)place = 0;
	barrier();
	if (*on_cpu == slot)
		*(volatile __u32 *)on_cpu = 0;
	thread = thread_at(slot);
	if (thread)
		thread->tid = 0;
	index = slot - 1;
	bpf_map_push_elem(&free_threads, &index, BPF_ANY);
	return 0;
}

/* Its spans stay open in the slot; user space ends them and frees it. */
__noinline int process_gone(__u32 number)
{
	__u32 tgid = number, *slot = bpf_map_lookup_elem(&processes_by_tgid, &tgid), index;
	struct slt_process *process;

	if (!slot)
		return 0;
	index = *slot - 1;
	process = bpf_map_lookup_elem(&processes, &index);
	bpf_map_delete_elem(&processes_by_tgid, &tgid);
	if (!process)
		return 0;
	process->ended = 1;
	tell_process(process, SLT_RECORD_EXIT);
	return 0;
}

/*
 * The CPU's slot is kept by sched_switch, so it may be written only while that is
 * attached: otherwise it would stay when another task comes, whose calls would
 * then be taken for this thread's.
 */
static __always_inline void run_on_this_cpu(struct slt_thread *thread, __u32 slot)
{
	struct slt_control *settings = settings_now();
	__u32 *on_cpu = thread_slot_of_cpu(), process = thread->process;
	struct slt_capture *capture;

	if (!settings || !settings->attached_ns || !on_cpu)
		return;
	if (thread->epoch != settings->attached_ns) {
		/* It has run, or slept, unseen: that time belongs to no class. */
		thread->since = bpf_ktime_get_ns();
		thread->state = SLT_THREAD_ON_CPU;
		thread->call = 0;
		thread->calls_seen = 0;
		thread->waiting = 0;
		thread->lost++;
		thread->epoch = settings->attached_ns;
		barrier();
	}
	if (*on_cpu == slot)
		return;
	capture = bpf_map_lookup_elem(&captures, &process);
	if (capture && capture->mode == SLT_CAPTURE_ALL)
		*(volatile __u32 *)on_cpu = slot;
}

/* A slot for a thread that has none. */
__noinline int thread_create(void)
{
	__u32 tid = bpf_get_current_pid_tgid(), index;
	__u16 *slot = thread_slot_of_tid(tid);
	struct slt_thread *thread;
	int process;

	if (!slot)
		return 0;
	process = process_enter();
	if (!process)
		return 0;
	if (bpf_map_pop_elem(&free_threads, &index)) {
		count(SLT_DROP_THREAD_SLOTS, 1);
		return 0;
	}
	thread = bpf_map_lookup_elem(&threads, &index);
	if (!thread)
		return 0;
	__builtin_memset(thread, 0, sizeof(*thread));
	thread->tid = tid;
	thread->tgid = bpf_get_current_pid_tgid() >> 32;
	thread->process = process - 1;
	thread->since = bpf_ktime_get_ns();
	count(SLT_COUNT_THREADS, 1);
	/* The slot must be whole before a tracepoint can find it, and the CPU's comes last: a switch before it sets it too. */
	barrier();
	*(volatile __u16 *)slot = index + 1;
	barrier();
	run_on_this_cpu(thread, index + 1);
	thread->lost = 0;
	return index + 1;
}

/* The slot of the calling thread. One under its number that is another process's was left by a thread whose end was not seen. */
__noinline int thread_enter(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u16 *slot = thread_slot_of_tid(id);
	struct slt_thread *thread = slot ? thread_at(*slot) : 0;

	if (thread && thread->tgid == id >> 32) {
		run_on_this_cpu(thread, *slot);
		return *slot;
	}
	if (thread)
		thread_gone(id);
	return thread_create();
}

/*
 * libslt was loaded: into a process that is known, when that has replaced its
 * program. While the tracepoints are not attached yet, this is where an execve(2) is seen.
 */
SEC("uprobe")
int BPF_KPROBE(probe_process)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32, index;
	__u32 *known = bpf_map_lookup_elem(&processes_by_tgid, &tgid);
	struct slt_process *process;

	if (known) {
		index = *known - 1;
		process = bpf_map_lookup_elem(&processes, &index);
		if (process && process->exec_id != BPF_CORE_READ(task, self_exec_id)) {
			thread_gone(id);
			process_gone(tgid);
		}
	}
	process_enter();
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	thread_gone(task->pid);
	/* do_exit() has taken this thread off `live` before the tracepoint. */
	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		process_gone(task->tgid);
	return 0;
}

/* execve(2): the other threads have exited; the one that called it has the leader's number now. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_tid)
{
	thread_gone(old_tid);
	process_gone(task->tgid);
	return 0;
}
