/** Builds evidence as the assembler and resolve would hand it over, from the few values that a test is about. */
import type { Account } from '../../agent/src/annotate/annotated.js';
import { classPlaces } from '../../agent/src/annotate/account.js';
import type { ResolvedSpan } from '../../agent/src/resolve/resolved.js';
import type {
  CallTotal,
  KeptCall,
  SpanEvidence,
  SpanId,
  SpanIdentity,
  TraceId,
} from '../../agent/src/spans/evidence.js';
import { CallFlag, Class } from '../../agent/src/wire/layout.js';
import { syscallTable } from '../../agent/src/wire/syscall-table.js';

export const MS = 1e6;
export const STARTED_NS = 5_000_000_000n;
export const STARTED_UNIX_NS = 1_700_000_000_000_000_000n;

/** Times in nanoseconds by class name → the account's array. */
export function accountNs(times: Readonly<Record<string, number>>): number[] {
  const account = new Array<number>(Class.CLASSES).fill(0);
  for (const [name, ns] of Object.entries(times)) {
    const place = classPlaces.get(name);
    if (place === undefined) throw new Error(`no class ${name}`);
    account[place] = ns;
  }
  return account;
}

function numberOf(name: string): number {
  const number = syscallTable.numbers.get(name);
  if (number === undefined) throw new Error(`no system call ${name}`);
  return number;
}

export function callTotal(name: string, values: Partial<CallTotal> = {}): CallTotal {
  const { count = 1, timeNs = 0 } = values;
  return {
    number: numberOf(name),
    count,
    timeNs,
    maxNs: timeNs / count,
    blockedNs: 0,
    errors: [],
    ...values,
  };
}

/** atMs: after the start of the span. What is described by `fdKind` counts as looked at. */
export function keptCall(name: string, atMs: number, values: Partial<KeptCall> = {}): KeptCall {
  return {
    number: numberOf(name),
    tid: 100,
    startNs: STARTED_NS + BigInt(Math.round(atMs * MS)),
    durationNs: MS,
    result: 0n,
    args: [0n, 0n, 0n, 0n],
    flags: values.fdKind === undefined ? 0 : CallFlag.DETAIL,
    fdKind: 0,
    fd: 0,
    blockedUs: 0,
    runqueueUs: 0,
    fdInode: 0n,
    fdDevice: 0,
    localPort: 0,
    remotePort: 0,
    remoteAddress: new Uint8Array(16),
    ...values,
  };
}

export interface EvidenceValues extends Partial<Omit<SpanEvidence, 'span'>> {
  readonly span?: Partial<SpanIdentity>;
  /** By class name, in nanoseconds. */
  readonly own?: Readonly<Record<string, number>>;
  readonly inChildren?: Readonly<Record<string, number>>;
}

export function spanEvidence({
  span,
  own = {},
  inChildren = {},
  ...values
}: EvidenceValues = {}): SpanEvidence {
  const wallNs = values.wallNs ?? 100 * MS;
  const totals = values.totals ?? [];
  return {
    process: { pid: 100, startNs: 1n },
    tid: 100,
    resource: 1,
    startedNs: STARTED_NS,
    endedNs: STARTED_NS + BigInt(Math.round(wallNs)),
    wallNs,
    thresholdNs: 50 * MS,
    generation: 1,
    ruleUnknown: false,
    activeNs: wallNs,
    accountNs: accountNs(own),
    childAccountNs: accountNs(inChildren),
    children: 0,
    threads: [],
    callCount: totals.reduce((count, total) => count + total.count, 0),
    waits: [],
    waitCount: values.waits?.reduce((count, total) => count + total.count, 0) ?? 0,
    otherCalls: { count: 0, timeNs: 0 },
    otherWaits: { count: 0, timeNs: 0 },
    calls: [],
    capture: 'all',
    escalated: false,
    shared: false,
    runtimeKnown: false,
    state: 'ended',
    gaps: [],
    ...values,
    totals,
    span: {
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736' as TraceId,
      spanId: '00f067aa0ba902b7' as SpanId,
      parentSpanId: undefined,
      parentIsRemote: false,
      sampled: true,
      kind: 2,
      name: 'POST /orders',
      startUnixNs: STARTED_UNIX_NS,
      endUnixNs: STARTED_UNIX_NS + BigInt(Math.round(wallNs)),
      ...span,
    },
  };
}

export function resolvedSpan(evidence: SpanEvidence, values: Partial<ResolvedSpan> = {}): ResolvedSpan {
  return {
    evidence,
    resource: {
      attributes: { 'service.name': 'checkout', 'process.pid': 100 },
      serviceName: 'checkout',
      source: 'provider',
    },
    uid: 1000,
    threadNames: new Map([[100, 'MainThread']]),
    calls: evidence.calls.map(() => ({ filePath: undefined })),
    runtime: undefined,
    startedUnixNs: STARTED_UNIX_NS,
    ...values,
  };
}

/** The total of an account, `unaccounted` included, in nanoseconds. */
export function accountedNs({ total, unaccountedNs }: Account): number {
  return [...total.values()].reduce((sum, ns) => sum + ns, unaccountedNs);
}
