import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SpanKind, SpanStatusCode, TraceFlags, type HrTime } from '@opentelemetry/api';
import { childSpans } from '../../agent/src/export/child-spans.js';
import { root } from '../helpers/compile.js';
import { annotated, call, checkout, END_NS, START_NS, WALL_NS } from './export-fixtures.js';

const ns = ([seconds, nanoseconds]: HrTime) => BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);

describe('child spans', () => {
  it('hang a kernel span below the slow span, over the same time, with what it explains', () => {
    const span = annotated();
    const [kernel, ...calls] = childSpans(span);
    assert.ok(kernel);
    assert.deepEqual(calls, []);
    const { traceId, spanId } = span.source.evidence.span;
    assert.equal(kernel.name, 'kernel');
    assert.equal(kernel.kind, SpanKind.INTERNAL);
    assert.equal(kernel.parentSpanContext?.spanId, spanId);
    assert.equal(kernel.spanContext().traceId, traceId);
    assert.match(kernel.spanContext().spanId, /^[0-9a-f]{16}$/);
    assert.equal(kernel.spanContext().traceFlags, TraceFlags.SAMPLED);
    assert.equal(ns(kernel.startTime), START_NS);
    assert.equal(ns(kernel.endTime), END_NS);
    assert.equal(ns(kernel.duration), BigInt(WALL_NS));
    assert.equal(kernel.status.code, SpanStatusCode.UNSET);
    assert.deepEqual(kernel.attributes, span.attributes);
    assert.deepEqual(kernel.resource.attributes, checkout.attributes);
  });

  it('carry the name and the version of the package as their scope', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    for (const { instrumentationScope } of childSpans(annotated({ calls: [call('read', 0, 1)] }))) {
      assert.deepEqual(instrumentationScope, { name: 'sltagent', version });
    }
  });

  it('hang one span for each kept call below the kernel span', () => {
    const [kernel, futex, fsync, ...others] = childSpans(
      annotated({ calls: [call('futex', 8_200_000, 183_100_000), call('fsync', 195_000_000, 3_000_000)] }),
    );
    assert.deepEqual(others, []);
    assert.equal(futex?.name, 'futex');
    assert.equal(fsync?.name, 'fsync');
    for (const child of [futex, fsync]) {
      assert.equal(child?.parentSpanContext?.spanId, kernel?.spanContext().spanId);
      assert.equal(child?.kind, SpanKind.INTERNAL);
    }
    assert.notEqual(futex?.spanContext().spanId, fsync?.spanContext().spanId);
    assert.equal(ns(futex?.startTime ?? [0, 0]), START_NS + 8_200_000n);
    assert.equal(ns(futex?.endTime ?? [0, 0]), START_NS + 191_300_000n);
  });

  it('lie inside the span by its own clock, whatever ours says', () => {
    const identity = { startUnixNs: START_NS + 5_000n, endUnixNs: END_NS - 7_000n };
    const calls = [call('read', 0, 2_000), call('write', WALL_NS - 10_000, 20_000), call('poll', WALL_NS, 5)];
    for (const span of childSpans(annotated({ identity, calls }))) {
      assert.ok(ns(span.startTime) >= identity.startUnixNs, span.name);
      assert.ok(ns(span.endTime) <= identity.endUnixNs, span.name);
      assert.ok(ns(span.startTime) <= ns(span.endTime), span.name);
    }
  });

  it('share one resource object in a process, by which the exporters group them', () => {
    const [one] = childSpans(annotated());
    const [other] = childSpans(annotated());
    assert.equal(one?.resource, other?.resource);
  });
});
