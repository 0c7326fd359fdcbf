/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps that the programs share. maps.bpf.c defines them; everywhere else
 * they are extern, and `bpftool gen object` links the objects into one.
 * Sizes here are the smallest that load; user space sets them from limits.kernel_memory.
 *
 * No hash is touched by sched_wakeup or the system-call tracepoints, nor by
 * sched_switch, but where a journal is caught up with: all that they need is found by index,
 * from the per-CPU slot or from the thread number. The hash that it is then, `open_spans`, is allocated beforehand,
 * for memory cannot be had there.
 */
#ifndef SLT_BPF_MAPS_H
#define SLT_BPF_MAPS_H

#include "state.h"

#include <bpf/bpf_helpers.h>

#ifndef SLT_MAP
#define SLT_MAP extern
#endif

/* Slot + 1 of the thread that runs on this CPU, if each of its system calls is recorded; else 0. Their programs' first load. */
SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cpu_thread SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_tid_block);
} threads_by_tid SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_thread);
} threads SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_part);
} parts SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_span_slot);
} spans SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_process);
} processes SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_user);
} users SEC(".maps");

/* Free indices of the five arrays above, filled by user space before anything is attached. */
SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__uint(key_size, 0);
	__type(value, __u32);
} free_threads SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__uint(key_size, 0);
	__type(value, __u32);
} free_parts SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__uint(key_size, 0);
	__type(value, __u32);
} free_spans SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__uint(key_size, 0);
	__type(value, __u32);
} free_processes SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__uint(key_size, 0);
	__type(value, __u32);
} free_users SEC(".maps");

/* Open spans by key. */
SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct slt_span_key);
	__type(value, struct slt_open_span);
} open_spans SEC(".maps");

/* Process slots (index + 1) by tgid. */
SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} processes_by_tgid SEC(".maps");

/* User slots (index + 1) by user number. As many as processes, so there is one whenever a process has a slot. */
SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} users_by_uid SEC(".maps");

/* Written by user space. */
SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_control);
} control SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLT_SYSCALLS_MAX);
	__type(key, __u32);
	__type(value, struct slt_syscall_rule);
} syscalls SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slt_operation);
	__type(value, struct slt_threshold);
} thresholds SEC(".maps");

/* What is recorded of each process, by its slot. */
SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_capture);
} captures SEC(".maps");

/* The runtimes' own futex words: by process slot, for sched_switch reads it. Zero: not known. */
SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slt_runtime);
} runtimes SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
} users_allowed SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} cgroups_allowed SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLT_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

SLT_MAP struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

#endif
