/** Annotated spans for the tests of export/. */
import type { AnnotatedCall, AnnotatedSpan } from '../../agent/src/annotate/annotated.js';
import type { ExportStats } from '../../agent/src/export/exporter.js';
import type { ResolvedResource } from '../../agent/src/resolve/resolved.js';
import type { SpanId, SpanIdentity, TraceId } from '../../agent/src/spans/evidence.js';

export const START_NS = 1_764_000_000_123_456_789n;
export const WALL_NS = 212_400_000;
export const END_NS = START_NS + BigInt(WALL_NS);

export const checkout: ResolvedResource = {
  attributes: {
    'service.name': 'checkout',
    'process.pid': 4711,
    'process.command_args': ['python3', 'app.py'],
  },
  serviceName: 'checkout',
  source: 'provider',
};

export function resourceOf(serviceName: string): ResolvedResource {
  return { attributes: { 'service.name': serviceName, 'process.pid': 1 }, serviceName, source: 'provider' };
}

let created = 0;

/** A call from so many nanoseconds after the span's start on. */
export function call(name: string, afterNs: number, lengthNs: number): AnnotatedCall {
  const startUnixNs = START_NS + BigInt(afterNs);
  return {
    name,
    wait: false,
    startUnixNs,
    endUnixNs: startUnixNs + BigInt(lengthNs),
    attributes: { 'slt.syscall.result': 0, 'slt.syscall.flags': ['O_RDONLY', 'O_CLOEXEC'] },
  };
}

export interface Given {
  readonly identity?: Partial<SpanIdentity>;
  readonly resource?: ResolvedResource;
  readonly calls?: readonly AnnotatedCall[];
  readonly text?: string;
  readonly uid?: number | undefined;
}

export function annotated({
  identity,
  resource = checkout,
  calls = [],
  text = 'a lock',
  uid = 1000,
}: Given = {}): AnnotatedSpan {
  created += 1;
  const hex = created.toString(16);
  return {
    source: {
      evidence: {
        span: {
          traceId: hex.padStart(32, 'a') as TraceId,
          spanId: hex.padStart(16, 'b') as SpanId,
          parentSpanId: undefined,
          parentIsRemote: false,
          sampled: true,
          kind: 2,
          name: 'POST /orders',
          startUnixNs: START_NS,
          endUnixNs: END_NS,
          ...identity,
        },
        process: { pid: 4711, startNs: 1n },
        tid: 4711,
        resource: 1,
        startedNs: 1_000n,
        endedNs: 1_000n + BigInt(WALL_NS),
        wallNs: WALL_NS,
        thresholdNs: 50_000_000,
        generation: 1,
        ruleUnknown: false,
        activeNs: WALL_NS,
        accountNs: [],
        childAccountNs: [],
        children: 0,
        threads: [],
        totals: [],
        callCount: calls.length,
        otherCalls: { count: 0, timeNs: 0 },
        waits: [],
        waitCount: 0,
        otherWaits: { count: 0, timeNs: 0 },
        capture: 'all',
        escalated: false,
        calls: [],
        shared: false,
        runtimeKnown: false,
        state: 'ended',
        gaps: [],
      },
      resource,
      uid,
      threadNames: new Map(),
      calls: [],
      runtime: undefined,
      startedUnixNs: START_NS,
    },
    startUnixNs: START_NS,
    endUnixNs: END_NS,
    account: { wallNs: WALL_NS, self: new Map(), total: new Map(), threads: undefined, unaccountedNs: 0 },
    cause: {
      type: 'lock',
      sharePercent: 86,
      timeNs: 183_100_000,
      call: 'futex',
      descriptor: undefined,
      text,
    },
    attributes: {
      'slt.span.name': identity?.name ?? 'POST /orders',
      'slt.span.kind': 'server',
      'slt.cause.type': 'lock',
      'slt.cause.text': text,
      'slt.time.blocked.lock_us': 183_100,
      'slt.complete': true,
    },
    calls,
  };
}

/** What the numbers of an exporter must hold at any time. */
export function unaccountedFor({ accepted, acknowledged, dropped, pending }: ExportStats): number {
  return accepted - acknowledged - pending - Object.values(dropped).reduce((sum, count) => sum + count, 0);
}

/** The reasons that were used. */
export function dropsOf({ dropped }: ExportStats): Record<string, number> {
  return Object.fromEntries(Object.entries(dropped).filter(([, count]) => count > 0));
}
