// SPDX-License-Identifier: GPL-2.0-only
/* Every kind of map and global that the addon's tests look at from outside. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1000);
	__type(key, __u32);
	__type(value, __u64);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__type(value, __u32);
} queue SEC(".maps");

/* No batch call on any kernel so far: the addon must go entry by entry. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16);
	__type(key, __u32);
	__uint(value_size, 8 * sizeof(__u64));
} stacks SEC(".maps");

const volatile __u32 factor = 2;
const volatile __u64 summand;
__u32 first;
__u64 counted;
__u64 popped;
__u32 preset = 77;

SEC("raw_tp")
int compute(struct bpf_raw_tracepoint_args *ctx)
{
	counted += 1;
	first = factor;
	return ctx->args[0] * factor + summand;
}

SEC("raw_tp")
int touch(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 zero = 0, seven = 7, value = 0;
	__u64 *slot;
	__u32 *mine;

	slot = bpf_map_lookup_elem(&shared, &seven);
	if (slot)
		*slot += 1;
	mine = bpf_map_lookup_elem(&per_cpu, &zero);
	if (mine)
		*mine += 1;
	if (bpf_map_pop_elem(&queue, &value) == 0)
		popped += value + preset;
	return 0;
}

/* Skips itself and the helper; the key of the stack is the result. */
SEC("raw_tp")
int take_stack(struct bpf_raw_tracepoint_args *ctx)
{
	return bpf_get_stackid(ctx, &stacks, 0);
}

char LICENSE[] SEC("license") = "GPL";
