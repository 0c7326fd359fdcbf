import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Assembler, type ProcessEvent, type ToldResource } from '../../agent/src/spans/assembler.js';
import type { SpanEvidence } from '../../agent/src/spans/evidence.js';
import {
  CallFlag,
  CallsOrder,
  Class,
  FdKind,
  PartFlag,
  RecordSpanFlag,
  RecordType,
} from '../../agent/src/wire/layout.js';
import {
  batchOf,
  callsRecord,
  partRecord,
  processRecord,
  resourceRecord,
  spanRecord,
  type SpanValues,
} from '../helpers/wire-bytes.js';

interface Heard {
  readonly assembler: Assembler;
  readonly spans: SpanEvidence[];
  readonly started: ProcessEvent[];
  readonly ended: ProcessEvent[];
  readonly resources: ToldResource[];
  readonly take: (...records: Uint8Array[]) => void;
}

function listening(): Heard {
  const spans: SpanEvidence[] = [];
  const started: ProcessEvent[] = [];
  const ended: ProcessEvent[] = [];
  const resources: ToldResource[] = [];
  const assembler = new Assembler({
    processStarted: (event) => started.push(event),
    processEnded: (event) => ended.push(event),
    resource: (told) => resources.push(told),
    span: (evidence) => spans.push(evidence),
  });
  const take = (...records: Uint8Array[]): void => assembler.batch(batchOf(records));
  return { assembler, spans, started, ended, resources, take };
}

/** The evidence of one span, from its records. */
function evidenceOf(span: Partial<SpanValues>, ...before: Uint8Array[]): SpanEvidence {
  const { spans, take } = listening();
  take(...before, spanRecord({ serial: 1n, ...span }));
  const [evidence] = spans;
  assert.ok(evidence !== undefined && spans.length === 1);
  return evidence;
}

const total = { number: 0, error: 0, count: 1, timeNs: 10, maxNs: 10, blockedNs: 0 };

