/**
 * Records → evidence. Pure: no clock, no I/O. The parts of a span arrive before
 * the span itself, so a span is whole when its own record is seen; parts whose
 * span never comes (it did not fit into the ring) are let go after a bounded number of others.
 */
import { decodeBatch, type Malformed, type RecordSink } from '../wire/decode.js';
import {
  CallFlag,
  CallsOrder,
  Class,
  FdKind,
  PartFlag,
  RecordSpanFlag,
  type Call,
  type RecordCalls,
  type RecordPart,
  type RecordProcess,
  type RecordResource,
  type RecordSpan,
  type Total,
} from '../wire/layout.js';
import { nativeNumber } from '../wire/syscall-table-compat.js';
import type {
  Amount,
  Gap,
  KeptCall,
  ProcessKey,
  SpanEvidence,
  SpanId,
  SpanIdentity,
  SpanKindNumber,
  ThreadShare,
  TraceId,
} from './evidence.js';
import { addTotals, addWaits } from './totals.js';

/** A process that hit a probe for the first time, or has gone. */
export interface ProcessEvent {
  readonly process: ProcessKey;
  readonly uid: number;
  readonly cgroupId: bigint;
  /** Grows with each execve(2) of the process. */
  readonly program: bigint;
}

/** What a provider said of itself: key and value pairs in its order. */
export interface ToldResource {
  readonly process: ProcessKey;
  readonly number: number;
  readonly attributes: readonly (readonly [key: string, value: string])[];
}

export interface AssemblerListener {
  processStarted(event: ProcessEvent): void;
  processEnded(event: ProcessEvent): void;
  resource(resource: ToldResource): void;
  span(evidence: SpanEvidence): void;
}

export interface AssemblerStats {
  readonly records: number;
  readonly spans: number;
  readonly malformed: ReadonlyMap<Malformed, number>;
  /** Parts and calls that were let go since their span never came. */
  readonly orphans: number;
}

/** Spans of which parts have arrived and the span has not: more than can be under way on all CPUs at once. */
const MOST_PENDING = 4096;

/** SLT_SPAN_SAMPLED and SLT_SPAN_PARENT_REMOTE of schemas/wire/probe.h. */
const SAMPLED = 0x01;
const PARENT_REMOTE = 0x02;

interface Pending {
  readonly parts: { record: RecordPart; totals: Total[] }[];
  /** Copies: what waits for its span must not keep whole batches, of which it is a small part. */
  readonly calls: { order: number; calls: KeptCall[] }[];
}

const decoder = new TextDecoder();

const HEX_PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

/** An id has at most 16 bytes: putting it together here costs less than a Buffer over them and a call of its own. */
function hex(bytes: Uint8Array): string {
  let digits = '';
  for (const byte of bytes) digits += HEX_PAIRS[byte] ?? '';
  return digits;
}

function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

function identity({ span }: RecordSpan): SpanIdentity {
  return {
    traceId: hex(span.traceId) as TraceId,
    spanId: hex(span.spanId) as SpanId,
    parentSpanId: isZero(span.parentSpanId) ? undefined : (hex(span.parentSpanId) as SpanId),
    parentIsRemote: (span.flags & PARENT_REMOTE) !== 0,
    sampled: (span.flags & SAMPLED) !== 0,
    kind: (span.kind <= 5 ? span.kind : 0) as SpanKindNumber,
    name: decoder.decode(span.name.subarray(0, Math.min(span.nameLength, span.name.length))),
    startUnixNs: span.startUnixNs,
    endUnixNs: span.endUnixNs === 0n ? undefined : span.endUnixNs,
  };
}

const NO_ADDRESS = new Uint8Array(16);

/**
 * The kernel writes the members of the descriptor only where it looked at it; before that they are what an earlier call
 * left. Written out member by member: this runs for every kept call, and a spread costs several times as much.
 */
function keptCall(call: Call, tid: number): KeptCall {
  const looked = (call.flags & CallFlag.DETAIL) !== 0;
  return {
    startNs: call.startNs,
    durationNs: call.durationNs,
    result: call.result,
    args: call.args,
    number: nativeNumber(call.number),
    flags: call.flags,
    fdKind: call.fdKind,
    fd: looked || call.fdKind !== FdKind.UNSEEN ? call.fd : 0,
    blockedUs: call.blockedUs,
    runqueueUs: call.runqueueUs,
    fdInode: looked ? call.fdInode : 0n,
    fdDevice: looked ? call.fdDevice : 0,
    localPort: looked ? call.localPort : 0,
    remotePort: looked ? call.remotePort : 0,
    // A copy: the record's memory is the batch's, which would stay with it.
    remoteAddress: looked ? call.remoteAddress.slice() : NO_ADDRESS,
    tid,
  };
}

