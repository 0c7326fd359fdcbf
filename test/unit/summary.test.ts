import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import type { Backend } from '../../agent/src/backend/backend.js';
import { Pipeline } from '../../agent/src/cli/pipeline.js';
import { summarize } from '../../agent/src/cli/summary.js';
import { loadConfig } from '../../agent/src/config/load.js';
import { ConsoleExporter } from '../../agent/src/export/console.js';
import { Gate } from '../../agent/src/export/gate.js';
import { ExportLimits } from '../../agent/src/export/limits.js';
import { Resolver } from '../../agent/src/resolve/resolver.js';
import { RecordSpanFlag } from '../../agent/src/wire/layout.js';
import { batchOf, partRecord, spanRecord, type SpanValues } from '../helpers/wire-bytes.js';

const MS = 1e6;

/** A back end that only counts: what it would send is given to the assembler by the test. */
function countingBackend(counts: Readonly<Record<string, bigint>>): Backend {
  return {
    name: 'replay',
    start: () => Promise.resolve(),
    reload: () => undefined,
    setThreshold: () => false,
    setRuntimeWords: () => undefined,
    setCapture: () => undefined,
    counters: () => new Map(Object.entries(counts)),
    stop: () => Promise.resolve(),
  };
}

function slow(milliseconds: number, values: Partial<SpanValues> = {}): Uint8Array {
  return spanRecord({
    serial: 1n,
    startedNs: 1_000_000_000n,
    endedNs: 1_000_000_000n + BigInt(milliseconds * MS),
    name: 'GET /',
    ...values,
  });
}

describe('the summary', () => {
  it('finds every span that was sent among those annotated and those dropped', async () => {
    const { config } = loadConfig({
      file: { path: 'test.yaml', text: '{"threshold": "50ms"}' },
      environment: {},
      flags: [],
    });
    const backend = countingBackend({
      spans_started: 9n,
      spans_fast: 0n,
      spans_sent: 7n,
      'drop.span_ring_full': 2n,
      'drop.switch': 0n,
    });
    let printed = 0;
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(++printed === 4 ? new Error('the disk is full') : null),
    });
    const limits = new ExportLimits({ annotated_per_second: 4, subspans_per_trace: 10 });
    const exporter = new Gate(new ConsoleExporter(stream, { json: true, colour: false }), {
      limits,
      unsampled: true,
      now: () => 0,
    });
    const resolver = new Resolver({
      facts: () => ({ name: 'test', environment: {}, attributes: {}, runtime: { runtime: undefined } }),
      threadName: () => undefined,
      filePath: () => undefined,
      unixOffsetNs: () => 0n,
    });
    const pipeline = new Pipeline({ backend, exporter, resolver }, config);
    pipeline.assembler.batch(
      batchOf([
        ...Array.from({ length: 6 }, () => slow(60)),
        slow(20, { flags: RecordSpanFlag.RULE_UNKNOWN }),
        slow(20).subarray(0, 64),
        ...Array.from({ length: 4097 }, (_, i) => partRecord({ serial: BigInt(i + 100), tid: 1 })),
      ]),
    );
    await exporter.flush(1000);
    assert.deepEqual(summarize(backend, pipeline, exporter), {
      annotated: 3,
      dropped: {
        span_ring_full: 2,
        below_rule: 1,
        reader_gone: 1,
        limit_annotated_per_second: 2,
        malformed_size: 1,
        orphaned_records: 1,
      },
      kernel: { spans_started: 9, spans_sent: 7 },
    });
  });
});
