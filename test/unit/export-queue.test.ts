import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { backoffMs } from '../../agent/src/export/backoff.js';
import {
  ExportQueue,
  queueDefaults,
  type Outcome,
  type Packed,
  type QueueOptions,
  type Sender,
} from '../../agent/src/export/queue.js';
import { PATIENCE_MS, until } from '../helpers/until.js';
import { annotated, call, dropsOf, unaccountedFor } from './export-fixtures.js';

const taken: Outcome = { kind: 'acknowledged', rejectedSpans: 0, message: undefined };
const down: Outcome = { kind: 'unavailable', message: 'connect ECONNREFUSED' };

/** A back end whose answer to each request the test gives. */
class Answering implements Sender<readonly ReadableSpan[]> {
  readonly requests: ReadableSpan[][] = [];
  closed = false;
  underWay = 0;
  readonly #answer: (request: number) => Outcome | Promise<Outcome>;

  constructor(answer: (request: number) => Outcome | Promise<Outcome>) {
    this.#answer = answer;
  }

  pack(spans: readonly ReadableSpan[]): Packed<readonly ReadableSpan[]> {
    const bytes = spans.reduce((sum, span) => sum + 512 + JSON.stringify(span.attributes).length, 0);
    return { parcel: spans, bytes };
  }

  async send(parcels: (readonly ReadableSpan[])[]): Promise<Outcome> {
    const spans = parcels.flat();
    this.underWay += 1;
    assert.equal(this.underWay, 1, 'one request at a time');
    this.requests.push(spans);
    const outcome = await this.#answer(this.requests.length);
    this.underWay -= 1;
    return outcome;
  }

  close(): void {
    this.closed = true;
  }
}

const quick: Partial<QueueOptions> = { gatherMs: 5, backoff: { firstMs: 1, mostMs: 4 } };

