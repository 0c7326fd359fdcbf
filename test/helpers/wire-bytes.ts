/**
 * Writes records as the kernel side does: the layouts of schemas/wire/record.h, by hand, so that the generated reader is
 * held against the header and not against itself.
 */
import {
  CALL_SIZE,
  RECORD_CALLS_CALLS,
  RECORD_CALLS_SIZE,
  RECORD_PART_TOTALS,
  RECORD_PROCESS_SIZE,
  RECORD_RESOURCE_SIZE,
  RECORD_SPAN_SIZE,
  RecordSpanFlag,
  RecordType,
  TOTAL_SIZE,
  type Call,
  type Total,
} from '../../agent/src/wire/layout.js';
import { FRAME_SIZE, RECORD_VERSION } from '../../agent/src/wire/decode.js';

function record(type: number, size: number, fill: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  view.setUint16(0, type, true);
  view.setUint16(2, RECORD_VERSION, true);
  view.setUint32(4, size, true);
  fill(view);
  return new Uint8Array(view.buffer);
}

function setTimes(view: DataView, at: number, times: readonly number[]): void {
  times.forEach((time, i) => view.setBigUint64(at + 8 * i, BigInt(time), true));
}

function setBytes(view: DataView, at: number, bytes: Uint8Array): void {
  new Uint8Array(view.buffer, at, bytes.length).set(bytes);
}

export interface ProcessValues {
  readonly tgid: number;
  readonly uid?: number;
  readonly startNs: bigint;
  readonly cgroupId?: bigint;
  readonly execId?: bigint;
}

export function processRecord(
  { tgid, uid = 0, startNs, cgroupId = 0n, execId = 0n }: ProcessValues,
  type: number = RecordType.PROCESS,
): Uint8Array {
  return record(type, RECORD_PROCESS_SIZE, (view) => {
    view.setUint32(8, tgid, true);
    view.setUint32(12, uid, true);
    view.setBigUint64(16, startNs, true);
    view.setBigUint64(24, cgroupId, true);
    view.setBigUint64(40, execId, true);
  });
}

export function resourceRecord(tgid: number, startNs: bigint, number: number, text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return record(RecordType.RESOURCE, RECORD_RESOURCE_SIZE, (view) => {
    view.setUint32(8, tgid, true);
    view.setBigUint64(16, startNs, true);
    view.setUint8(24, 1);
    view.setUint16(26, bytes.length, true);
    view.setUint32(28, number, true);
    setBytes(view, 32, bytes);
  });
}

export interface PartValues {
  readonly serial: bigint;
  readonly tid: number;
  readonly flags?: number;
  readonly joinedNs?: bigint;
  readonly accountNs?: readonly number[];
  readonly calls?: number;
  readonly otherNs?: number;
  readonly otherCount?: number;
  readonly totals?: readonly Total[];
}

export function partRecord({ totals = [], ...part }: PartValues): Uint8Array {
  return record(RecordType.PART, RECORD_PART_TOTALS.offset + totals.length * TOTAL_SIZE, (view) => {
    view.setBigUint64(8, part.serial, true);
    view.setUint32(16, part.tid, true);
    view.setUint32(20, part.flags ?? 0, true);
    view.setBigUint64(24, part.joinedNs ?? 0n, true);
    setTimes(view, 40, part.accountNs ?? []);
    setTimes(view, 184, [part.calls ?? 0, part.otherNs ?? 0]);
    view.setUint32(200, part.otherCount ?? 0, true);
    view.setUint32(204, totals.length, true);
    totals.forEach(({ number, error, count, timeNs, maxNs, blockedNs }, i) => {
      const at = RECORD_PART_TOTALS.offset + i * TOTAL_SIZE;
      view.setUint16(at, number, true);
      view.setUint16(at + 2, error, true);
      view.setUint32(at + 4, count, true);
      setTimes(view, at + 8, [timeNs, maxNs, blockedNs]);
    });
  });
}

export interface CallsValues {
  readonly serial: bigint;
  readonly tid: number;
  readonly order: number;
  readonly calls: readonly Partial<Call>[];
}

