/** The same evidence comes out, however the CPUs take turns and wherever a batch ends. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Assembler } from '../../agent/src/spans/assembler.js';
import type { SpanEvidence } from '../../agent/src/spans/evidence.js';
import { batchOf, partRecord, spanRecord } from '../helpers/wire-bytes.js';
import * as arbitrary from './arbitrary-records.js';

const SPANS = [1n, 2n, 3n, 4n, 5n];

/** Evidence in the order in which the spans were finished. */
function assemble(batches: readonly (readonly Uint8Array[])[]): { spans: SpanEvidence[]; records: number } {
  const spans: SpanEvidence[] = [];
  const assembler = new Assembler({
    processStarted: () => assert.fail('no process was sent'),
    processEnded: () => assert.fail('no process was sent'),
    resource: () => assert.fail('no resource was sent'),
    span: (evidence) => spans.push(evidence),
  });
  for (const records of batches) assembler.batch(batchOf(records));
  const { malformed, orphans, records } = assembler.stats();
  assert.equal(malformed.size, 0);
  assert.equal(orphans, 0);
  return { spans, records };
}

/** Takes the next record of the stream that each number chooses; the order within a stream stays. */
function interleave(streams: readonly (readonly Uint8Array[])[], choices: readonly number[]): Uint8Array[] {
  const left = streams.map((records) => [...records]);
  const mixed: Uint8Array[] = [];
  for (let turn = 0; left.some(({ length }) => length > 0); turn++) {
    const open = left.filter(({ length }) => length > 0);
    const record = open[(choices[turn % choices.length] ?? 0) % open.length]?.shift();
    if (record !== undefined) mixed.push(record);
  }
  return mixed;
}

function cut(records: readonly Uint8Array[], every: number): Uint8Array[][] {
  return Array.from({ length: Math.ceil(records.length / every) }, (_, i) =>
    records.slice(i * every, (i + 1) * every),
  );
}

function sorted(spans: readonly SpanEvidence[]): SpanEvidence[] {
  const key = ({ span, startedNs, tid }: SpanEvidence): string =>
    `${span.traceId} ${span.spanId} ${startedNs} ${tid}`;
  return [...spans].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function addUp(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

describe('the assembler', () => {
  it('gives the same evidence for every interleaving of the CPUs and every size of batch', () => {
    fc.assert(
      fc.property(
        fc.tuple(...SPANS.map((serial) => arbitrary.spanRecords(serial))),
        fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 10 }),
        (streams, choices, every) => {
          const apart = assemble(streams);
          const mixed = assemble(cut(interleave(streams, choices), every));
          assert.equal(apart.spans.length, SPANS.length);
          assert.equal(mixed.records, streams.flat().length);
          assert.deepEqual(sorted(mixed.spans), sorted(apart.spans));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('adds the totals of the threads up exactly', () => {
    fc.assert(
      fc.property(fc.array(arbitrary.part, { maxLength: 4 }), (parts) => {
        const own = parts.map((part, tid) => ({ ...part, serial: 7n, tid }));
        const { spans } = assemble([
          [...own.map(partRecord), spanRecord({ serial: 7n, partsSent: own.length })],
        ]);
        const [evidence] = spans;
        assert.ok(evidence !== undefined);
        const all = own.flatMap(({ totals = [] }) => totals);
        const told = all.filter(({ error }) => error !== arbitrary.ERROR_WAIT);
        const waits = all.filter(({ error }) => error === arbitrary.ERROR_WAIT);
        for (const { number, count, timeNs, blockedNs, maxNs, errors } of evidence.totals) {
          const same = told.filter((total) => total.number === number);
          assert.equal(count, addUp(same.map((total) => total.count)));
          assert.equal(timeNs, addUp(same.map((total) => total.timeNs)));
          assert.equal(blockedNs, addUp(same.map((total) => total.blockedNs)));
          assert.equal(maxNs, Math.max(...same.map((total) => total.maxNs)));
          for (const { errno, count: failed } of errors) {
            assert.equal(
              failed,
              addUp(same.filter(({ error }) => error === errno).map((total) => total.count)),
            );
          }
        }
        assert.equal(evidence.totals.length, new Set(told.map(({ number }) => number)).size);
        for (const { number, count, timeNs, maxNs } of evidence.waits) {
          const same = waits.filter((total) => total.number === number);
          assert.equal(count, addUp(same.map((total) => total.count)));
          assert.equal(timeNs, addUp(same.map((total) => total.timeNs)));
          assert.equal(maxNs, Math.max(...same.map((total) => total.maxNs)));
        }
        assert.equal(evidence.waits.length, new Set(waits.map(({ number }) => number)).size);
        assert.equal(evidence.waitCount, addUp(waits.map(({ count }) => count)));
        assert.equal(evidence.callCount + evidence.waitCount, addUp(own.map(({ calls = 0 }) => calls)));
        assert.deepEqual(
          evidence.threads.map(({ accountNs }) => accountNs),
          own.map(({ accountNs }) => accountNs),
        );
      }),
    );
  });
});
