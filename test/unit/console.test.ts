import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { annotate } from '../../agent/src/annotate/annotate.js';
import type { AnnotatedSpan } from '../../agent/src/annotate/annotated.js';
import type { SpanEvidence } from '../../agent/src/spans/evidence.js';
import { harmless, wantsColour } from '../../agent/src/export/console-style.js';
import { ConsoleExporter, type ConsoleOptions } from '../../agent/src/export/console.js';
import { FdKind } from '../../agent/src/wire/layout.js';
import { dropsOf, unaccountedFor } from './export-fixtures.js';
import { callTotal, keptCall, MS, resolvedSpan, spanEvidence } from '../helpers/evidence.js';

const settings = { arguments: 'full', slowest: 16, latest: 16 } as const;

/** A request that waits for a lock and then for a disk. */
function slowSpan(names: { span?: string; service?: string; path?: string } = {}): AnnotatedSpan {
  const evidence = spanEvidence({
    wallNs: 212.4 * MS,
    span: { name: names.span ?? 'POST /orders' },
    own: {
      'blocked.lock': 183.1 * MS,
      'on_cpu.user': 18.9 * MS,
      'on_cpu.kernel': 2.1 * MS,
      'runqueue.preempted': 5.2 * MS,
      'blocked.disk': 3 * MS,
    },
    totals: [
      callTotal('futex', { count: 2, timeNs: 183.3 * MS, maxNs: 183.1 * MS, blockedNs: 183.1 * MS }),
      callTotal('read', { count: 5000, timeNs: 1.9 * MS, maxNs: 12_000 }),
      callTotal('fsync', { timeNs: 3 * MS, blockedNs: 3 * MS }),
      callTotal('close', { count: 12, timeNs: 0.4 * MS }),
    ],
    calls: [
      keptCall('futex', 8.2, { durationNs: 183.1 * MS, blockedUs: 183_100, args: [1n, 0x80n, 2n, 0n] }),
      keptCall('read', 192, { durationNs: 12_000, result: -11n, args: [9n, 0n, 4096n, 0n] }),
      keptCall('fsync', 195, { durationNs: 3 * MS, fd: 9, fdKind: FdKind.FILE, blockedUs: 3000 }),
    ],
  });
  const filePath = names.path ?? '/srv/journal';
  return annotate(
    resolvedSpan(evidence, {
      calls: evidence.calls.map(() => ({ filePath })),
      resource: { attributes: {}, serviceName: names.service ?? 'checkout', source: 'provider' },
    }),
    settings,
  );
}

function printed(span: AnnotatedSpan, options: Partial<ConsoleOptions> = {}): string {
  const stream = new PassThrough();
  new ConsoleExporter(stream, { json: false, colour: false, ...options }).export(span);
  return String(stream.read() ?? '');
}