export function callsRecord({ serial, tid, order, calls }: CallsValues): Uint8Array {
  const size = Math.min(RECORD_CALLS_SIZE, RECORD_CALLS_CALLS.offset + calls.length * CALL_SIZE);
  return record(RecordType.CALLS, size, (view) => {
    view.setBigUint64(8, serial, true);
    view.setUint32(16, tid, true);
    view.setUint16(20, order, true);
    view.setUint16(22, calls.length, true);
    calls.forEach((call, i) => {
      const at = RECORD_CALLS_CALLS.offset + i * CALL_SIZE;
      view.setBigUint64(at, call.startNs ?? 0n, true);
      setTimes(view, at + 8, [call.durationNs ?? 0]);
      view.setBigInt64(at + 16, call.result ?? 0n, true);
      call.args?.forEach((argument, n) => view.setBigUint64(at + 24 + 8 * n, argument, true));
      view.setUint16(at + 56, call.number ?? 0, true);
      view.setUint8(at + 58, call.flags ?? 0);
      view.setUint8(at + 59, call.fdKind ?? 0);
      view.setUint32(at + 60, call.fd ?? 0, true);
      view.setUint32(at + 64, call.blockedUs ?? 0, true);
      view.setUint32(at + 68, call.runqueueUs ?? 0, true);
      view.setBigUint64(at + 72, call.fdInode ?? 0n, true);
      view.setUint32(at + 80, call.fdDevice ?? 0, true);
      view.setUint16(at + 84, call.localPort ?? 0, true);
      view.setUint16(at + 86, call.remotePort ?? 0, true);
      if (call.remoteAddress !== undefined) setBytes(view, at + 88, call.remoteAddress);
    });
  });
}

export interface SpanValues {
  readonly serial: bigint;
  readonly tgid?: number;
  readonly tid?: number;
  readonly processStartNs?: bigint;
  readonly startedNs?: bigint;
  readonly endedNs?: bigint;
  readonly thresholdNs?: number;
  readonly activeNs?: number;
  readonly accountNs?: readonly number[];
  readonly childAccountNs?: readonly number[];
  readonly flags?: number;
  readonly generation?: number;
  readonly partsSent?: number;
  readonly children?: number;
  /** Of struct slt_span. */
  readonly kind?: number;
  readonly spanFlags?: number;
  readonly resource?: number;
  readonly traceId?: Uint8Array;
  readonly spanId?: Uint8Array;
  readonly parentSpanId?: Uint8Array;
  readonly startUnixNs?: bigint;
  readonly endUnixNs?: bigint;
  readonly name?: string;
}

export function spanRecord(span: SpanValues): Uint8Array {
  const name = Buffer.from(span.name ?? '');
  return record(RecordType.SPAN, RECORD_SPAN_SIZE, (view) => {
    view.setBigUint64(8, span.serial, true);
    view.setUint32(24, span.tgid ?? 0, true);
    view.setUint32(28, span.tid ?? 0, true);
    view.setBigUint64(32, span.processStartNs ?? 0n, true);
    view.setBigUint64(40, span.startedNs ?? 0n, true);
    view.setBigUint64(48, span.endedNs ?? 0n, true);
    setTimes(view, 56, [span.thresholdNs ?? 0, span.activeNs ?? 0]);
    setTimes(view, 72, span.accountNs ?? []);
    setTimes(view, 240, span.childAccountNs ?? []);
    view.setUint32(408, span.flags ?? RecordSpanFlag.CAPTURE_ALL, true);
    view.setUint32(412, span.generation ?? 0, true);
    view.setUint32(416, span.partsSent ?? 0, true);
    view.setUint32(420, span.children ?? 0, true);
    view.setUint8(424, 1);
    view.setUint8(425, span.kind ?? 0);
    view.setUint8(426, span.spanFlags ?? 0);
    view.setUint8(427, name.length);
    view.setUint32(428, span.resource ?? 0, true);
    if (span.traceId !== undefined) setBytes(view, 432, span.traceId);
    if (span.spanId !== undefined) setBytes(view, 448, span.spanId);
    if (span.parentSpanId !== undefined) setBytes(view, 456, span.parentSpanId);
    view.setBigUint64(464, span.startUnixNs ?? 0n, true);
    view.setBigUint64(472, span.endUnixNs ?? 0n, true);
    setBytes(view, 480, name);
  });
}

/** In the framing of the native drain. */
export function batchOf(records: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    records.map((bytes) => {
      const framed = Buffer.alloc(FRAME_SIZE + Math.ceil(bytes.length / 8) * 8);
      framed.writeUInt32LE(bytes.length);
      framed.set(bytes, FRAME_SIZE);
      return framed;
    }),
  );
}
