/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the kernel side sends: the records in the ring buffer, and the counters.
 * The TypeScript decoder (agent/src/wire/layout.ts) is generated from the BTF of
 * these structures; `npm run lint` fails where it is out of date.
 *
 * A slow span leaves as, in this order on one CPU:
 *   slt_record_resource   once for each resource of a process
 *   for each thread that worked for it (a part):
 *     slt_record_part, cut after its last used total
 *     slt_record_calls  the slowest, cut after the last used call
 *     slt_record_calls  the latest, only when there were more calls than the slowest hold
 *   slt_record_span     last, so that all which arrived of a span is there when it is seen
 * All carry the span's serial number. Records of other CPUs lie in between.
 *
 * Times are CLOCK_MONOTONIC nanoseconds unless a name says otherwise.
 */
#ifndef SLT_WIRE_RECORD_H
#define SLT_WIRE_RECORD_H

#include "account.h"
#include "probe.h"

#define SLT_RECORD_VERSION 1

enum slt_record_type {
	SLT_RECORD_NONE,
	SLT_RECORD_PROCESS,  /* slt_record_process: a process hit a probe for the first time */
	SLT_RECORD_EXIT,     /* slt_record_process: the process has ended, or replaced its program */
	SLT_RECORD_RESOURCE, /* slt_record_resource */
	SLT_RECORD_PART,     /* slt_record_part */
	SLT_RECORD_CALLS,    /* slt_record_calls */
	SLT_RECORD_SPAN,     /* slt_record_span */
};

struct slt_record_header {
	__u16 type;
	__u16 version;
	__u32 size; /* of the whole record, this header included */
};

/* A process is known by its number in the initial pid namespace and its start time. */
struct slt_record_process {
	struct slt_record_header header;
	__u32 tgid;
	__u32 uid;
	__u64 start_ns; /* CLOCK_BOOTTIME; 5.10 to 7.x: task->group_leader->start_boottime */
	__u64 cgroup_id;
	__u64 time_ns;
	__u64 exec_id; /* of the program that it runs: grows with each execve(2) of the process */
};

struct slt_record_resource {
	struct slt_record_header header;
	__u32 tgid;
	__u32 reserved;
	__u64 start_ns;
	struct slt_resource resource;
};

#define SLT_TOTALS_MAX 48
#define SLT_TOTALS_INDEX 64 /* a power of two, above SLT_TOTALS_MAX */
#define SLT_CALLS_MAX 16

#define SLT_ERROR_WAIT 0xffff /* in the place of an errno: a wait, of which no result is known */

/* All calls with one number and one errno, or all waits in calls with one number. */
struct slt_total {
	__u16 number;
	__u16 error; /* errno; 0: success; SLT_ERROR_WAIT */
	__u32 count;
	slt_duration_ns time_ns;
	slt_duration_ns max_ns;
	slt_duration_ns blocked_ns;
};

/* slt_call.flags */
enum slt_call_flag {
	SLT_CALL_DETAIL = 0x01, /* fd_* below were read: the call was slow or slept */
	SLT_CALL_WAIT = 0x02, /* one sleep in a call, from the switch to the wake-up: its result is not known */
};

/* One system call, or one wait in one. */
struct slt_call {
	__u64 start_ns;
	slt_duration_ns duration_ns;
	__s64 result; /* −errno on failure */
	__u64 args[4];
	__u16 number;
	__u8 flags;
	__u8 fd_kind;      /* enum slt_fd_kind of the descriptor it waited for or was called on */
	__u32 fd;          /* that descriptor */
	__u32 blocked_us;
	__u32 runqueue_us;
	__u64 fd_inode;
	__u32 fd_device;   /* s_dev of the file system, as the kernel keeps it: major << 20 | minor */
	__u16 local_port;  /* host order */
	__u16 remote_port;
	__u8 remote_address[16]; /* IPv6, or IPv4 mapped into it; zero: none */
};

/* slt_record_part.flags */
enum slt_part_flag {
	SLT_PART_LOST = 0x01, /* a switch of the thread was not seen: its account misses time */
	SLT_PART_TORN = 0x02, /* another thread ended the span while this one wrote: calls may be cut */
	SLT_PART_ABSORBED = 0x04, /* holds totals of fast children */
};

/* What one thread did for one span. */
struct slt_record_part {
	struct slt_record_header header;
	__u64 serial;
	__u32 tid;
	__u32 flags;
	__u64 joined_ns;
	__u64 left_ns;
	slt_duration_ns account_ns[SLT_THREAD_CLASSES];
	slt_count calls;        /* recorded calls and waits, exact */
	slt_duration_ns other_ns;     /* time of those that found no room in totals */
	__u32 other_count;
	__u32 totals_used;
	struct slt_total totals[SLT_TOTALS_MAX];
};

enum slt_calls_order {
	SLT_CALLS_SLOWEST,
	SLT_CALLS_LATEST,
};

struct slt_record_calls {
	struct slt_record_header header;
	__u64 serial;
	__u32 tid;
	__u16 order; /* enum slt_calls_order */
	__u16 used;
	struct slt_call calls[SLT_CALLS_MAX];
};

