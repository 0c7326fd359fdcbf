/**
 * Bytes of the ring buffer → records. A batch is what the native drain hands
 * over: for each record a u32 length, 4 bytes of padding, its bytes, padded to
 * 8. Nothing is assumed about the bytes: what does not hold is counted as
 * malformed and passed over; a batch whose framing is broken ends there.
 */
import {
  CallsOrder,
  RECORD_CALLS_CALLS,
  RECORD_CALLS_SIZE,
  RECORD_HEADER_SIZE,
  RECORD_PART_SIZE,
  RECORD_PART_TOTALS,
  RECORD_PROCESS_SIZE,
  RECORD_RESOURCE_SIZE,
  RECORD_SPAN_SIZE,
  RecordType,
  readCall,
  readRecordCalls,
  readRecordPart,
  readRecordProcess,
  readRecordResource,
  readRecordSpan,
  readTotal,
  type Call,
  type RecordCalls,
  type RecordPart,
  type RecordProcess,
  type RecordResource,
  type RecordSpan,
  type Total,
} from './layout.js';

/** SLT_RECORD_VERSION of schemas/wire/record.h: the one layout that this decoder knows. */
export const RECORD_VERSION = 1;

/** Bytes before each record in a batch. */
export const FRAME_SIZE = 8;

export type Malformed = 'frame' | 'size' | 'version' | 'type' | 'count';

/** Receives decoded records. Byte arrays in them are views into the batch. */
export interface RecordSink {
  process(record: RecordProcess): void;
  exit(record: RecordProcess): void;
  resource(record: RecordResource): void;
  part(record: RecordPart, totals: Total[]): void;
  calls(record: RecordCalls, calls: Call[]): void;
  span(record: RecordSpan): void;
  malformed(reason: Malformed): void;
}

function decodePart(view: DataView, at: number, size: number, sink: RecordSink): void {
  if (size < RECORD_PART_TOTALS.offset || size > RECORD_PART_SIZE) return sink.malformed('size');
  const record = readRecordPart(view, at);
  const { offset, stride, length } = RECORD_PART_TOTALS;
  const used = record.totalsUsed;
  if (used > length || offset + used * stride > size) return sink.malformed('count');
  const totals: Total[] = [];
  for (let i = 0; i < used; i++) totals.push(readTotal(view, at + offset + i * stride));
  sink.part(record, totals);
}

function decodeCalls(view: DataView, at: number, size: number, sink: RecordSink): void {
  if (size < RECORD_CALLS_CALLS.offset || size > RECORD_CALLS_SIZE) return sink.malformed('size');
  const record = readRecordCalls(view, at);
  const { offset, stride, length } = RECORD_CALLS_CALLS;
  if (record.used > length || offset + record.used * stride > size) return sink.malformed('count');
  if (record.order !== CallsOrder.SLOWEST && record.order !== CallsOrder.LATEST)
    return sink.malformed('type');
  const calls: Call[] = [];
  for (let i = 0; i < record.used; i++) calls.push(readCall(view, at + offset + i * stride));
  sink.calls(record, calls);
}

function decodeRecord(view: DataView, at: number, size: number, sink: RecordSink): void {
  if (size < RECORD_HEADER_SIZE) return sink.malformed('size');
  const type = view.getUint16(at, true);
  if (view.getUint16(at + 2, true) !== RECORD_VERSION) return sink.malformed('version');
  if (view.getUint32(at + 4, true) !== size) return sink.malformed('size');
  switch (type) {
    case RecordType.SPAN:
      return size === RECORD_SPAN_SIZE ? sink.span(readRecordSpan(view, at)) : sink.malformed('size');
    case RecordType.PART:
      return decodePart(view, at, size, sink);
    case RecordType.CALLS:
      return decodeCalls(view, at, size, sink);
    case RecordType.RESOURCE:
      return size === RECORD_RESOURCE_SIZE
        ? sink.resource(readRecordResource(view, at))
        : sink.malformed('size');
    case RecordType.PROCESS:
      return size === RECORD_PROCESS_SIZE
        ? sink.process(readRecordProcess(view, at))
        : sink.malformed('size');
    case RecordType.EXIT:
      return size === RECORD_PROCESS_SIZE ? sink.exit(readRecordProcess(view, at)) : sink.malformed('size');
    default:
      return sink.malformed('type');
  }
}

/** Decodes every record of a batch into the sink. Never throws on account of the bytes. */
export function decodeBatch(batch: Uint8Array, sink: RecordSink): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  let at = 0;
  while (at < batch.byteLength) {
    if (at + FRAME_SIZE > batch.byteLength) return sink.malformed('frame');
    const size = view.getUint32(at, true);
    at += FRAME_SIZE;
    if (size > batch.byteLength - at) return sink.malformed('frame');
    decodeRecord(view, at, size, sink);
    at += Math.ceil(size / 8) * 8;
  }
}