describe('the console', () => {
  it('says of a span that its capture is not the configured one', () => {
    const told = (more: Partial<SpanEvidence>): string => {
      const span = slowSpan();
      const { source } = span;
      return printed({ ...span, source: { ...source, evidence: { ...source.evidence, ...more } } });
    };
    assert.doesNotMatch(told({}), /capture/);
    assert.match(told({ escalated: true }), /^ {2}capture all for a while, since the service was slow/m);
    assert.match(told({ capture: 'mixed' }), /^ {2}capture changed while the span was open/m);
  });

  it('shows the span, its cause, where its time went, its totals and its longest calls', () => {
    assert.equal(
      printed(slowSpan()),
      `POST /orders   checkout   212.4 ms   trace 4bf92f3577b34da6a3ce929d0e0e4736   span 00f067aa0ba902b7
  cause  lock: 183.1 ms of 212.4 ms (86 %) waiting for a lock in futex
  time   lock 183.1 · on CPU 21.0 (user 18.9, kernel 2.1) · run queue 5.2 (preempted 5.2) · disk 3.0 · unaccounted 0.1
  calls  futex ×2 183.3 ms (max 183.1 ms) · fsync ×1 3.0 ms · read ×5,000 1.9 ms (max 12 µs) · 12 others 400 µs
   +8.2 ms   futex 183.1 ms  FUTEX_WAIT_PRIVATE, /srv/journal → 0
   +195.0 ms fsync   3.0 ms  fd 9, regular file, /srv/journal → 0

`,
    );
  });

  it('calls a wait that may be for the GIL "lock or runtime"', () => {
    const span = slowSpan();
    const python = annotate({ ...span.source, runtime: 'python' }, settings);
    assert.match(printed(python), /cause {2}lock or runtime: .*\n {2}time {3}lock or runtime 183\.1/);
  });

  it('says what is missing', () => {
    const { source } = slowSpan();
    const span = annotate({ ...source, evidence: { ...source.evidence, gaps: ['switch_missed'] } }, settings);
    assert.match(printed(span), /\n {2}gaps {3}a context switch of one of its threads was not seen\n/);
  });

  it('differs in colour by nothing but escape sequences of its own', () => {
    const coloured = printed(slowSpan(), { colour: true });
    assert.notEqual(coloured, printed(slowSpan()));
    // eslint-disable-next-line no-control-regex -- these are what is looked for
    assert.equal(coloured.replace(/\x1b\[\d+m/g, ''), printed(slowSpan()));
  });

  it('wants colour on a terminal only, and not against NO_COLOR', () => {
    assert.equal(wantsColour({ isTTY: true }, {}), true);
    assert.equal(wantsColour({ isTTY: true }, { NO_COLOR: '' }), true);
    assert.equal(wantsColour({ isTTY: true }, { NO_COLOR: '1' }), false);
    assert.equal(wantsColour({ isTTY: true }, { TERM: 'dumb' }), false);
    assert.equal(wantsColour({ isTTY: false }, {}), false);
    assert.equal(wantsColour({}, {}), false);
  });

  it('prints one JSON object a line, with times in whole microseconds', () => {
    const line = printed(slowSpan(), { json: true, colour: true });
    assert.equal(line.indexOf('\n'), line.length - 1);
    const object = JSON.parse(line) as Record<string, unknown>;
    const { totals, waits, calls, attributes, ...rest } = object;
    assert.deepEqual(rest, {
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      span_id: '00f067aa0ba902b7',
      parent_span_id: null,
      service: 'checkout',
      name: 'POST /orders',
      kind: 'server',
      start_unix_ns: '1700000000000000000',
      end_unix_ns: '1700000000212400000',
      wall_ms: 212.4,
      state: 'ended',
      shared: false,
      capture: { mode: 'all', escalated: false },
      cause: {
        type: 'lock',
        share_percent: 86,
        text: '183.1 ms of 212.4 ms (86 %) waiting for a lock in futex',
        call: 'futex',
        descriptor: null,
      },
      time: {
        'on_cpu.user': 18900,
        'on_cpu.kernel': 2100,
        'runqueue.preempted': 5200,
        'blocked.lock': 183100,
        'blocked.disk': 3000,
        unaccounted: 100,
      },
      time_total: {
        'on_cpu.user': 18900,
        'on_cpu.kernel': 2100,
        'runqueue.preempted': 5200,
        'blocked.lock': 183100,
        'blocked.disk': 3000,
        unaccounted: 100,
      },
      thread_time: {},
      gaps: [],
    });
    assert.deepEqual(waits, { calls: [], other: { count: 0, time_us: 0 } });
    assert.deepEqual((totals as { calls: unknown[] }).calls[1], {
      name: 'read',
      count: 5000,
      time_us: 1900,
      max_us: 12,
      blocked_us: 0,
      errors: {},
    });
    assert.deepEqual(
      (calls as { name: string }[]).map(({ name }) => name),
      ['futex', 'read', 'fsync'],
    );
    assert.equal((attributes as Record<string, unknown>)['slt.cause.type'], 'lock');
  });

  it('lets no control character of a name reach the terminal, and loses none in JSON', () => {
    const hostile = fc
      .string({ unit: 'binary', maxLength: 60 })
      .map((text) => `${text}\x1b]0;x\x07\u009b2J\u202e\r\n`);
    fc.assert(
      fc.property(hostile, hostile, hostile, (name, service, path) => {
        const span = slowSpan({ span: name, service, path });
        const lines = printed(span).split('\n');
        assert.equal(lines.length, 8);
        for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
        const json = printed(span, { json: true });
        assert.doesNotMatch(json.trimEnd(), /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
        const object = JSON.parse(json) as { name: string; service: string };
        assert.equal(object.name, name);
        assert.equal(object.service, service);
      }),
    );
    assert.equal(harmless('a\u001b[2Jb'), 'a\\u001b[2Jb');
  });

  it('calls nothing delivered that its reader did not take, and counts what it leaves out', async () => {
    const taken: (() => void)[] = [];
    const stuck = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => taken.push(done) });
    const exporter = new ConsoleExporter(stuck, { json: true, colour: false });
    const span = slowSpan({ service: 'x'.repeat(1024 * 1024) });
    for (let count = 0; count < 10; count++) exporter.export(span);
    assert.ok(stuck.writableLength < 6 * 1024 * 1024);
    const behind = exporter.stats();
    assert.equal(behind.acknowledged, 0);
    assert.ok(behind.pending >= 4 && behind.pending < 10);
    assert.deepEqual(dropsOf(behind), { reader_behind: 10 - behind.pending });

    taken.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(exporter.stats().acknowledged, 1);
    await exporter.shutdown(10);
    exporter.export(span);
    const stopped = exporter.stats();
    assert.equal(stopped.acknowledged, 1);
    assert.deepEqual(dropsOf(stopped), {
      reader_behind: 10 - behind.pending,
      shutdown: behind.pending - 1 + 1,
    });
    assert.equal(unaccountedFor(stopped), 0);
    taken.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(exporter.stats(), stopped, 'what ends later has been counted');
  });

  it('waits at its end until the reader has taken everything', async () => {
    const slow = new PassThrough({ highWaterMark: 1 });
    const exporter = new ConsoleExporter(slow, { json: true, colour: false });
    for (let count = 0; count < 50; count++) exporter.export(slowSpan());
    const ended = exporter.shutdown(5000);
    let text = '';
    slow.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await ended;
    assert.equal(text.match(/\n/g)?.length, 50);
    assert.equal(exporter.stats().acknowledged, 50);
  });

  it('survives a reader that closes its end, and counts what that one missed', async () => {
    const failing = new Writable({ write: (_chunk, _encoding, done) => done(new Error('write EPIPE')) });
    const exporter = new ConsoleExporter(failing, { json: true, colour: false });
    exporter.export(slowSpan());
    exporter.export(slowSpan());
    await exporter.flush(1000);
    exporter.export(slowSpan());
    const stats = exporter.stats();
    assert.deepEqual(dropsOf(stats), { reader_gone: 3 });
    assert.equal(stats.lastProblem, 'write EPIPE');
    assert.equal(unaccountedFor(stats), 0);
  });
});
