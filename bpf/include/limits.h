/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process and a user may use: anybody can map libslt and make up threads and spans. */
#ifndef SLT_BPF_LIMITS_H
#define SLT_BPF_LIMITS_H

#include "clock.h"
#include "counters.h"

#define NSEC_PER_SEC 1000000000ull

/* Windows of one second. Two CPUs that open one at the same time allow a few more than the limit. */
static __always_inline void rate_window(struct slt_rate *rate, __u64 now)
{
	if (since(now, rate->second) < NSEC_PER_SEC)
		return;
	rate->second = now;
	rate->spans = 0;
	rate->bytes = 0;
}

static __always_inline struct slt_process *process_at_index(__u32 index)
{
	return bpf_map_lookup_elem(&processes, &index);
}

/* Of a process: its user. */
static __always_inline struct slt_user *user_of(const struct slt_process *process)
{
	__u32 index = process->user - 1;

	return bpf_map_lookup_elem(&users, &index);
}

/* ---- slots ---- */

/* Takes and gives back one slot of a kind, in the process's or the user's count of them. */
static __always_inline void slot_taken(__u32 *of_process, __u32 *of_user)
{
	__sync_fetch_and_add(of_process, 1);
	__sync_fetch_and_add(of_user, 1);
}

static __always_inline void slots_given_back(__u32 *of_process, __u32 *of_user, __u32 slots)
{
	__sync_fetch_and_add(of_process, -slots);
	__sync_fetch_and_add(of_user, -slots);
}

/*
 * Whether the process and its user hold fewer slots than they may. Several CPUs that ask at the same time may each
 * get the last one: the shares leave more than that to others. Counts a refusal under `reason`, the user's under the next.
 */
static __always_inline bool below_share(__u32 of_process, __u32 most_process, __u32 of_user, __u32 most_user,
					__u32 reason)
{
	if (of_process >= most_process) {
		count(reason, 1);
		return false;
	}
	if (of_user >= most_user) {
		count(reason + 1, 1);
		return false;
	}
	return true;
}

#define SLT_NEXT_IS_USERS(reason) \
	_Static_assert(reason##_USER == reason##_PROCESS + 1, #reason "_USER comes after " #reason "_PROCESS")
SLT_NEXT_IS_USERS(SLT_DROP_THREAD_SLOTS);
SLT_NEXT_IS_USERS(SLT_DROP_PART_SLOTS);
SLT_NEXT_IS_USERS(SLT_DROP_SPAN_SLOTS);
SLT_NEXT_IS_USERS(SLT_DROP_SPAN_BYTES);
SLT_NEXT_IS_USERS(SLT_DROP_RECORD_BYTES);

/* Whether the process and its user may open one more span; counts why not. */
static __always_inline bool may_open_span(struct slt_process *process, struct slt_user *user,
					  const struct slt_control *settings, __u64 now)
{
	if (!below_share(process->open_spans, settings->spans_open_process, user->open_spans,
			 settings->spans_open_user, SLT_DROP_SPAN_SLOTS_PROCESS))
		return false;
	rate_window(&process->rate, now);
	if (process->rate.spans >= settings->spans_per_second_process) {
		count(SLT_DROP_SPAN_RATE_PROCESS, 1);
		return false;
	}
	rate_window(&user->rate, now);
	if (user->rate.spans >= settings->spans_per_second_user) {
		count(SLT_DROP_SPAN_RATE_USER, 1);
		return false;
	}
	__sync_fetch_and_add(&process->rate.spans, 1);
	__sync_fetch_and_add(&user->rate.spans, 1);
	return true;
}

/* ---- bytes of the ring ---- */

/* Whether they may put more into the ring. Counts a refusal under `reason`, the user's under the next. */
static __always_inline bool may_send(struct slt_process *process, struct slt_user *user,
				     const struct slt_control *settings, __u64 now, __u32 reason)
{
	rate_window(&process->rate, now);
	if (process->rate.bytes >= settings->bytes_per_second_process) {
		count(reason, 1);
		return false;
	}
	rate_window(&user->rate, now);
	if (user->rate.bytes >= settings->bytes_per_second_user) {
		count(reason + 1, 1);
		return false;
	}
	return true;
}

static __always_inline void bytes_sent(struct slt_process *process, struct slt_user *user, __u64 bytes)
{
	__sync_fetch_and_add(&process->rate.bytes, bytes);
	__sync_fetch_and_add(&user->rate.bytes, bytes);
}

#endif
