// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that do nothing, at the places where ours are: what they cost is the
 * kernel's own price of being there. And two that read the clock once each and nothing more: what
 * nobody can be below who wants to know how long a system call took.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("tp_btf/sys_enter")
int empty_enter(void *ctx)
{
	return 0;
}

SEC("tp_btf/sys_exit")
int empty_exit(void *ctx)
{
	return 0;
}

__u64 entered, left;

SEC("tp_btf/sys_enter")
int clock_enter(void *ctx)
{
	entered = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sys_exit")
int clock_exit(void *ctx)
{
	left = bpf_ktime_get_ns();
	return 0;
}

SEC("uprobe")
int empty_probe(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