/* slt_record_span.flags */
enum slt_record_span_flag {
	SLT_SPAN_SHARED = 0x01, /* no thread worked for it: the account is the starting thread's between start and end */
	SLT_SPAN_UNATTACHED = 0x02, /* tracepoints were not attached over the whole span */
	SLT_SPAN_PARTS_LEFT_OUT = 0x04, /* a thread found no room for a part */
	SLT_SPAN_PARTS_LOST = 0x08, /* a part did not fit into the ring */
	SLT_SPAN_PROCESS_DIED = 0x10, /* the process ended first; end_unix_ns is 0 */
	SLT_SPAN_RUNTIME_KNOWN = 0x20, /* the runtime's own futex words were known from start to end */
	SLT_SPAN_ABANDONED = 0x40, /* given up by the agent: open for too long */
	SLT_SPAN_RULE_UNKNOWN = 0x80, /* the kernel had no threshold for the name: user space decides */
	SLT_SPAN_ACTIVITY_RACED = 0x100, /* threads came and went at one instant: when it was worked for is known roughly */
	SLT_SPAN_CALLS_LEFT_OUT = 0x200, /* calls of a fast child are counted nowhere */
	SLT_SPAN_STARTER_GONE = 0x400, /* shared, but the starting thread has exited: there is no account */
	SLT_SPAN_SWITCH_MISSED = 0x800, /* of the starting thread, in what of its account went to the span without a part */
	SLT_SPAN_CAPTURE_ALL = 0x1000, /* at its start each system call of the process was recorded, else waits only */
	SLT_SPAN_CAPTURE_CHANGED = 0x2000, /* … and that changed before its end */
	SLT_SPAN_ESCALATED = 0x4000, /* each was recorded because the service had been slow */
};

struct slt_record_span {
	struct slt_record_header header;
	__u64 serial;
	__u64 parent_serial; /* of the parent span when it was open in the same process; else 0 */
	__u32 tgid;
	__u32 tid; /* the thread that started it */
	__u64 process_start_ns;
	__u64 started_ns;
	__u64 ended_ns;
	slt_duration_ns threshold_ns; /* that it passed */
	slt_duration_ns active_ns;    /* a thread worked for it, or a child that a thread had worked for was open */
	slt_duration_ns account_ns[SLT_CLASSES];       /* its own: the parts added up, and awaiting; shared: the thread's */
	slt_duration_ns child_account_ns[SLT_CLASSES]; /* what its ended children brought, their children included */
	__u32 flags;
	__u32 generation; /* of the rules that were in force at its start */
	__u32 parts_sent;
	__u32 children;
	struct slt_span span; /* as the end brought it */
};

/*
 * Counters, one __u64 each on each CPU. For spans:
 *   SPANS_STARTED = open + SPANS_FAST + SPANS_SLOW
 *   SPANS_SLOW = SPANS_SENT + SPANS_LOST
 * and for records RECORDS_PRODUCED = RECORDS_SENT + RECORDS_LOST. Everything from
 * SLT_COUNT_DROPS on is a reason for something left out.
 */
enum slt_counter {
	SLT_COUNT_SPANS_STARTED,
	SLT_COUNT_SPANS_FAST,
	SLT_COUNT_SPANS_SLOW,
	SLT_COUNT_SPANS_SENT,
	SLT_COUNT_RECORDS_PRODUCED,
	SLT_COUNT_RECORDS_SENT,
	SLT_COUNT_PROCESSES,
	SLT_COUNT_THREADS,

	SLT_COUNT_DROPS,
	SLT_DROP_SPAN_RING_FULL = SLT_COUNT_DROPS, /* a slow span: no room in the ring */
	SLT_DROP_SPAN_BYTES_PROCESS, /* a slow span: its process used up its ring bytes of this second */
	SLT_DROP_SPAN_BYTES_USER,
	SLT_DROP_RECORD_RING_FULL,
	SLT_DROP_RECORD_BYTES_PROCESS, /* a process or resource record put off: its process used up its ring bytes */
	SLT_DROP_RECORD_BYTES_USER,
	/* spans that were not started */
	SLT_DROP_SPAN_SLOTS,
	SLT_DROP_SPAN_SLOTS_PROCESS,
	SLT_DROP_SPAN_SLOTS_USER,
	SLT_DROP_SPAN_RATE_PROCESS,
	SLT_DROP_SPAN_RATE_USER,
	SLT_DROP_SPAN_DUPLICATE,
	/* calls that changed nothing */
	SLT_DROP_PROBE_VERSION,
	SLT_DROP_PROBE_UNREADABLE,
	SLT_DROP_END_UNKNOWN, /* ended twice, or started before the agent */
	SLT_DROP_END_CONTESTED, /* ended twice at one instant: the span stays open until its process ends */
	SLT_DROP_CONTEXT_UNKNOWN, /* a context of a span that is not open */
	SLT_DROP_JOURNAL, /* an entry of a thread's journal that could not be read */
	SLT_DROP_PROCESS_FILTERED,
	/* no slot: none is free, or the process or the user holds its share of them */
	SLT_DROP_PROCESS_SLOTS,
	SLT_DROP_PROCESS_SLOTS_USER,
	SLT_DROP_THREAD_SLOTS,
	SLT_DROP_THREAD_SLOTS_PROCESS,
	SLT_DROP_THREAD_SLOTS_USER,
	SLT_DROP_PART_SLOTS,
	SLT_DROP_PART_SLOTS_PROCESS,
	SLT_DROP_PART_SLOTS_USER,
	SLT_DROP_PART_LIMIT, /* more threads than one span's parts */
	SLT_DROP_SWITCH, /* a switch of a thread that was not seen */
	SLT_COUNTERS,
};

#endif
