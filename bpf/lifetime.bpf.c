// SPDX-License-Identifier: GPL-2.0-only
/* How processes and threads come to be tracked, and how they cease to be. */
#define __VMLINUX_H__ 1
#include "probes.h"

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

static __always_inline __u32 *user_slot(__u32 uid)
{
	return bpf_map_lookup_elem(&users_by_uid, &uid);
}

/*
 * Counts one more process of the user, whose slot is made with the first. Its counts are not cleared then: a
 * process that came in while the slot was freed still holds what it holds. 0: there is no room.
 */
__noinline int user_enter(__u32 uid)
{
	__u32 *known = user_slot(uid), index, slot;
	struct slt_user *user;

	if (!known) {
		if (bpf_map_pop_elem(&free_users, &index))
			return 0;
		user = bpf_map_lookup_elem(&users, &index);
		if (!user)
			return 0;
		user->uid = uid;
		slot = index + 1;
		if (bpf_map_update_elem(&users_by_uid, &uid, &slot, BPF_NOEXIST))
			bpf_map_push_elem(&free_users, &index, BPF_ANY); /* another process of the user was first */
		known = user_slot(uid);
		if (!known)
			return 0;
	}
	slot = *known;
	index = slot - 1;
	user = bpf_map_lookup_elem(&users, &index);
	if (!user)
		return 0;
	__sync_fetch_and_add(&user->processes, 1);
	return slot;
}

/* One less; the slot goes with the last. Whoever deletes the number frees the slot, so it is freed once. */
__noinline int user_leave(__u32 slot)
{
	__u32 index = slot - 1, uid, *known;
	struct slt_user *user = bpf_map_lookup_elem(&users, &index);

	if (!user)
		return 0;
	__sync_fetch_and_add(&user->processes, -1);
	if (*(volatile __u32 *)&user->processes)
		return 0;
	uid = user->uid;
	known = user_slot(uid);
	if (known && *known == slot && !bpf_map_delete_elem(&users_by_uid, &uid))
		bpf_map_push_elem(&free_users, &index, BPF_ANY);
	return 0;
}

/* Whether the user holds fewer process slots than it may; counts why not. */
static __always_inline bool may_follow_process(const struct slt_control *settings, __u32 uid)
{
	__u32 *slot = user_slot(uid), index;
	struct slt_user *user;

	if (!slot)
		return true;
	index = *slot - 1;
	user = bpf_map_lookup_elem(&users, &index);
	if (!user || user->processes < settings->processes_user)
		return true;
	count(SLT_DROP_PROCESS_SLOTS_USER, 1);
	return false;
}

/* A process is known by its number and start, its program by the number of its execve(2). */
static __always_inline bool runs_in(const struct task_struct *task, const struct slt_process *process)
{
	return process->start_ns == BPF_CORE_READ(task, group_leader, start_boottime) &&
	       process->exec_id == BPF_CORE_READ(task, self_exec_id);
}

static __always_inline void ends_no_earlier(struct slt_process *process, __u64 now)
{
	if (process->ended_ns < now)
		process->ended_ns = now;
}

/* Its spans and threads stay in their slots; user space ends them and frees it. */
__noinline int process_gone(__u32 number)
{
	__u32 tgid = number, *slot = bpf_map_lookup_elem(&processes_by_tgid, &tgid), index;
	struct slt_process *process;

	if (!slot)
		return 0;
	index = *slot - 1;
	process = process_at_index(index);
	bpf_map_delete_elem(&processes_by_tgid, &tgid);
	if (!process)
		return 0;
	process_tell(index, SLT_RECORD_EXIT, 0);
	ends_no_earlier(process, bpf_ktime_get_ns());
	barrier();
	*(volatile __u32 *)&process->ended = 1;
	return 0;
}

/* Read before the filter is asked, which user space writes before it. */
static __always_inline __u32 generation_now(const struct slt_control *settings)
{
	__u32 generation = *(volatile __u32 *)&settings->generation;

	barrier();
	return generation;
}

__noinline int process_ask_again(__u32 process_index)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 uid = bpf_get_current_uid_gid(), generation;
	struct slt_process *process = process_at_index(process_index);
	struct slt_control *settings = settings_now();
	bool refused;

	if (!process || !settings)
		return 0;
	generation = generation_now(settings);
	if (!process_allowed(settings, task, uid)) {
		process->refused_in = generation;
		count(SLT_DROP_PROCESS_FILTERED, 1);
		return 0;
	}
	refused = process_is_refused(process);
	process->allowed_in = generation;
	/* User space may have detached the tracepoints meanwhile. */
	if (refused)
		process_tell(process_index, SLT_RECORD_PROCESS, 0);
	return 1;
}

