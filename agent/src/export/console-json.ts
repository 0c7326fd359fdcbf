/** One slow span as one JSON object, for programs. */
import { spanKinds } from '../../../schemas/evidence/lists.js';
import { rounded } from '../annotate/account.js';
import type { AnnotatedCall, AnnotatedSpan } from '../annotate/annotated.js';
import { errnoName } from '../wire/errno-table.js';
import { syscallTable } from '../wire/syscall-table.js';

function callObject({ name, startUnixNs, endUnixNs, attributes }: AnnotatedCall): object {
  // Unix nanoseconds are more than a JSON number holds exactly.
  return { name, start_unix_ns: String(startUnixNs), end_unix_ns: String(endUnixNs), attributes };
}

function totalsObject({ totals, otherCalls }: AnnotatedSpan['source']['evidence']): object {
  const calls = totals.map(({ number, count, timeNs, maxNs, blockedNs, errors }) => ({
    name: syscallTable.nameOf(number),
    count,
    time_us: Math.round(timeNs / 1000),
    max_us: Math.round(maxNs / 1000),
    blocked_us: Math.round(blockedNs / 1000),
    errors: Object.fromEntries(errors.map((error) => [errnoName(error.errno), error.count])),
  }));
  return { calls, other: { count: otherCalls.count, time_us: Math.round(otherCalls.timeNs / 1000) } };
}

function waitsObject({ waits, otherWaits }: AnnotatedSpan['source']['evidence']): object {
  const calls = waits.map(({ number, count, timeNs, maxNs }) => ({
    name: syscallTable.nameOf(number),
    count,
    time_us: Math.round(timeNs / 1000),
    max_us: Math.round(maxNs / 1000),
  }));
  return { calls, other: { count: otherWaits.count, time_us: Math.round(otherWaits.timeNs / 1000) } };
}

/** The object of `--json`. Times are whole microseconds, but for wall_ms; absent classes were zero where `gaps` is empty. */
export function jsonObject({
  source,
  startUnixNs,
  endUnixNs,
  account,
  cause,
  attributes,
  calls,
}: AnnotatedSpan): object {
  const { evidence, resource } = source;
  const { span } = evidence;
  const { wallUs, self, total, threads } = rounded(account);
  return {
    trace_id: span.traceId,
    span_id: span.spanId,
    parent_span_id: span.parentSpanId ?? null,
    service: resource.serviceName,
    name: span.name,
    kind: spanKinds[span.kind],
    start_unix_ns: String(startUnixNs),
    end_unix_ns: String(endUnixNs),
    wall_ms: wallUs / 1000,
    state: evidence.state,
    shared: evidence.shared,
    capture: { mode: evidence.capture, escalated: evidence.escalated },
    cause: {
      type: cause.type,
      share_percent: cause.sharePercent,
      text: cause.text,
      call: cause.call ?? null,
      descriptor: cause.descriptor ?? null,
    },
    time: Object.fromEntries(self),
    time_total: Object.fromEntries(total),
    thread_time: Object.fromEntries(threads),
    totals: totalsObject(evidence),
    waits: waitsObject(evidence),
    calls: calls.map(callObject),
    attributes,
    gaps: evidence.gaps,
  };
}
