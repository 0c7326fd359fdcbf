/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding a thread's slot, and its transitions. */
#ifndef SLT_BPF_THREAD_H
#define SLT_BPF_THREAD_H

#include "clock.h"
#include "counters.h"

#define barrier() asm volatile("" ::: "memory")

/* The slot at index + 1, NULL for 0. */
static __always_inline struct slt_thread *thread_at(__u32 slot)
{
	__u32 index = slot - 1;

	return slot ? bpf_map_lookup_elem(&threads, &index) : 0;
}

static __always_inline __u16 *thread_slot_of_tid(__u32 tid)
{
	__u32 block = tid / SLT_TIDS_IN_BLOCK;
	struct slt_tid_block *tids = bpf_map_lookup_elem(&threads_by_tid, &block);

	return tids ? &tids->slot[tid % SLT_TIDS_IN_BLOCK] : 0;
}

static __always_inline __u32 *thread_slot_of_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cpu_thread, &zero);
}

/* Whether each system call of the thread is to be recorded. */
static __always_inline bool records_calls(const struct slt_thread *thread)
{
	__u32 process = thread->process;
	struct slt_capture *capture = bpf_map_lookup_elem(&captures, &process);

	return capture && capture->mode == SLT_CAPTURE_ALL;
}

/*
 * Whether its account is still, or already, that of another capture than its process has: each changes at the thread's
 * next switch or system call, and a thread may do without either for long.
 */
static __always_inline bool lags_behind_capture(const struct slt_thread *thread)
{
	return (bool)thread->calls_seen != records_calls(thread);
}

/* The class that the open interval belongs to. */
static __always_inline __u32 thread_class(const struct slt_thread *thread)
{
	if (thread->state == SLT_THREAD_WOKEN)
		return SLT_CLASS_RUNQUEUE_WOKEN;
	if (thread->state == SLT_THREAD_OFF_CPU)
		return thread->off_class;
	if (!thread->calls_seen)
		return SLT_CLASS_ON_CPU_ANY;
	return thread->call ? SLT_CLASS_ON_CPU_KERNEL : SLT_CLASS_ON_CPU_USER;
}

/* A switch of it was not seen, or may not have been: what it works in, and what its journal is still to tell of, is not whole. */
static __always_inline void thread_lost_switch(struct slt_thread *thread)
{
	thread->lost++;
	thread->unseen = thread->journal != 0;
}

/* Closes the open interval: adds it to `class`, which the caller knows, and opens the next. */
static __always_inline void thread_close_interval(struct slt_thread *thread, __u32 class, __u64 now)
{
	if (class < SLT_THREAD_CLASSES)
		thread->account[class] += since(now, thread->since);
	thread->since = now;
}

#endif
