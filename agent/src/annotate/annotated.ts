/** What leaves the agent for one slow span: names, attributes, a verdict and its system calls as sub-spans. */
import type { causeTypes } from '../../../schemas/evidence/lists.js';
import type { Attributes, ResolvedSpan } from '../resolve/resolved.js';

/** The closed list of slt.cause.type. */
export type CauseType = keyof typeof causeTypes;

export interface Cause {
  readonly type: CauseType;
  /** Of the wall time, whole percent, rounded down. */
  readonly sharePercent: number;
  readonly timeNs: number;
  /** The system call in which most of that time passed, and the kind of its descriptor, where there is one. */
  readonly call: string | undefined;
  /** A name of schemas/evidence's descriptorKinds. */
  readonly descriptor: string | undefined;
  /** One sentence. */
  readonly text: string;
}

/** A system call as a sub-span. */
export interface AnnotatedCall {
  /** The call's name. */
  readonly name: string;
  /** One sleep in it. */
  readonly wait: boolean;
  readonly startUnixNs: bigint;
  readonly endUnixNs: bigint;
  readonly attributes: Attributes;
}

/** The account of the wall time in nanoseconds, keyed by the class names of schemas/evidence. Classes with no time are absent. */
export interface Account {
  readonly wallNs: number;
  /** Its own share of the wall time. */
  readonly self: ReadonlyMap<string, number>;
  /** With its children; adds up to the wall time together with unaccountedNs. */
  readonly total: ReadonlyMap<string, number>;
  /** Summed over threads, where that differs from total. */
  readonly threads: ReadonlyMap<string, number> | undefined;
  readonly unaccountedNs: number;
}

export interface AnnotatedSpan {
  readonly source: ResolvedSpan;
  readonly startUnixNs: bigint;
  readonly endUnixNs: bigint;
  readonly account: Account;
  readonly cause: Cause;
  /** Of the `kernel` span, slt.* and others. */
  readonly attributes: Attributes;
  readonly calls: readonly AnnotatedCall[];
}
