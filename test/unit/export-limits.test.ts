import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { Gate } from '../../agent/src/export/gate.js';
import { ConsoleExporter } from '../../agent/src/export/console.js';
import { Copied } from '../../agent/src/export/copies.js';
import { ExportLimits } from '../../agent/src/export/limits.js';
import type { SpanExporter } from '../../agent/src/export/exporter.js';
import type { TraceId } from '../../agent/src/spans/evidence.js';
import { annotated, call, dropsOf, resourceOf, unaccountedFor } from './export-fixtures.js';

const plenty = { annotated_per_second: 1_000_000, subspans_per_trace: 1_000_000 };

function admitted(
  limits: ExportLimits,
  count: number,
  nowMs: number,
  service = 'checkout',
  uid = 1000,
): number {
  const resource = resourceOf(service);
  return Array.from({ length: count }, () => limits.admit(annotated({ resource, uid }), nowMs)).filter(
    ({ kind }) => kind === 'admitted',
  ).length;
}

function callsLeft(limits: ExportLimits, traceId: TraceId, count: number, uid = 1000): string[] {
  const calls = Array.from({ length: count }, (_, index) => call(`call${index}`, index * 1000, index + 1));
  const admission = limits.admit(annotated({ identity: { traceId }, calls, uid }), 0);
  assert.equal(admission.kind, 'admitted');
  assert.equal(admission.subspansLeftOut, count - admission.span.calls.length);
  return admission.span.calls.map(({ name }) => name);
}

describe('the limits on what leaves', () => {
  it('let a burst of one second pass, then the rate', () => {
    const limits = new ExportLimits({ ...plenty, annotated_per_second: 20 });
    assert.equal(admitted(limits, 100, 0), 20);
    assert.equal(admitted(limits, 100, 500), 10);
    assert.equal(admitted(limits, 100, 1000), 10);
    assert.equal(admitted(limits, 100, 60_000), 20, 'a quiet minute saves no more than one burst');
  });

  it('count each service by itself', () => {
    const limits = new ExportLimits({ ...plenty, annotated_per_second: 3 });
    assert.equal(admitted(limits, 10, 0, 'checkout'), 3);
    assert.equal(admitted(limits, 10, 0, 'cart'), 3);
  });

  it('let no user take what another has left, whatever names and traces that one claims', () => {
    const limits = new ExportLimits({ annotated_per_second: 3, subspans_per_trace: 2 });
    assert.equal(admitted(limits, 10, 0, 'checkout', 666), 3);
    assert.equal(admitted(limits, 10, 0, 'checkout', 1000), 3);
    const trace = 'c'.repeat(32) as TraceId;
    const others = new ExportLimits({ ...plenty, subspans_per_trace: 2 });
    assert.equal(callsLeft(others, trace, 5, 666).length, 2);
    assert.equal(callsLeft(others, trace, 5, 1000).length, 2);
    assert.equal(callsLeft(others, trace, 5, 666).length, 0);
  });

  it('keep the slowest calls that a trace still has room for, in their order, and the totals for ever', () => {
    const limits = new ExportLimits({ ...plenty, subspans_per_trace: 5 });
    const trace = 'c'.repeat(32) as TraceId;
    assert.deepEqual(callsLeft(limits, trace, 3), ['call0', 'call1', 'call2']);
    assert.deepEqual(callsLeft(limits, trace, 4), ['call2', 'call3']);
    assert.deepEqual(callsLeft(limits, trace, 4), []);
    assert.equal(callsLeft(limits, 'd'.repeat(32) as TraceId, 4).length, 4);
  });

  it('remember the traces used last, of any number', () => {
    const limits = new ExportLimits({ ...plenty, subspans_per_trace: 1 });
    const trace = (number: number) => number.toString(16).padStart(32, '0') as TraceId;
    assert.equal(callsLeft(limits, trace(1), 1).length, 1);
    assert.equal(callsLeft(limits, trace(2), 1).length, 1);
    for (let other = 3; other < 4098; other += 1) {
      callsLeft(limits, trace(other), 1);
      assert.equal(callsLeft(limits, trace(1), 1).length, 0, 'a trace in use is not forgotten');
    }
    assert.equal(callsLeft(limits, trace(2), 1).length, 1, 'the oldest made room');
  });

  it('hold from the next span on after a reload', () => {
    const limits = new ExportLimits({ ...plenty, annotated_per_second: 1 });
    assert.equal(admitted(limits, 5, 0), 1);
    limits.set({ ...plenty, annotated_per_second: 4 });
    assert.equal(admitted(limits, 9, 10_000), 4);
  });
});

