/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process and a user may use: anybody can map libslt and make up spans. */
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

static __always_inline struct slt_user *user_of(__u32 uid)
{
	struct slt_user *user = bpf_map_lookup_elem(&users, &uid);
	struct slt_user fresh = {};

	if (user)
		return user;
	bpf_map_update_elem(&users, &uid, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&users, &uid);
}

/* Whether the process and its user may open one more span; counts why not. */
static __always_inline bool may_open_span(struct slt_process *process, struct slt_user *user,
					  const struct slt_control *settings, __u64 now)
{
	if (process->open_spans >= settings->spans_open_process) {
		count(SLT_DROP_SPAN_SLOTS_PROCESS, 1);
		return false;
	}
	if (user->open_spans >= settings->spans_open_user) {
		count(SLT_DROP_SPAN_SLOTS_USER, 1);
		return false;
	}
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

/* Whether they may put one more slow span into the ring. */
static __always_inline bool may_send(struct slt_process *process, struct slt_user *user,
				     const struct slt_control *settings, __u64 now)
{
	rate_window(&process->rate, now);
	if (process->rate.bytes >= settings->bytes_per_second_process) {
		count(SLT_DROP_SPAN_BYTES_PROCESS, 1);
		return false;
	}
	rate_window(&user->rate, now);
	if (user->rate.bytes >= settings->bytes_per_second_user) {
		count(SLT_DROP_SPAN_BYTES_USER, 1);
		return false;
	}
	return true;
}

#endif
