/**
 * What the kernel side saw of one slow span: the assembled form of its records,
 * before anything was looked up outside. Lengths of time are nanoseconds as
 * number, points in time nanoseconds as bigint: CLOCK_MONOTONIC where the name
 * ends in Ns, Unix time where it ends in UnixNs.
 */
import type { Call } from '../wire/layout.js';

/** 32 lower-case hex digits, as in W3C Trace Context. */
export type TraceId = string & { readonly brand: 'TraceId' };
/** 16 lower-case hex digits. */
export type SpanId = string & { readonly brand: 'SpanId' };

/** A process for good: its number in the initial pid namespace and its start (CLOCK_BOOTTIME, ns). */
export interface ProcessKey {
  readonly pid: number;
  readonly startNs: bigint;
}

/** For maps by process. */
export function keyOf({ pid, startNs }: ProcessKey): string {
  return `${pid} ${startNs}`;
}

/** OTLP's SpanKind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
export type SpanKindNumber = 0 | 1 | 2 | 3 | 4 | 5;

export interface SpanIdentity {
  readonly traceId: TraceId;
  readonly spanId: SpanId;
  /** undefined: a root span. */
  readonly parentSpanId: SpanId | undefined;
  readonly parentIsRemote: boolean;
  readonly sampled: boolean;
  readonly kind: SpanKindNumber;
  /** As the end brought it, at most 64 bytes of UTF-8. */
  readonly name: string;
  readonly startUnixNs: bigint;
  /** undefined: its process died, or the library did not say. */
  readonly endUnixNs: bigint | undefined;
}

/** All calls of one number. Exact, however many there were. */
export interface CallTotal {
  readonly number: number;
  readonly count: number;
  readonly timeNs: number;
  readonly maxNs: number;
  readonly blockedNs: number;
  /** Failed calls by errno, highest count first. */
  readonly errors: readonly { readonly errno: number; readonly count: number }[];
}

/** All sleeps in calls of one number that were recorded as waits. Exact, however many there were. */
export interface WaitTotal {
  readonly number: number;
  readonly count: number;
  readonly timeNs: number;
  readonly maxNs: number;
}

/** One kept call, or one wait in one: slt_call, and the thread that made it. */
export interface KeptCall extends Call {
  readonly tid: number;
}

/** How much of something there was. */
export interface Amount {
  readonly count: number;
  readonly timeNs: number;
}

/** What one thread did for the span. */
export interface ThreadShare {
  readonly tid: number;
  readonly joinedNs: bigint;
  /** By thread class (enum slt_class below THREAD_CLASSES). */
  readonly accountNs: readonly number[];
}

/** Why the evidence does not hold everything. Each is one flag of a span or part record, or a part that did not arrive. */
export type Gap =
  | 'tracepoints_attached_late'
  | 'threads_left_out'
  | 'activity_raced'
  | 'child_calls_left_out'
  | 'records_lost'
  | 'starter_exited'
  | 'switch_missed'
  | 'calls_torn';

export interface SpanEvidence {
  readonly span: SpanIdentity;
  readonly process: ProcessKey;
  /** The thread that started it. */
  readonly tid: number;
  /** The number of its provider's resource; 0: none told. */
  readonly resource: number;
  readonly startedNs: bigint;
  readonly endedNs: bigint;
  /** endedNs − startedNs. */
  readonly wallNs: number;
  readonly thresholdNs: number;
  /** Generation of the rules that held at its start. */
  readonly generation: number;
  /** The kernel had no rule for the name: thresholdNs is the lowest of all rules. */
  readonly ruleUnknown: boolean;
  /** Time in which a thread worked for it or for a child. */
  readonly activeNs: number;
  /** Its own, by class (enum slt_class), summed over its threads. */
  readonly accountNs: readonly number[];
  /** What its ended children brought, by class. */
  readonly childAccountNs: readonly number[];
  readonly children: number;
  readonly threads: readonly ThreadShare[];
  readonly totals: readonly CallTotal[];
  readonly waits: readonly WaitTotal[];
  /** Recorded calls, exact; kept ones are in `calls`. */
  readonly callCount: number;
  readonly waitCount: number;
  /** Calls, and waits while only they were captured, which found no room among the totals. */
  readonly otherCalls: Amount;
  readonly otherWaits: Amount;
  /** Kept single calls and waits by start: the slowest and the latest, each once. */
  readonly calls: readonly KeptCall[];
  /** No thread ever worked for it: the account is its starting thread's over the span, whomever that worked for. */
  readonly shared: boolean;
  /** What was recorded of its system calls: each, their sleeps, or one after the other. */
  readonly capture: 'all' | 'blocking' | 'mixed';
  /** Each was recorded because the service had been slow. */
  readonly escalated: boolean;
  /** The language runtime's own futex words were known throughout: a wait in blocked.lock is not the runtime's. */
  readonly runtimeKnown: boolean;
  readonly state: 'ended' | 'process_died' | 'abandoned';
  readonly gaps: readonly Gap[];
}