describe('the assembler', () => {
  it('tells the identity of a span as its library told it', () => {
    const { span } = evidenceOf({
      traceId: Buffer.from('4bf92f3577b34da6a3ce929d0e0e4736', 'hex'),
      spanId: Buffer.from('00f067aa0ba902b7', 'hex'),
      parentSpanId: Buffer.from('0000000000000001', 'hex'),
      spanFlags: 0x03,
      kind: 2,
      name: 'GET /größe',
      startUnixNs: 1_700_000_000_000_000_001n,
      endUnixNs: 1_700_000_000_000_000_002n,
    });
    assert.deepEqual(span, {
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      parentSpanId: '0000000000000001',
      parentIsRemote: true,
      sampled: true,
      kind: 2,
      name: 'GET /größe',
      startUnixNs: 1_700_000_000_000_000_001n,
      endUnixNs: 1_700_000_000_000_000_002n,
    });
  });

  it('knows a root span, a span that is not sampled, and one that never ended', () => {
    const { span, state } = evidenceOf({ flags: RecordSpanFlag.PROCESS_DIED });
    assert.equal(span.parentSpanId, undefined);
    assert.equal(span.sampled, false);
    assert.equal(span.endUnixNs, undefined);
    assert.equal(state, 'process_died');
    assert.equal(evidenceOf({ flags: RecordSpanFlag.ABANDONED }).state, 'abandoned');
    assert.equal(evidenceOf({}).state, 'ended');
  });

  it('takes a kind that it does not know for unspecified', () => {
    assert.equal(evidenceOf({ kind: 77 }).span.kind, 0);
  });

  it('adds totals up over threads, and errors by errno', () => {
    const { totals, callCount, otherCalls, threads } = evidenceOf(
      { partsSent: 2 },
      partRecord({
        serial: 1n,
        tid: 10,
        calls: 8,
        otherCount: 1,
        otherNs: 5,
        totals: [
          { ...total, count: 3, timeNs: 30, maxNs: 20, blockedNs: 7 },
          { ...total, error: 2, count: 4, timeNs: 8, maxNs: 3 },
        ],
      }),
      partRecord({
        serial: 1n,
        tid: 11,
        calls: 6,
        otherCount: 2,
        otherNs: 7,
        totals: [
          { ...total, error: 2, count: 1, timeNs: 2, maxNs: 2 },
          { ...total, error: 11, count: 9, timeNs: 9, maxNs: 1 },
          { ...total, number: 1, count: 1, timeNs: 500, maxNs: 500 },
        ],
      }),
    );
    assert.deepEqual(totals, [
      { number: 1, count: 1, timeNs: 500, maxNs: 500, blockedNs: 0, errors: [] },
      {
        number: 0,
        count: 17,
        timeNs: 49,
        maxNs: 20,
        blockedNs: 7,
        errors: [
          { errno: 11, count: 9 },
          { errno: 2, count: 5 },
        ],
      },
    ]);
    assert.equal(callCount, 14);
    assert.deepEqual(otherCalls, { count: 3, timeNs: 12 });
    assert.deepEqual(
      threads.map(({ tid, accountNs }) => [tid, accountNs.length]),
      [
        [10, Class.THREAD_CLASSES],
        [11, Class.THREAD_CLASSES],
      ],
    );
  });

  it('keeps waits apart from calls, under one number whichever table the call came through', () => {
    const nanosleep = { number: 35, error: 0xffff, count: 2, timeNs: 20, maxNs: 15, blockedNs: 20 };
    const totals = [
      nanosleep,
      // Of the 32-bit table.
      { ...nanosleep, number: 512 + 162, count: 1, timeNs: 30, maxNs: 30 },
      { number: 35, error: 0, count: 1, timeNs: 7, maxNs: 7, blockedNs: 5 },
      { number: 512 + 162, error: 4, count: 2, timeNs: 9, maxNs: 8, blockedNs: 6 },
    ];
    const evidence = evidenceOf(
      { partsSent: 1, flags: RecordSpanFlag.CAPTURE_ALL | RecordSpanFlag.CAPTURE_CHANGED },
      partRecord({ serial: 1n, tid: 1, calls: 6, totals }),
    );
    assert.deepEqual(evidence.waits, [{ number: 35, count: 3, timeNs: 50, maxNs: 30 }]);
    assert.deepEqual(evidence.totals, [
      { number: 35, count: 3, timeNs: 16, maxNs: 8, blockedNs: 11, errors: [{ errno: 4, count: 2 }] },
    ]);
    assert.deepEqual([evidence.callCount, evidence.waitCount, evidence.capture], [3, 3, 'mixed']);
  });

  it('keeps a call that is among the slowest and the latest once, with its descriptor', () => {
    const call = { startNs: 100n, number: 0, durationNs: 50, fdKind: FdKind.TCP, fd: 9 };
    const { calls } = evidenceOf(
      { partsSent: 1 },
      callsRecord({
        serial: 1n,
        tid: 10,
        order: CallsOrder.LATEST,
        calls: [call, { startNs: 90n, number: 3, fdKind: FdKind.UNSEEN, fd: 77, localPort: 8080 }],
      }),
      callsRecord({
        serial: 1n,
        tid: 10,
        order: CallsOrder.SLOWEST,
        calls: [{ ...call, flags: CallFlag.DETAIL, fdInode: 5n, localPort: 80 }],
      }),
      partRecord({ serial: 1n, tid: 10, calls: 2 }),
    );
    assert.deepEqual(
      calls.map(({ startNs, number, tid, fdInode, localPort, fd }) => [
        startNs,
        number,
        tid,
        fdInode,
        localPort,
        fd,
      ]),
      [
        // What was not looked at is what an earlier call left there: nothing is told of it.
        [90n, 3, 10, 0n, 0, 0],
        [100n, 0, 10, 5n, 80, 9],
      ],
    );
  });

  it('tells apart calls of two threads at the same instant', () => {
    const both = [10, 11].map((tid) =>
      callsRecord({ serial: 1n, tid, order: CallsOrder.SLOWEST, calls: [{ startNs: 5n, number: 0 }] }),
    );
    assert.deepEqual(
      evidenceOf({}, ...both).calls.map(({ tid }) => tid),
      [10, 11],
    );
  });

  it('names each gap of the evidence', () => {
    const part = partRecord({ serial: 1n, tid: 1 });
    const gapsOf = (span: Partial<SpanValues>, ...parts: Uint8Array[]): readonly string[] =>
      evidenceOf(span, ...parts).gaps;
    assert.deepEqual(gapsOf({ partsSent: 1 }, part), []);
    assert.deepEqual(gapsOf({ flags: RecordSpanFlag.UNATTACHED }), ['tracepoints_attached_late']);
    assert.deepEqual(gapsOf({ flags: RecordSpanFlag.PARTS_LEFT_OUT }), ['threads_left_out']);
    assert.deepEqual(gapsOf({ flags: RecordSpanFlag.PARTS_LOST }), ['records_lost']);
    assert.deepEqual(gapsOf({ partsSent: 2 }, part), ['records_lost'], 'a part that did not arrive');
    assert.deepEqual(gapsOf({ flags: RecordSpanFlag.STARTER_GONE }), ['starter_exited']);
    assert.deepEqual(gapsOf({ flags: RecordSpanFlag.SWITCH_MISSED }), ['switch_missed']);
    const flagged = (flags: number): Uint8Array => partRecord({ serial: 1n, tid: 1, flags });
    assert.deepEqual(gapsOf({ partsSent: 1 }, flagged(PartFlag.LOST)), ['switch_missed']);
    assert.deepEqual(gapsOf({ partsSent: 1 }, flagged(PartFlag.TORN)), ['calls_torn']);
  });

  it('tells of processes that come and go, and of what providers say of themselves', () => {
    const { take, started, ended, resources } = listening();
    const process = { tgid: 7, uid: 1000, startNs: 99n, cgroupId: 3n, execId: 5n };
    take(
      processRecord(process),
      resourceRecord(7, 99n, 2, 'service.name\0shop\0service.version\0\0'),
      resourceRecord(7, 99n, 0, ''),
      processRecord(process, RecordType.EXIT),
    );
    const event = { process: { pid: 7, startNs: 99n }, uid: 1000, cgroupId: 3n, program: 5n };
    assert.deepEqual([started, ended], [[event], [event]]);
    assert.deepEqual(resources, [
      {
        process: { pid: 7, startNs: 99n },
        number: 2,
        attributes: [
          ['service.name', 'shop'],
          ['service.version', ''],
        ],
      },
    ]);
  });

  it('lets parts go whose span never comes, the oldest first, and counts them', () => {
    const { assembler, spans, take } = listening();
    for (let serial = 1n; serial <= 5000n; serial++) take(partRecord({ serial, tid: 1, calls: 1 }));
    take(spanRecord({ serial: 1n, partsSent: 1 }), spanRecord({ serial: 5000n, partsSent: 1 }));
    assert.deepEqual(
      spans.map(({ callCount, gaps }) => [callCount, gaps]),
      [
        [0, ['records_lost']],
        [1, []],
      ],
    );
    assert.equal(assembler.stats().orphans, 5000 - 4096);
    assert.equal(assembler.stats().records, 5002);
  });

  it('keeps no batch in memory for the parts and calls that still wait for their span', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const { assembler, spans, take } = listening();
    const call = { number: 0, flags: CallFlag.DETAIL, remoteAddress: new Uint8Array(16).fill(7) };
    const batches = Array.from({ length: 20 }, (_, i) => {
      const calls = callsRecord({ serial: BigInt(i), tid: 1, order: CallsOrder.SLOWEST, calls: [call] });
      // Memory of its own, not a piece of a pool of Node’s.
      const batch = new Uint8Array(batchOf([partRecord({ serial: BigInt(i), tid: 1 }), calls]));
      assembler.batch(batch);
      return new WeakRef(batch.buffer);
    });
    // What a WeakRef was made or asked for in a turn lives until its end.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    assert.equal(batches.filter((batch) => batch.deref() !== undefined).length, 0);
    take(spanRecord({ serial: 3n, partsSent: 1 }));
    assert.deepEqual(spans[0]?.calls[0]?.remoteAddress, call.remoteAddress);
  });

  it('counts what is malformed, by reason, and goes on', () => {
    const { assembler, spans, take } = listening();
    const ofTheFuture = spanRecord({ serial: 1n });
    ofTheFuture[2] = 9;
    const cut = spanRecord({ serial: 2n }).subarray(0, 100);
    const tooMany = partRecord({ serial: 3n, tid: 1 });
    tooMany[204] = 40;
    take(ofTheFuture, cut, tooMany, spanRecord({ serial: 4n }));
    assert.deepEqual(
      [...assembler.stats().malformed],
      [
        ['version', 1],
        ['size', 1],
        ['count', 1],
      ],
    );
    assert.equal(spans.length, 1);
  });
});