function byStart(a: KeptCall, b: KeptCall): number {
  return a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0;
}

/** Whether the last of `kept` hold the same call: all that began with it lie together. */
function endsWith(kept: readonly KeptCall[], call: KeptCall): boolean {
  for (let i = kept.length - 1; i >= 0; i--) {
    const other = kept[i];
    if (other === undefined || other.startNs !== call.startNs) return false;
    if (other.tid === call.tid && other.number === call.number) return true;
  }
  return false;
}

/** The slowest bring their descriptors, so they win over the same call among the latest: the order of a sort is stable. */
function keptCalls(pending: Pending): KeptCall[] {
  const all: KeptCall[] = [];
  for (const { order, calls } of pending.calls) if (order === CallsOrder.SLOWEST) all.push(...calls);
  for (const { order, calls } of pending.calls) if (order === CallsOrder.LATEST) all.push(...calls);
  all.sort(byStart);
  const kept: KeptCall[] = [];
  for (const call of all) if (!endsWith(kept, call)) kept.push(call);
  return kept;
}

/** In the order of Gap. Of most spans nothing is missing: no list of questions is made to find that out. */
function gaps({ flags, partsSent }: RecordSpan, { parts }: Pending): Gap[] {
  let ofParts = 0;
  for (const { record } of parts) ofParts |= record.flags;
  const found: Gap[] = [];
  if ((flags & RecordSpanFlag.UNATTACHED) !== 0) found.push('tracepoints_attached_late');
  if ((flags & RecordSpanFlag.PARTS_LEFT_OUT) !== 0) found.push('threads_left_out');
  if ((flags & RecordSpanFlag.ACTIVITY_RACED) !== 0) found.push('activity_raced');
  if ((flags & RecordSpanFlag.CALLS_LEFT_OUT) !== 0) found.push('child_calls_left_out');
  if ((flags & RecordSpanFlag.PARTS_LOST) !== 0 || parts.length < partsSent) found.push('records_lost');
  if ((flags & RecordSpanFlag.STARTER_GONE) !== 0) found.push('starter_exited');
  if ((flags & RecordSpanFlag.SWITCH_MISSED) !== 0 || (ofParts & PartFlag.LOST) !== 0)
    found.push('switch_missed');
  if ((ofParts & PartFlag.TORN) !== 0) found.push('calls_torn');
  return found;
}

function state({ flags }: RecordSpan): SpanEvidence['state'] {
  if ((flags & RecordSpanFlag.PROCESS_DIED) !== 0) return 'process_died';
  return (flags & RecordSpanFlag.ABANDONED) !== 0 ? 'abandoned' : 'ended';
}

function capture({ flags }: RecordSpan): SpanEvidence['capture'] {
  if ((flags & RecordSpanFlag.CAPTURE_CHANGED) !== 0) return 'mixed';
  return (flags & RecordSpanFlag.CAPTURE_ALL) !== 0 ? 'all' : 'blocking';
}

const NONE: Amount = { count: 0, timeNs: 0 };

/** A thread that only ended fast children of the span has a part for their calls. */
function hasWorked({ record }: Pending['parts'][number]): boolean {
  return (record.flags & PartFlag.ABSORBED) === 0 || record.accountNs.some((ns) => ns > 0);
}

