import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { Backend, OperationThreshold } from '../../agent/src/backend/backend.js';
import { Pipeline } from '../../agent/src/cli/pipeline.js';
import { loadConfig } from '../../agent/src/config/load.js';
import { ConsoleExporter } from '../../agent/src/export/console.js';
import { ExportTally } from '../../agent/src/export/exporter.js';
import { Resolver } from '../../agent/src/resolve/resolver.js';
import { RecordSpanFlag } from '../../agent/src/wire/layout.js';
import type { Config } from '../../schemas/config/schema.js';
import { batchOf, processRecord, resourceRecord, spanRecord } from '../helpers/wire-bytes.js';

const MS = 1_000_000n;
const PID = 4711;
const STARTED = 77n;

function configured(values: object): Config {
  return loadConfig({
    file: { path: 'test.yaml', text: JSON.stringify(values) },
    environment: {},
    flags: [],
  }).config;
}

/** The kernel side's table of thresholds, for processes that live. */
class Table implements Backend {
  readonly name = 'replay';
  readonly told: OperationThreshold[] = [];
  alive = true;

  setThreshold(operation: OperationThreshold): boolean {
    this.told.push(operation);
    return this.alive;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }
  reload(): void {}
  setRuntimeWords(): void {}
  setCapture(): void {}
  counters(): Map<string, bigint> {
    return new Map();
  }
  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** 20 ms by a name that the kernel had no rule for. */
function unknownSpan(resource: number): Uint8Array {
  return spanRecord({
    serial: 1n,
    tgid: PID,
    processStartNs: STARTED,
    startedNs: 1000n * MS,
    endedNs: 1020n * MS,
    name: 'POST /orders',
    resource,
    flags: RecordSpanFlag.RULE_UNKNOWN,
  });
}

function resolverOfNothing(): Resolver {
  return new Resolver({
    facts: () => ({ name: 'python3', environment: {}, attributes: {}, runtime: { runtime: undefined } }),
    threadName: () => undefined,
    filePath: () => undefined,
    unixOffsetNs: () => 0n,
  });
}

describe('the pipeline', () => {
  const config = configured({ threshold: '50ms', rules: [{ service: 'checkout', threshold: '5ms' }] });
  let backend: Table;
  let pipeline: Pipeline;

  beforeEach(() => {
    backend = new Table();
    const resolver = resolverOfNothing();
    const exporter = new ConsoleExporter(new PassThrough(), { json: true, colour: false });
    pipeline = new Pipeline({ backend, exporter, resolver }, config);
    pipeline.assembler.batch(batchOf([processRecord({ tgid: PID, startNs: STARTED })]));
  });

  const thresholds = (): readonly bigint[] => backend.told.map(({ thresholdNs }) => thresholdNs);

  it('corrects the threshold of an operation when it hears late whose it is', () => {
    // The record of the resource did not fit into the ring: the next span brings it again.
    pipeline.assembler.batch(batchOf([unknownSpan(1)]));
    assert.deepEqual(thresholds(), [50n * MS]);
    pipeline.assembler.batch(batchOf([resourceRecord(PID, STARTED, 2, 'service.name\0other')]));
    assert.deepEqual(thresholds(), [50n * MS], 'another provider changes nothing');
    pipeline.assembler.batch(batchOf([resourceRecord(PID, STARTED, 1, 'service.name\0checkout')]));
    assert.deepEqual(thresholds(), [50n * MS, 5n * MS]);
    assert.deepEqual(backend.told.at(-1)?.process, { pid: PID, startNs: STARTED });
  });

  it('holds a span against the limits of the user that the kernel told of', () => {
    const users: (number | undefined)[] = [];
    const seen = new Pipeline(
      {
        backend,
        resolver: resolverOfNothing(),
        exporter: {
          export: ({ source }) => users.push(source.uid),
          flush: () => Promise.resolve(),
          shutdown: () => Promise.resolve(),
          stats: () => new ExportTally().stats(0),
        },
      },
      configured({ threshold: '5ms' }),
    );
    const known = processRecord({ tgid: PID, startNs: STARTED, uid: 1001 });
    seen.assembler.batch(batchOf([unknownSpan(1), known, unknownSpan(1)]));
    assert.deepEqual(users, [undefined, 1001]);
  });

  it('tells the threshold that holds for the span, also where the kernel side knew no other than the lowest', () => {
    const told: number[] = [];
    const seen = new Pipeline(
      {
        backend,
        resolver: resolverOfNothing(),
        exporter: {
          export: ({ source }) => told.push(source.evidence.thresholdNs),
          flush: () => Promise.resolve(),
          shutdown: () => Promise.resolve(),
          stats: () => new ExportTally().stats(0),
        },
      },
      configured({ threshold: '15ms', rules: [{ service: 'checkout', threshold: '5ms' }] }),
    );
    seen.assembler.batch(batchOf([unknownSpan(1)]));
    assert.deepEqual(told, [15_000_000]);
  });

  it('keeps nothing of a process that has gone', () => {
    backend.alive = false;
    pipeline.assembler.batch(batchOf([unknownSpan(1)]));
    assert.equal(backend.told.length, 1);
    pipeline.reload(config);
    assert.equal(backend.told.length, 1, 'a reload tells no more of it');
  });

  it('forgets a process whose end it was not told of at the next reload', () => {
    pipeline.assembler.batch(batchOf([unknownSpan(1)]));
    backend.alive = false;
    pipeline.reload(config);
    pipeline.reload(config);
    assert.equal(backend.told.length, 2);
  });
});
