/** Evidence → what leaves the agent. Pure: no I/O, no clock. */
import type { ResolvedSpan } from '../resolve/resolved.js';
import { accountOf, rounded } from './account.js';
import type { AnnotatedSpan } from './annotated.js';
import { spanAttributesOf } from './attributes.js';
import { annotateCalls, type CallSettings, type Interval } from './calls.js';
import { findCause } from './cause.js';

export type AnnotateSettings = CallSettings;

/** The span's own times where it told them, else the host's; never an end before its start. */
function intervalOf({ evidence, startedUnixNs }: ResolvedSpan): Interval {
  const { span, startedNs, endedNs } = evidence;
  const startUnixNs = span.startUnixNs === 0n ? startedUnixNs : span.startUnixNs;
  const endUnixNs = span.endUnixNs ?? startedUnixNs + (endedNs - startedNs);
  return { startUnixNs, endUnixNs: endUnixNs < startUnixNs ? startUnixNs : endUnixNs };
}

export function annotate(resolved: ResolvedSpan, settings: AnnotateSettings): AnnotatedSpan {
  const interval = intervalOf(resolved);
  const account = accountOf(resolved.evidence);
  const cause = findCause(resolved, account);
  const calls = annotateCalls(resolved, interval, settings);
  const waits = calls.filter(({ wait }) => wait).length;
  return {
    source: resolved,
    ...interval,
    account,
    cause,
    attributes: spanAttributesOf(resolved, rounded(account), cause, { calls: calls.length - waits, waits }),
    calls,
  };
}
