/** The attributes of the span `kernel`. */
import { MAX_CALL_TOTALS, spanAttributes as of } from '../../../schemas/evidence/attributes.js';
import {
  spanKinds,
  type captureModes,
  type gaps,
  type resourceSources,
  type states,
} from '../../../schemas/evidence/lists.js';
import type { Attributes, ResolvedSpan } from '../resolve/resolved.js';
import type { Amount, CallTotal, SpanEvidence, ThreadShare, WaitTotal } from '../spans/evidence.js';
import { errnoName } from '../wire/errno-table.js';
import { syscallTable } from '../wire/syscall-table.js';
import type { RoundedAccount } from './account.js';
import type { Cause } from './annotated.js';
import { AttributeList } from './attribute-list.js';

function microseconds(ns: number): number {
  return Math.round(ns / 1000);
}

/** Holds the values of evidence to the closed lists of the catalogue, at compile time. */
function listed(resolved: ResolvedSpan): {
  state: keyof typeof states;
  gaps: readonly (keyof typeof gaps)[];
  source: keyof typeof resourceSources;
  capture: keyof typeof captureModes;
} {
  return {
    state: resolved.evidence.state,
    gaps: resolved.evidence.gaps,
    source: resolved.resource.source,
    capture: resolved.evidence.capture,
  };
}

function describeSpan(list: AttributeList, resolved: ResolvedSpan, wallUs: number): void {
  const { evidence, threadNames } = resolved;
  const { state, gaps, source, capture } = listed(resolved);
  list
    .set(of.spanName, evidence.span.name)
    .set(of.spanKind, spanKinds[evidence.span.kind])
    .set(of.state, state)
    .set(of.wall, wallUs)
    .set(of.threshold, microseconds(evidence.thresholdNs))
    .set(of.complete, gaps.length === 0)
    .set(of.gaps, gaps.length > 0 ? gaps : undefined)
    .set(of.shared, evidence.shared ? true : undefined)
    .set(of.resourceSource, source)
    .set(of.captureMode, capture)
    .set(of.escalated, evidence.escalated ? true : undefined)
    .set(of.childSpans, evidence.children)
    .set(of.threadId, evidence.tid)
    .set(of.threadName, threadNames.get(evidence.tid));
}

function describeCause(list: AttributeList, cause: Cause): void {
  list
    .set(of.causeType, cause.type)
    .set(of.causeShare, cause.sharePercent)
    .set(of.causeTime, Math.floor(cause.timeNs / 1000))
    .set(of.causeText, cause.text)
    .set(of.causeCall, cause.call)
    .set(of.causeDescriptor, cause.descriptor);
}

function describeTimes(list: AttributeList, { self, total, threads }: RoundedAccount): void {
  for (const [name, us] of self) list.set(of.time, us, name);
  for (const [name, us] of total) list.set(of.timeTotal, us, name);
  for (const [name, us] of threads) list.set(of.threadTime, us, name);
}

function busy({ accountNs }: ThreadShare): number {
  let sum = 0;
  for (const ns of accountNs) sum += ns;
  return sum;
}

function describeThreads(list: AttributeList, { evidence, threadNames }: ResolvedSpan): void {
  if (evidence.threads.length === 0) return;
  const lines = [...evidence.threads]
    .sort((a, b) => busy(b) - busy(a))
    .map((share) => {
      const name = threadNames.get(share.tid);
      return `${share.tid}${name === undefined ? '' : ` ${name}`}: ${microseconds(busy(share))} µs`;
    });
  list.set(of.threads, lines);
}

function describeTotal(list: AttributeList, total: CallTotal): void {
  const name = syscallTable.nameOf(total.number);
  const errors = total.errors.map(({ errno, count }) => `${errnoName(errno)}=${count}`);
  const blockedUs = microseconds(total.blockedNs);
  list
    .set(of.totalCount, total.count, name)
    .set(of.totalTime, microseconds(total.timeNs), name)
    .set(of.totalMax, microseconds(total.maxNs), name)
    .set(of.totalBlocked, blockedUs > 0 ? blockedUs : undefined, name)
    .set(of.totalErrors, errors.length > 0 ? errors : undefined, name);
}

/** The totals that are told one by one, most time first, and the sum of all others. */
export function splitTotals<T extends Amount>(
  totals: readonly T[],
  others: Amount,
  most: number,
): { told: readonly T[]; rest: Amount } {
  if (totals.length <= 1 && most > 0) return { told: totals, rest: others };
  const byTime = [...totals].sort((a, b) => b.timeNs - a.timeNs);
  const rest = { count: others.count, timeNs: others.timeNs };
  for (const { count, timeNs } of byTime.slice(most)) {
    rest.count += count;
    rest.timeNs += timeNs;
  }
  return { told: byTime.slice(0, most), rest };
}

function describeCalls(list: AttributeList, evidence: SpanEvidence, kept: number): void {
  const { told, rest } = splitTotals(evidence.totals, evidence.otherCalls, MAX_CALL_TOTALS);
  list.set(of.callCount, evidence.callCount).set(of.callsKept, kept);
  for (const total of told) describeTotal(list, total);
  if (rest.count > 0) list.set(of.restCount, rest.count).set(of.restTime, microseconds(rest.timeNs));
}

function describeWait(list: AttributeList, { number, count, timeNs, maxNs }: WaitTotal): void {
  const name = syscallTable.nameOf(number);
  list
    .set(of.waitTotalCount, count, name)
    .set(of.waitTotalTime, microseconds(timeNs), name)
    .set(of.waitTotalMax, microseconds(maxNs), name);
}

function describeWaits(list: AttributeList, evidence: SpanEvidence, kept: number): void {
  const { told, rest } = splitTotals(evidence.waits, evidence.otherWaits, MAX_CALL_TOTALS);
  list.set(of.waitCount, evidence.waitCount).set(of.waitsKept, kept);
  for (const total of told) describeWait(list, total);
  if (rest.count > 0) list.set(of.waitRestCount, rest.count).set(of.waitRestTime, microseconds(rest.timeNs));
}

export function spanAttributesOf(
  resolved: ResolvedSpan,
  account: RoundedAccount,
  cause: Cause,
  kept: { readonly calls: number; readonly waits: number },
): Attributes {
  const list = new AttributeList();
  describeSpan(list, resolved, account.wallUs);
  describeCause(list, cause);
  describeTimes(list, account);
  describeThreads(list, resolved);
  if (resolved.evidence.capture !== 'blocking') describeCalls(list, resolved.evidence, kept.calls);
  if (resolved.evidence.capture !== 'all') describeWaits(list, resolved.evidence, kept.waits);
  return list.attributes;
}