/* A slot for the calling process, which has none. */
__noinline int process_create(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, uid = bpf_get_current_uid_gid(), index, slot, user, *known;
	__u32 generation;
	struct slt_control *settings = settings_now();
	struct slt_runtime *runtime;
	struct slt_capture *capture;
	struct slt_process *process;

	if (!settings)
		return 0;
	generation = generation_now(settings);
	if (!process_allowed(settings, task, uid)) {
		count(SLT_DROP_PROCESS_FILTERED, 1);
		return 0;
	}
	if (!may_follow_process(settings, uid))
		return 0;
	if (bpf_map_pop_elem(&free_processes, &index)) {
		count(SLT_DROP_PROCESS_SLOTS, 1);
		return 0;
	}
	process = process_at_index(index);
	runtime = bpf_map_lookup_elem(&runtimes, &index);
	capture = bpf_map_lookup_elem(&captures, &index);
	if (!process || !runtime)
		return 0;
	if (!capture)
		return 0;
	user = user_enter(uid);
	if (!user) {
		count(SLT_DROP_PROCESS_SLOTS, 1);
		bpf_map_push_elem(&free_processes, &index, BPF_ANY);
		return 0;
	}
	__builtin_memset(process, 0, sizeof(*process));
	__builtin_memset(runtime, 0, sizeof(*runtime));
	capture->mode = settings->capture;
	capture->escalated = 0;
	capture->since_ns = bpf_ktime_get_ns();
	process->uid = uid;
	process->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	process->cgroup_id = bpf_get_current_cgroup_id();
	process->exec_id = BPF_CORE_READ(task, self_exec_id);
	process->user = user;
	process->allowed_in = generation;
	/* Last: user space's sweep takes a slot with a number for one that is in use. */
	barrier();
	*(volatile __u32 *)&process->tgid = tgid;
	slot = index + 1;
	if (bpf_map_update_elem(&processes_by_tgid, &tgid, &slot, BPF_NOEXIST)) {
		/* another of its threads was first */
		process->tgid = 0;
		user_leave(user);
		bpf_map_push_elem(&free_processes, &index, BPF_ANY);
		known = bpf_map_lookup_elem(&processes_by_tgid, &tgid);
		return known ? *known : 0;
	}
	count(SLT_COUNT_PROCESSES, 1);
	process_tell(index, SLT_RECORD_PROCESS, 0);
	return slot;
}

/* The slot of the calling process, made on its first call. */
__noinline int process_enter(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, *known = bpf_map_lookup_elem(&processes_by_tgid, &tgid), slot;
	struct slt_process *process;

	if (!known)
		return process_create();
	slot = *known;
	process = process_at_index(slot - 1);
	if (process && runs_in(task, process))
		return slot;
	/* The end of the process before, or its execve(2), was not seen. */
	process_gone(tgid);
	return process_create();
}

/*
 * A thread exits, on the thread itself; `start_ns` is its process's. A slot under its number that is
 * another process's was left by a thread whose end was not seen, and stays for the sweep (release_thread).
 */
__noinline int thread_gone(__u32 tid, __u64 start_ns)
{
	__u16 *place = thread_slot_of_tid(tid);
	__u32 *on_cpu = thread_slot_of_cpu();
	struct slt_process *process;
	struct slt_thread *thread;
	__u32 slot;
	__u64 now;

	if (!place || !on_cpu || !*place)
		return 0;
	slot = *place;
	thread = thread_at(slot);
	process = thread ? process_at_index(thread->process) : 0;
	if (!thread || !process)
		return 0;
	if (process->start_ns != start_ns)
		return 0;
	now = bpf_ktime_get_ns();
	context_change(slot, 0, 0, now);
	/* Also after the process was found to have gone, where two threads exit at one instant. */
	ends_no_earlier(process, now);
	*(volatile __u16 *)place = 0;
	barrier();
	if (*on_cpu == slot)
		*(volatile __u32 *)on_cpu = 0;
	thread_free(thread, slot);
	return 0;
}

/*
 * A probe runs on its thread: one whose state says otherwise was switched in unseen. What it has done since then is
 * not known, and belongs to the part that it still works in; also where that ends before the next switch would tell.
 */
