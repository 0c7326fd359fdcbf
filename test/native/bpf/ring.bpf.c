// SPDX-License-Identifier: GPL-2.0-only
/* Writes as many records into a ring as a test run asks for. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define RECORD_WORDS 8

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

__u64 written;
__u64 refused;

struct production {
	__u64 count;
	__u64 size; /* bytes of each record, at most 8 * RECORD_WORDS */
	__u64 flags;
};

static long produce_one(__u32 index, struct production *production)
{
	__u64 record[RECORD_WORDS] = {};
	__u64 size = production->size;

	record[0] = written;
	if (size > sizeof(record))
		size = sizeof(record);
	if (bpf_ringbuf_output(&ring, record, size, production->flags))
		refused++;
	else
		written++;
	return 0;
}

/* arguments: count, size, flags of bpf_ringbuf_output */
SEC("raw_tp")
int produce(struct bpf_raw_tracepoint_args *ctx)
{
	struct production production = {ctx->args[0], ctx->args[1], ctx->args[2]};

	bpf_loop(production.count, produce_one, &production, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
