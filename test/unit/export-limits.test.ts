import assert from 'node:assert/strict';
import { Gate } from '../../agent/src/export/gate.js';
import { ImmediateExporter } from '../../agent/src/export/immediate.js';
import { ExportLimits } from '../../agent/src/export/limits.js';
import type { AnnotatedSpan } from '../../agent/src/annotate/annotated.js';
import type { TraceId } from '../../agent/src/spans/evidence.js';
import { annotated, call, dropsOf, resourceOf, unaccountedFor } from './export-fixtures.js';

const plenty = { annotated_per_second: 1_000_000, subspans_per_trace: 1_000_000 };

function admitted(limits: ExportLimits, count: number, nowMs: number, service = 'checkout'): number {
  const resource = resourceOf(service);
  return Array.from({ length: count }, () => limits.admit(annotated({ resource }), nowMs)).filter(
    ({ kind }) => kind === 'admitted',
  ).length;
}

function callsLeft(limits: ExportLimits, traceId: TraceId, count: number): string[] {
  const calls = Array.from({ length: count }, (_, index) => call(`call${index}`, index * 1000, index + 1));
  const admission = limits.admit(annotated({ identity: { traceId }, calls }), 0);
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
  function gate(unsampled: boolean, print: (span: AnnotatedSpan) => void = () => undefined): Gate {
    const limits = new ExportLimits({ annotated_per_second: 2, subspans_per_trace: 1 });
    return new Gate(new ImmediateExporter({ export: print }), { limits, unsampled, now: () => 0 });
  }

  it('counts everything that it was given', () => {
    const exporter = gate(false);
    for (let index = 0; index < 5; index += 1) {
      exporter.export(annotated({ identity: { sampled: false } }));
      exporter.export(annotated({ calls: [call('read', 0, 10), call('write', 20, 10)] }));
    }
    const stats = exporter.stats();
    assert.equal(stats.accepted, 10);
    assert.equal(stats.acknowledged, 2, 'spans that are not sampled use up no share');
    assert.deepEqual(dropsOf(stats), { not_sampled: 5, limit_annotated_per_second: 3 });
    assert.equal(stats.subspansLeftOut, 2);
    assert.equal(unaccountedFor(stats), 0);
  });

  it('shows spans of unrecorded traces to the console', () => {
    const shown: string[] = [];
    const exporter = gate(true, (span) => shown.push(span.source.evidence.span.name));
    exporter.export(annotated({ identity: { sampled: false, name: 'GET /' } }));
    assert.deepEqual(shown, ['GET /']);
  });

  it('goes on after a printer that throws, and counts it', async () => {
    const exporter = gate(true, () => {
      throw new Error('EPIPE');
    });
    exporter.export(annotated());
    await exporter.shutdown(10);
    exporter.export(annotated());
    const stats = exporter.stats();
    assert.deepEqual(dropsOf(stats), { rejected: 1, shutdown: 1 });
    assert.match(stats.lastProblem ?? '', /EPIPE/);
  });

  it('say before a span is explained that it would be refused, and count it once', () => {
    const limits = new ExportLimits({ ...plenty, annotated_per_second: 3 });
    const printed: AnnotatedSpan[] = [];
    const printer = new ImmediateExporter({ export: (span) => printed.push(span) });
    const gate = new Gate(printer, { limits, unsampled: false, now: () => 0 });
    for (let index = 0; index < 10; index += 1) {
      const span = annotated({ identity: { sampled: index !== 5 } });
      const { evidence, resource } = span.source;
      if (!gate.refuses(evidence.span, resource)) gate.export(span);
    }
    const stats = gate.stats();
    assert.equal(printed.length, 3);
    assert.equal(stats.accepted, 10);
    assert.deepEqual(dropsOf(stats), { not_sampled: 1, limit_annotated_per_second: 6 });
    assert.equal(unaccountedFor(stats), 0);
  });
});