describe('the gate in front of an exporter', () => {
  const admitting = { annotated_per_second: 2, subspans_per_trace: 1 };

  function printing(): { exporter: SpanExporter; lines: () => string[] } {
    const stream = new PassThrough();
    return {
      exporter: new ConsoleExporter(stream, { json: true, colour: false }),
      lines: () =>
        String(stream.read() ?? '')
          .split('\n')
          .slice(0, -1),
    };
  }

  function gate(next: SpanExporter, unsampled: boolean): Gate {
    return new Gate(next, { limits: new ExportLimits(admitting), unsampled, now: () => 0 });
  }

  it('counts everything that it was given', async () => {
    const exporter = gate(printing().exporter, false);
    for (let index = 0; index < 5; index += 1) {
      exporter.export(annotated({ identity: { sampled: false } }));
      exporter.export(annotated({ calls: [call('read', 0, 10), call('write', 20, 10)] }));
    }
    await exporter.flush(1000);
    const stats = exporter.stats();
    assert.equal(stats.accepted, 10);
    assert.equal(stats.acknowledged, 2, 'spans that are not sampled use up no share');
    assert.deepEqual(dropsOf(stats), { not_sampled: 5, limit_annotated_per_second: 3 });
    assert.equal(stats.subspansLeftOut, 2);
    assert.equal(unaccountedFor(stats), 0);
  });

  it('shows spans of unrecorded traces to the console', () => {
    const { exporter, lines } = printing();
    gate(exporter, true).export(annotated({ identity: { sampled: false, name: 'GET /' } }));
    assert.deepEqual(
      lines().map((line) => (JSON.parse(line) as { name: string }).name),
      ['GET /'],
    );
  });

  it('does not mix up what leaves with what is printed beside it', async () => {
    const main = printing();
    const copy = printing();
    const exporter = new Copied(gate(main.exporter, false), { json: copy.exporter });
    for (let index = 0; index < 5; index += 1) exporter.export(annotated());
    await exporter.shutdown(1000);
    const stats = exporter.stats();
    assert.equal(main.lines().length, 2);
    assert.equal(copy.lines().length, 5);
    assert.equal(stats.acknowledged, 2);
    assert.deepEqual(dropsOf(stats), { limit_annotated_per_second: 3 });
    assert.equal(stats.copies['json']?.acknowledged, 5);
    assert.equal(unaccountedFor(stats), 0);
  });

  it('say before a span is explained that it would be refused, and count it once', async () => {
    const limits = new ExportLimits({ ...plenty, annotated_per_second: 3 });
    const { exporter: printer, lines } = printing();
    const gate = new Gate(printer, { limits, unsampled: false, now: () => 0 });
    for (let index = 0; index < 10; index += 1) {
      const span = annotated({ identity: { sampled: index !== 5 } });
      const { evidence, resource, uid } = span.source;
      if (!gate.refuses(evidence.span, { uid, serviceName: resource.serviceName })) gate.export(span);
    }
    await gate.flush(1000);
    const stats = gate.stats();
    assert.equal(lines().length, 3);
    assert.equal(stats.accepted, 10);
    assert.deepEqual(dropsOf(stats), { not_sampled: 1, limit_annotated_per_second: 6 });
    assert.equal(unaccountedFor(stats), 0);
  });
});
