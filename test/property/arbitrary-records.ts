/** Arbitrary records of slow spans, in the order in which one CPU sends them. */
import fc from 'fast-check';
import { CallsOrder, Class, type Call, type Total } from '../../agent/src/wire/layout.js';
import {
  callsRecord,
  partRecord,
  spanRecord,
  type CallsValues,
  type PartValues,
  type SpanValues,
} from '../helpers/wire-bytes.js';

/** As the decoder makes its objects. */
const plain = { noNullPrototype: true } as const;

/** Times are below a day. */
const ns = fc.nat({ max: 2 ** 46 });
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

/** SLT_ERROR_WAIT */
export const ERROR_WAIT = 0xffff;

export const total: fc.Arbitrary<Total> = fc.record(
  {
    number: fc.nat({ max: 511 }),
    error: fc.oneof(fc.constant(0), fc.nat({ max: 133 }), fc.constant(ERROR_WAIT)),
    count: fc.nat({ max: 2 ** 20 }),
    timeNs: ns,
    maxNs: ns,
    blockedNs: ns,
  },
  plain,
);

const call: fc.Arbitrary<Call> = fc.record(
  {
    startNs: u64,
    durationNs: ns,
    result: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    args: fc.array(u64, { minLength: 4, maxLength: 4 }),
    number: u16,
    flags: fc.constantFrom(0, 1, 2, 3),
    fdKind: fc.nat({ max: 16 }),
    fd: u32,
    blockedUs: u32,
    runqueueUs: u32,
    fdInode: u64,
    fdDevice: u32,
    localPort: u16,
    remotePort: u16,
    remoteAddress: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  },
  plain,
);

const times = (length: number): fc.Arbitrary<number[]> =>
  fc.array(ns, { minLength: length, maxLength: length });

export const part: fc.Arbitrary<PartValues> = fc.record(
  {
    serial: u64,
    tid: u32,
    flags: fc.nat({ max: 7 }),
    joinedNs: u64,
    accountNs: times(Class.THREAD_CLASSES),
    calls: ns,
    otherNs: ns,
    otherCount: u32,
    totals: fc.array(total, { maxLength: 48 }),
  },
  plain,
);

export const calls: fc.Arbitrary<CallsValues> = fc.record(
  {
    serial: u64,
    tid: u32,
    order: fc.constantFrom(CallsOrder.SLOWEST, CallsOrder.LATEST),
    calls: fc.array(call, { maxLength: 16 }),
  },
  plain,
);

export const span: fc.Arbitrary<SpanValues> = fc.record(
  {
    serial: u64,
    tgid: u32,
    tid: u32,
    processStartNs: u64,
    startedNs: u64,
    endedNs: u64,
    thresholdNs: ns,
    activeNs: ns,
    accountNs: times(Class.CLASSES),
    childAccountNs: times(Class.CLASSES),
    flags: fc.nat({ max: 0xff }),
    generation: u32,
    children: u32,
    kind: fc.nat({ max: 5 }),
    spanFlags: fc.nat({ max: 3 }),
    resource: fc.nat({ max: 63 }),
    traceId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    spanId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    parentSpanId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    startUnixNs: u64,
    endUnixNs: u64,
    name: fc.string({ maxLength: 64 }),
  },
  plain,
);

/** What a CPU sends of one span, in its order: each part with its calls, the span last. */
export function spanRecords(serial: bigint): fc.Arbitrary<Uint8Array[]> {
  const ofThread = fc.tuple(part, fc.array(calls, { maxLength: 2 }));
  return fc
    .tuple(fc.array(ofThread, { maxLength: 3 }), span)
    .map(([threads, ended]) => [
      ...threads.flatMap(([of, kept], thread) => [
        ...kept.map((some) => callsRecord({ ...some, serial, tid: thread })),
        partRecord({ ...of, serial, tid: thread }),
      ]),
      spanRecord({ ...ended, serial, partsSent: threads.length }),
    ]);
}