function evidenceOf(record: RecordSpan, pending: Pending): SpanEvidence {
  const threads: ThreadShare[] = [];
  let calls = 0;
  const others = { count: 0, timeNs: 0 };
  for (const part of pending.parts) {
    const { tid, joinedNs, accountNs } = part.record;
    if (hasWorked(part)) threads.push({ tid, joinedNs, accountNs: accountNs.slice(0, Class.THREAD_CLASSES) });
    calls += part.record.calls;
    others.count += part.record.otherCount;
    others.timeNs += part.record.otherNs;
  }
  const mode = capture(record);
  const waits = addWaits(pending.parts);
  // What found no room among the totals is counted together: of a span with both, as calls.
  const otherWaits = mode === 'blocking' ? others : NONE;
  const waitCount = waits.reduce((total, { count }) => total + count, otherWaits.count);
  return {
    span: identity(record),
    process: { pid: record.tgid, startNs: record.processStartNs },
    tid: record.tid,
    resource: record.span.resource,
    startedNs: record.startedNs,
    endedNs: record.endedNs,
    wallNs: Number(record.endedNs - record.startedNs),
    thresholdNs: record.thresholdNs,
    generation: record.generation,
    ruleUnknown: (record.flags & RecordSpanFlag.RULE_UNKNOWN) !== 0,
    activeNs: record.activeNs,
    accountNs: record.accountNs,
    childAccountNs: record.childAccountNs,
    children: record.children,
    threads,
    totals: addTotals(pending.parts),
    waits,
    callCount: calls - waitCount,
    waitCount,
    otherCalls: mode === 'blocking' ? NONE : others,
    otherWaits,
    calls: keptCalls(pending),
    capture: mode,
    escalated: (record.flags & RecordSpanFlag.ESCALATED) !== 0,
    shared: (record.flags & RecordSpanFlag.SHARED) !== 0,
    runtimeKnown: (record.flags & RecordSpanFlag.RUNTIME_KNOWN) !== 0,
    state: state(record),
    gaps: gaps(record, pending),
  };
}

function processEvent(record: RecordProcess): ProcessEvent {
  return {
    process: { pid: record.tgid, startNs: record.startNs },
    uid: record.uid,
    cgroupId: record.cgroupId,
    program: record.execId,
  };
}

function toldResource(record: RecordResource): ToldResource {
  const { length, number, text } = record.resource;
  const words = decoder.decode(text.subarray(0, Math.min(length, text.length))).split('\0');
  const attributes: [string, string][] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    const key = words[i];
    const value = words[i + 1];
    if (key !== undefined && key !== '' && value !== undefined) attributes.push([key, value]);
  }
  return { process: { pid: record.tgid, startNs: record.startNs }, number, attributes };
}

export class Assembler implements RecordSink {
  /** By serial number, the oldest first. */
  readonly #pending = new Map<bigint, Pending>();
  readonly #malformed = new Map<Malformed, number>();
  #records = 0;
  #spans = 0;
  #orphans = 0;

  constructor(private readonly listener: AssemblerListener) {}

  /** Takes a batch in the framing of wire/decode.ts. */
  batch(bytes: Uint8Array): void {
    decodeBatch(bytes, this);
  }

  stats(): AssemblerStats {
    return { records: this.#records, spans: this.#spans, malformed: this.#malformed, orphans: this.#orphans };
  }

  process(record: RecordProcess): void {
    this.#records++;
    this.listener.processStarted(processEvent(record));
  }

  exit(record: RecordProcess): void {
    this.#records++;
    this.listener.processEnded(processEvent(record));
  }

  resource(record: RecordResource): void {
    this.#records++;
    // Number 0: the kernel side could not read it.
    if (record.resource.number !== 0) this.listener.resource(toldResource(record));
  }

  part(record: RecordPart, totals: Total[]): void {
    this.#records++;
    this.#pendingOf(record.serial).parts.push({ record, totals });
  }

  calls(record: RecordCalls, calls: Call[]): void {
    this.#records++;
    this.#pendingOf(record.serial).calls.push({
      order: record.order,
      calls: calls.map((call) => keptCall(call, record.tid)),
    });
  }

  span(record: RecordSpan): void {
    this.#records++;
    this.#spans++;
    const pending = this.#pending.get(record.serial) ?? { parts: [], calls: [] };
    this.#pending.delete(record.serial);
    this.listener.span(evidenceOf(record, pending));
  }

  malformed(reason: Malformed): void {
    this.#malformed.set(reason, (this.#malformed.get(reason) ?? 0) + 1);
  }

  #pendingOf(serial: bigint): Pending {
    const known = this.#pending.get(serial);
    if (known !== undefined) return known;
    if (this.#pending.size >= MOST_PENDING) this.#dropOldest();
    const fresh: Pending = { parts: [], calls: [] };
    this.#pending.set(serial, fresh);
    return fresh;
  }

  #dropOldest(): void {
    for (const [serial, { parts, calls }] of this.#pending) {
      this.#orphans += parts.length + calls.length;
      this.#pending.delete(serial);
      return;
    }
  }
}