static __always_inline bool switch_in_missed(const struct slt_thread *thread)
{
	return thread->state != SLT_THREAD_ON_CPU;
}

/* It has run, or slept, unseen: that time belongs to no class. A probe is hit outside of every call, so the next one is seen whole. */
static __always_inline void start_anew(struct slt_thread *thread, bool sees_calls)
{
	thread->since = bpf_ktime_get_ns();
	thread->state = SLT_THREAD_ON_CPU;
	thread->call = 0;
	thread->calls_seen = sees_calls;
	thread->waiting = 0;
	thread_lost_switch(thread);
	barrier();
}

/*
 * The CPU's slot is kept by sched_switch, so it may be written only while that is
 * attached: otherwise it would stay when another task comes, whose calls would
 * then be taken for this thread's.
 */
static __always_inline void run_on_this_cpu(struct slt_thread *thread, __u32 slot)
{
	struct slt_control *settings = settings_now();
	__u32 *on_cpu = thread_slot_of_cpu(), wanted;
	bool records;

	if (!settings || !settings->attached_ns || !on_cpu)
		return;
	records = records_calls(thread);
	wanted = records ? slot : 0;
	if (thread->epoch != settings->attached_ns) {
		start_anew(thread, records && settings->calls_attached_ns);
		thread->epoch = settings->attached_ns;
	} else if (switch_in_missed(thread)) {
		start_anew(thread, records && settings->calls_attached_ns);
		count(SLT_DROP_SWITCH, 1);
	}
	/* Its capture may have changed since it was switched in. */
	if (*on_cpu != wanted)
		*(volatile __u32 *)on_cpu = wanted;
}

/* A slot for a thread that has none. */
__noinline int thread_create(void)
{
	__u32 tid = bpf_get_current_pid_tgid(), index;
	__u16 *slot = thread_slot_of_tid(tid);
	struct slt_control *settings = settings_now();
	struct slt_process *process;
	struct slt_thread *thread;
	struct slt_user *user;
	int process_slot;

	if (!slot)
		count(SLT_DROP_THREAD_SLOTS, 1); /* kernel.pid_max was raised since: its number is beyond the table */
	if (!slot || !settings)
		return 0;
	process_slot = process_enter();
	process = process_at_index(process_slot - 1);
	user = process ? user_of(process) : 0;
	if (!process || !user)
		return 0;
	if (!below_share(process->threads, settings->threads_process, user->threads, settings->threads_user,
			 SLT_DROP_THREAD_SLOTS_PROCESS))
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
	thread->process = process_slot - 1;
	thread->since = bpf_ktime_get_ns();
	thread->known_since = thread->since;
	thread->switched_in = thread->since;
	thread->left_at = thread->since; /* the slot's thread before may have started spans */
	slot_taken(&process->threads, &user->threads);
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
	__u16 *place = thread_slot_of_tid(id);
	__u32 tgid = id >> 32, *known = bpf_map_lookup_elem(&processes_by_tgid, &tgid);
	__u32 *on_cpu = thread_slot_of_cpu();
	struct slt_process *process;

	process = known ? process_at_index(*known - 1) : 0;
	if (process && !runs_in(task, process) && place && on_cpu) {
		/* Its slot belongs to the program before, whose threads the sweep frees. */
		if (*on_cpu == *place)
			*(volatile __u32 *)on_cpu = 0;
		*(volatile __u16 *)place = 0;
	}
	process_enter();
	return 0;
}

/* However it ends: what the exiting thread has written into its journal since it was last switched out. */
static __always_inline void catch_up_at_exit(struct task_struct *task)
{
	__u16 *place = thread_slot_of_tid(task->pid);
	struct slt_thread *thread = place ? thread_at(*place) : 0;

	if (!bpf_core_field_exists(((struct trace_event_raw_sched_process_exit *)0)->group_dead))
		return;
	if (thread && thread->journal && thread->tgid == (__u32)task->tgid)
		journal_at_switch(*place);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	catch_up_at_exit(task);
	thread_gone(task->pid, BPF_CORE_READ(task, group_leader, start_boottime));
	/* do_exit() has taken this thread off `live` before the tracepoint. */
	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		process_gone(task->tgid);
	return 0;
}

/* execve(2): the other threads have exited; the one that called it has the leader's number now. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_tid)
{
	thread_gone(old_tid, BPF_CORE_READ(task, group_leader, start_boottime));
	process_gone(task->tgid);
	return 0;
}
