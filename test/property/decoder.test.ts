/** The decoder against bytes that no kernel side would send. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeBatch, FRAME_SIZE, type RecordSink } from '../../agent/src/wire/decode.js';
import { batchOf, callsRecord, partRecord, processRecord, spanRecord } from '../helpers/wire-bytes.js';
import * as arbitrary from './arbitrary-records.js';

interface Outcome {
  /** For each decoded record its kind and what was read. */
  readonly decoded: { kind: string; value: unknown }[];
  readonly malformed: string[];
}

function decode(batch: Uint8Array): Outcome {
  const decoded: Outcome['decoded'] = [];
  const malformed: string[] = [];
  const take =
    (kind: string) =>
    (...value: unknown[]): void => {
      decoded.push({ kind, value });
    };
  const sink: RecordSink = {
    process: take('process'),
    exit: take('exit'),
    resource: take('resource'),
    part: take('part'),
    calls: take('calls'),
    span: take('span'),
    malformed: (reason) => {
      malformed.push(reason);
    },
  };
  decodeBatch(batch, sink);
  return { decoded, malformed };
}

/** How many records the framing announces, and whether it breaks: written from the description of the framing. */
function framesOf(batch: Uint8Array): { whole: number; broken: boolean } {
  const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength);
  let whole = 0;
  for (let at = 0; at < bytes.length; whole++) {
    if (bytes.length - at < FRAME_SIZE) return { whole, broken: true };
    const size = bytes.readUInt32LE(at);
    if (size > bytes.length - at - FRAME_SIZE) return { whole, broken: true };
    at += FRAME_SIZE + size + ((8 - (size % 8)) % 8);
  }
  return { whole, broken: false };
}

function assertAllAccountedFor(batch: Uint8Array): Outcome {
  const outcome = decode(batch);
  const { whole, broken } = framesOf(batch);
  assert.equal(outcome.decoded.length + outcome.malformed.length, whole + (broken ? 1 : 0));
  assert.equal(outcome.malformed.filter((reason) => reason === 'frame').length, broken ? 1 : 0);
  return outcome;
}

const valid = fc.oneof(
  arbitrary.part.map(partRecord),
  arbitrary.calls.map(callsRecord),
  arbitrary.span.map(spanRecord),
  fc
    .record({ tgid: fc.nat(), startNs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) })
    .map((of) => processRecord(of)),
);

const batches = fc.array(valid, { minLength: 1, maxLength: 6 });

describe('the decoder', () => {
  it('reads back every value of what was written', () => {
    fc.assert(
      fc.property(arbitrary.part, arbitrary.calls, arbitrary.span, (part, calls, span) => {
        const { decoded, malformed } = decode(
          batchOf([partRecord(part), callsRecord(calls), spanRecord(span)]),
        );
        assert.deepEqual(malformed, []);
        const [readPart, readCalls, readSpan] = decoded.map(
          ({ value }) => value as Record<string, unknown>[],
        );
        const { totals, ...partValues } = part;
        assertHolds(readPart?.[0], partValues);
        assert.deepEqual(readPart?.[1], totals);
        assertHolds(readCalls?.[0], { serial: calls.serial, tid: calls.tid, order: calls.order });
        assert.deepEqual(readCalls?.[1], calls.calls);
        const {
          kind,
          spanFlags,
          resource,
          traceId,
          spanId,
          parentSpanId,
          startUnixNs,
          endUnixNs,
          name,
          ...values
        } = span;
        assertHolds(readSpan?.[0], values);
        const told = readSpan?.[0]?.['span'] as { nameLength: number; name: Uint8Array };
        assertHolds(told, { kind, flags: spanFlags, resource, traceId, spanId, parentSpanId });
        assertHolds(told, { startUnixNs, endUnixNs });
        assert.equal(Buffer.from(told.name).subarray(0, told.nameLength).toString(), name);
      }),
    );
  });

  it('never throws on random bytes, and decodes or counts every frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => void assertAllAccountedFor(bytes)),
      {
        numRuns: 2000,
      },
    );
  });

  it('never throws on random records in whole frames', () => {
    const header = fc.tuple(
      fc.nat({ max: 7 }),
      fc.nat({ max: 2 }),
      fc.uint8Array({ minLength: 8, maxLength: 2048 }),
    );
    const records = header.map(([type, version, bytes]) => {
      const view = Buffer.from(bytes);
      view.writeUInt16LE(type, 0);
      view.writeUInt16LE(version, 2);
      view.writeUInt32LE(view.length, 4);
      return view;
    });
    fc.assert(
      fc.property(fc.array(records, { maxLength: 8 }), (list) => {
        const { decoded, malformed } = assertAllAccountedFor(batchOf(list));
        assert.equal(decoded.length + malformed.length, list.length);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes what is whole of a batch that was cut off, and counts the cut', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (records, cut) => {
        const batch = batchOf(records);
        const length = cut % batch.length;
        const { decoded } = assertAllAccountedFor(batch.subarray(0, length));
        assert.deepEqual(decoded, decode(batch).decoded.slice(0, decoded.length));
        assert.equal(decoded.length, framesOf(batch.subarray(0, length)).whole);
      }),
      { numRuns: 500 },
    );
  });

  it('takes the records before a flipped bit as they are, and decodes or counts the rest', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (records, where) => {
        const batch = Buffer.from(batchOf(records));
        const bit = where % (batch.length * 8);
        const before = records.findIndex((_, i) => batchOf(records.slice(0, i + 1)).length > bit >> 3);
        const whole = decode(Buffer.from(batch)).decoded.slice(0, before);
        batch[bit >> 3] = (batch[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.deepEqual(assertAllAccountedFor(batch).decoded.slice(0, before), whole);
      }),
      { numRuns: 1000 },
    );
  });

  it('decodes a batch that lies anywhere in its memory', () => {
    fc.assert(
      fc.property(batches, fc.nat({ max: 16 }), (records, offset) => {
        const batch = batchOf(records);
        const memory = new Uint8Array(offset + batch.length + 8);
        memory.set(batch, offset);
        assert.deepEqual(decode(memory.subarray(offset, offset + batch.length)), decode(batch));
      }),
    );
  });
});

function assertHolds(read: unknown, written: object): void {
  for (const [name, value] of Object.entries(written)) {
    assert.deepEqual((read as Record<string, unknown>)[name], value, name);
  }
}