describe('the export queue', () => {
  let queue: ExportQueue<readonly ReadableSpan[]> | undefined;

  function start(
    sender: Sender<readonly ReadableSpan[]>,
    options: Partial<QueueOptions> = quick,
  ): ExportQueue<readonly ReadableSpan[]> {
    queue = new ExportQueue(sender, { ...queueDefaults, ...options });
    return queue;
  }

  afterEach(async () => {
    await queue?.shutdown(0);
    queue = undefined;
  });

  it('reports once that the back end takes nothing, and once that it takes spans again', async () => {
    const answers = [down, down, taken, taken];
    const sender = new Answering(() => answers.shift() ?? taken);
    const told: (string | undefined)[] = [];
    queue = new ExportQueue(sender, { ...queueDefaults, ...quick }, (problem) => told.push(problem));
    queue.export(annotated());
    await queue.flush(PATIENCE_MS);
    queue.export(annotated());
    await queue.flush(PATIENCE_MS);
    assert.deepEqual(told, [down.message, undefined]);
  });

  it('sends by itself what has gathered for a while, in one request', async () => {
    const sender = new Answering(() => taken);
    const exporter = start(sender);
    exporter.export(annotated());
    exporter.export(annotated({ calls: [call('read', 0, 5)] }));
    assert.equal(exporter.stats().pending, 2);
    await until(() => exporter.stats().acknowledged === 2, 'both are sent');
    assert.deepEqual(
      sender.requests.map((spans) => spans.map(({ name }) => name)),
      [['kernel', 'kernel', 'read']],
    );
  });

  it('waits less than a second by default, for evidence must leave within five', () => {
    assert.ok(queueDefaults.gatherMs <= 1000);
  });

  it('does not wait when a batch is full, in spans or in bytes', async () => {
    const sender = new Answering(() => taken);
    const exporter = start(sender, { gatherMs: 60_000, batchSpans: 2, batchBytes: 5000 });
    exporter.export(annotated());
    exporter.export(annotated());
    await until(() => sender.requests.length === 1, 'a batch of two spans is sent');
    exporter.export(annotated({ text: 'x'.repeat(6000) }));
    await until(() => sender.requests.length === 2, 'a batch of so many bytes is sent');
  });

  it('keeps a request below its bound in bytes, but sends a span that is larger by itself', async () => {
    const sender = new Answering(() => taken);
    const exporter = start(sender, { ...quick, batchBytes: 5000 });
    for (let index = 0; index < 4; index += 1) {
      exporter.export(annotated({ text: 'x'.repeat(index === 2 ? 9000 : 2500) }));
    }
    await exporter.flush(PATIENCE_MS);
    assert.deepEqual(
      sender.requests.map(({ length }) => length),
      [1, 1, 1, 1],
    );
    assert.equal(exporter.stats().acknowledged, 4);
  });

  it('sends the same spans with the same ids until the back end takes them', async () => {
    const sender = new Answering((request) => (request < 4 ? down : taken));
    const exporter = start(sender);
    exporter.export(annotated());
    await until(() => exporter.stats().pending === 0, 'the span is sent');
    const ids = sender.requests.map((spans) => spans.map((span) => span.spanContext().spanId).join());
    assert.equal(ids.length, 4);
    assert.equal(new Set(ids).size, 1);
    const stats = exporter.stats();
    assert.equal(stats.acknowledged, 1);
    assert.equal(stats.retries, 3);
    assert.equal(stats.lastProblem, 'connect ECONNREFUSED');
    assert.equal(unaccountedFor(stats), 0);
  });

  it('gives a batch up after so many attempts, and the next one has its own', async () => {
    const sender = new Answering((request) => (request <= 3 ? down : taken));
    const exporter = start(sender, { ...quick, attempts: 3, batchSpans: 1 });
    exporter.export(annotated());
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    const stats = exporter.stats();
    assert.deepEqual(dropsOf(stats), { retries_exhausted: 1 });
    assert.equal(stats.acknowledged, 1);
  });

  it('lets the newest evidence in while the back end is down, and drops the oldest', async () => {
    let answer: (outcome: Outcome) => void = () => undefined;
    const sender = new Answering((request) =>
      request === 1 ? new Promise<Outcome>((resolve) => (answer = resolve)) : taken,
    );
    const exporter = start(sender, { ...quick, maxSpans: 10, batchSpans: 2 });
    for (let index = 0; index < 2; index += 1) exporter.export(annotated());
    await until(() => sender.requests.length === 1, 'the first request is under way');
    for (let index = 0; index < 20; index += 1) {
      exporter.export(annotated({ identity: { name: `span ${index}` } }));
      assert.ok(exporter.stats().pending <= 10);
      assert.equal(unaccountedFor(exporter.stats()), 0);
    }
    answer(taken);
    await exporter.flush(PATIENCE_MS);
    const stats = exporter.stats();
    assert.deepEqual(dropsOf(stats), { queue_full: 12 });
    assert.equal(stats.acknowledged, 10);
    const names = sender.requests
      .slice(1)
      .flatMap((spans) => spans.map((span) => span.attributes['slt.span.name']));
    assert.deepEqual(
      names,
      Array.from({ length: 8 }, (_, index) => `span ${index + 12}`),
    );
  });

  it('is bounded in bytes, too', () => {
    const exporter = start(new Answering(() => taken), { gatherMs: 60_000, maxBytes: 10_000 });
    for (let index = 0; index < 10; index += 1) {
      exporter.export(annotated({ text: 'x'.repeat(2000) }));
    }
    exporter.export(annotated({ text: 'x'.repeat(20_000) }));
    const stats = exporter.stats();
    assert.ok(stats.pending <= 4);
    assert.equal(dropsOf(stats)['queue_full'], 11 - stats.pending);
  });

  it('calls nothing acknowledged that a partial success may have left out', async () => {
    const answers: Outcome[] = [
      { kind: 'acknowledged', rejectedSpans: 1, message: 'too old' },
      { kind: 'acknowledged', rejectedSpans: 70, message: 'too many' },
    ];
    const exporter = start(new Answering((request) => answers[request - 1] ?? taken));
    for (let batch = 0; batch < 2; batch += 1) {
      for (let index = 0; index < 3; index += 1) exporter.export(annotated());
      await exporter.flush(PATIENCE_MS);
    }
    const stats = exporter.stats();
    assert.deepEqual(dropsOf(stats), { partial_success: 4 });
    assert.equal(stats.acknowledged, 2);
    assert.equal(stats.lastProblem, 'too many');
  });

  it('does not send again what the back end refused for good', async () => {
    const sender = new Answering(() => ({ kind: 'rejected', message: 'HTTP 400' }));
    const exporter = start(sender);
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    assert.equal(sender.requests.length, 1);
    assert.deepEqual(dropsOf(exporter.stats()), { rejected: 1 });
  });

  it('flushes at shutdown, then counts what is left and what comes later', async () => {
    let late: (outcome: Outcome) => void = () => undefined;
    const sender = new Answering((request) =>
      request === 1 ? taken : new Promise<Outcome>((resolve) => (late = resolve)),
    );
    const exporter = start(sender, { gatherMs: 60_000, batchSpans: 2 });
    for (let index = 0; index < 5; index += 1) exporter.export(annotated());
    const begun = performance.now();
    await exporter.shutdown(50);
    assert.ok(performance.now() - begun < 30_000, 'neither the request under way nor gatherMs is waited for');
    exporter.export(annotated());
    late(taken);
    await sleep(5);
    const stats = exporter.stats();
    assert.equal(stats.acknowledged, 2);
    assert.deepEqual(dropsOf(stats), { shutdown: 4 });
    assert.equal(stats.pending, 0);
    assert.equal(unaccountedFor(stats), 0);
    assert.equal(sender.closed, true);
  });

  it('does not wait for the next attempt when it is told to stop', async () => {
    const exporter = start(new Answering((request) => (request === 1 ? down : taken)), {
      gatherMs: 1,
      backoff: { firstMs: 60_000, mostMs: 60_000 },
    });
    exporter.export(annotated());
    await until(() => exporter.stats().lastProblem !== undefined, 'the first attempt has failed');
    await exporter.shutdown(PATIENCE_MS);
    assert.equal(exporter.stats().acknowledged, 1);
  });

  it('sends a span that comes while the last request is answered', async () => {
    let exporter: ExportQueue<readonly ReadableSpan[]> | undefined = undefined;
    const sender = new Answering((request) => {
      if (request === 1) {
        // Each turn of the event loop's microtasks around the end of the first request.
        let turns = Promise.resolve();
        for (let turn = 0; turn < 20; turn += 1) {
          turns = turns.then(() => exporter?.export(annotated()));
        }
      }
      return taken;
    });
    exporter = start(sender);
    exporter.export(annotated());
    await until(() => exporter.stats().acknowledged === 21, 'all are sent');
  });
});

describe('the backoff', () => {
  it('doubles up to its bound, and spreads over the upper half', () => {
    const backoff = { firstMs: 1000, mostMs: 5000 };
    assert.deepEqual(
      [1, 2, 3, 4, 2000].map((failures) => backoffMs(backoff, failures, 0)),
      [500, 1000, 2000, 2500, 2500],
    );
    assert.equal(backoffMs(backoff, 9, 0.999_999) > 4999, true);
  });
});
