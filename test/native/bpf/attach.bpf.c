// SPDX-License-Identifier: GPL-2.0-only
/* One program for each way of attaching; each counts what process `pid` does. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 pid;

__u64 by_tp_btf;
__u64 by_raw_tp;
__u64 by_tracepoint;
__u64 by_uprobe;
__u64 by_uprobe_multi;

static void count(__u64 *hits)
{
	if (bpf_get_current_pid_tgid() >> 32 == pid)
		__sync_fetch_and_add(hits, 1);
}

SEC("tp_btf/sys_enter")
int on_tp_btf(void *ctx)
{
	count(&by_tp_btf);
	return 0;
}

SEC("raw_tp")
int on_raw_tp(void *ctx)
{
	count(&by_raw_tp);
	return 0;
}

SEC("tp")
int on_tracepoint(void *ctx)
{
	count(&by_tracepoint);
	return 0;
}

SEC("uprobe")
int on_uprobe(void *ctx)
{
	count(&by_uprobe);
	return 0;
}

SEC("uprobe.multi")
int on_uprobe_multi(void *ctx)
{
	count(&by_uprobe_multi);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
