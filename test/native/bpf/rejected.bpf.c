// SPDX-License-Identifier: GPL-2.0-only
/* The verifier refuses `wild`: it reads memory that it was not given. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("raw_tp")
int tame(void *ctx)
{
	return 0;
}

SEC("raw_tp")
int wild(void *ctx)
{
	return *(volatile __u32 *)(ctx + (1 << 20));
}

char LICENSE[] SEC("license") = "GPL";
