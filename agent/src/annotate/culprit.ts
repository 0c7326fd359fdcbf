/** The system call in which most of a cause's time passed, and the kind of its descriptor. */
import type { CallTotal, KeptCall, SpanEvidence, WaitTotal } from '../spans/evidence.js';
import { syscallTable } from '../wire/syscall-table.js';
import { descriptorKind, sawDescriptor, type DescriptorKind } from './descriptors.js';
import { classesOfSleep } from './waits.js';

export interface Culprit {
  readonly call: string;
  readonly descriptor: DescriptorKind | undefined;
}

function blockedUs(calls: readonly KeptCall[]): number {
  return calls.reduce((time, call) => time + call.blockedUs, 0);
}

/**
 * The kind of descriptor on which these calls spent more than half of the given weight, among those
 * whose descriptor was looked at (the latest kept ones often were not). Where they disagree, nothing is claimed.
 */
function commonKind(
  calls: readonly KeptCall[],
  weight: (call: KeptCall) => number,
): DescriptorKind | undefined {
  const byKind = new Map<number, number>();
  let all = 0;
  for (const call of calls.filter(sawDescriptor)) {
    byKind.set(call.fdKind, (byKind.get(call.fdKind) ?? 0) + weight(call));
    all += weight(call);
  }
  const [most] = [...byKind].sort(([, a], [, b]) => b - a);
  return most !== undefined && most[1] > all / 2 ? descriptorKind(most[0]) : undefined;
}

interface Sleeps {
  readonly number: number;
  readonly blockedNs: number;
}

/** Time asleep by number of the call, whether the calls were recorded or their sleeps. */
function sleepsOf(totals: readonly CallTotal[], waits: readonly WaitTotal[]): readonly Sleeps[] {
  if (waits.length === 0) return totals;
  const byNumber = new Map(totals.map(({ number, blockedNs }) => [number, blockedNs]));
  for (const { number, timeNs } of waits) byNumber.set(number, (byNumber.get(number) ?? 0) + timeNs);
  return [...byNumber].map(([number, blockedNs]) => ({ number, blockedNs }));
}

/** Time that the calls of one number slept in these classes: exact in sum, divided as the kept ones of them are. */
function sleptIn(total: Sleeps, kept: readonly KeptCall[], inClasses: readonly KeptCall[]): number {
  const all = blockedUs(kept);
  return all > 0 ? (total.blockedNs * blockedUs(inClasses)) / all : 0;
}

/**
 * Of a time asleep: the call in which more than half of it passed, as far as the span's own calls
 * show. Calls of slow children are not among them.
 */
export function culpritOf(
  { totals, waits, calls }: SpanEvidence,
  classes: readonly string[],
  timeNs: number,
): Culprit | undefined {
  let best: { culprit: Culprit; sleptNs: number } | undefined;
  for (const total of sleepsOf(totals, waits)) {
    // Its kept calls slept for a part of this; most calls of most spans did not sleep, and need no look at each.
    if (total.blockedNs === 0) continue;
    const kept = calls.filter(({ number }) => number === total.number);
    const inClasses = kept.filter((call) => classesOfSleep(call).some((name) => classes.includes(name)));
    const sleptNs = sleptIn(total, kept, inClasses);
    if (sleptNs * 2 <= timeNs || sleptNs <= (best?.sleptNs ?? 0)) continue;
    const descriptor = commonKind(inClasses, (call) => call.blockedUs);
    best = { culprit: { call: syscallTable.nameOf(total.number), descriptor }, sleptNs };
  }
  return best?.culprit;
}

/** Of many calls: the one that makes up more than half of them. */
export function frequentCall({ totals, calls, callCount }: SpanEvidence): Culprit | undefined {
  const total = totals.find(({ count }) => count * 2 > callCount);
  if (total === undefined) return undefined;
  const kept = calls.filter(({ number }) => number === total.number);
  return { call: syscallTable.nameOf(total.number), descriptor: commonKind(kept, () => 1) };
}
