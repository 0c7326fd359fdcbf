import assert from 'node:assert/strict';
import fc from 'fast-check';
import { annotate, type AnnotateSettings } from '../../agent/src/annotate/annotate.js';
import type { AnnotatedSpan } from '../../agent/src/annotate/annotated.js';
import type { Attributes, AttributeValue } from '../../agent/src/resolve/resolved.js';
import type { Gap } from '../../agent/src/spans/evidence.js';
import { Class, FdKind } from '../../agent/src/wire/layout.js';
import { MAX_ATTRIBUTE_BYTES } from '../../schemas/evidence/attributes.js';
import { declarationOf } from '../../schemas/evidence/catalogue.js';
import { gaps } from '../../schemas/evidence/lists.js';
import {
  callTotal,
  keptCall,
  MS,
  resolvedSpan,
  spanEvidence,
  STARTED_NS,
  STARTED_UNIX_NS,
  type EvidenceValues,
} from '../helpers/evidence.js';

const kinds: AnnotateSettings = { arguments: 'kinds', slowest: 16, latest: 16 };

function annotated(values: EvidenceValues, settings: Partial<AnnotateSettings> = {}): AnnotatedSpan {
  return annotate(resolvedSpan(spanEvidence(values)), { ...kinds, ...settings });
}

function bytesOf(value: AttributeValue): number {
  return typeof value === 'object'
    ? value.reduce((sum, item) => sum + Buffer.byteLength(item), 0)
    : Buffer.byteLength(String(value));
}

function assertDeclared(carrier: 'span' | 'call', attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    const type = declarationOf(carrier, name)?.type;
    const actual = Array.isArray(value) ? 'string[]' : Number.isSafeInteger(value) ? 'int' : typeof value;
    assert.equal(actual, type, `${name} = ${JSON.stringify(value)}`);
    assert.ok(bytesOf(value) <= MAX_ATTRIBUTE_BYTES, name);
  }
}

describe('the annotation of a span', () => {
  it('holds its account, its cause and its totals in whole microseconds', () => {
    const { attributes } = annotated({
      own: { 'blocked.disk': 70_000_400, 'on_cpu.user': 10_000_300 },
      inChildren: { 'on_cpu.user': 15 * MS },
      children: 2,
      totals: [
        callTotal('fsync', { count: 3, timeNs: 71 * MS, maxNs: 40 * MS, blockedNs: 70 * MS }),
        callTotal('recvfrom', { count: 4, timeNs: 2000, errors: [{ errno: 11, count: 3 }] }),
      ],
      otherCalls: { count: 2, timeNs: 3000 },
      callCount: 9,
      threads: [{ tid: 100, joinedNs: STARTED_NS, accountNs: [10_000_300, 0] }],
    });
    assert.deepEqual(attributes, {
      'slt.span.name': 'POST /orders',
      'slt.span.kind': 'server',
      'slt.state': 'ended',
      'slt.wall_us': 100_000,
      'slt.threshold_us': 50_000,
      'slt.complete': true,
      'slt.resource_source': 'provider',
      'slt.capture.mode': 'all',
      'slt.child_spans': 2,
      'thread.id': 100,
      'thread.name': 'MainThread',
      'slt.cause.type': 'disk',
      'slt.cause.share_percent': 70,
      'slt.cause.duration_us': 70_000,
      'slt.cause.text': '70.0 ms of 100.0 ms (70 %) waiting for a disk; next 25.0 ms (25 %) on the CPU',
      'slt.time.on_cpu.user_us': 10_000,
      'slt.time.blocked.disk_us': 70_001,
      'slt.time.unaccounted_us': 4_999,
      'slt.time_total.on_cpu.user_us': 25_000,
      'slt.time_total.blocked.disk_us': 70_001,
      'slt.time_total.unaccounted_us': 4_999,
      'slt.threads': ['100 MainThread: 10000 µs'],
      'slt.syscalls.count': 9,
      'slt.syscalls.kept': 0,
      'slt.syscall_total.fsync.count': 3,
      'slt.syscall_total.fsync.time_us': 71_000,
      'slt.syscall_total.fsync.max_us': 40_000,
      'slt.syscall_total.fsync.blocked_us': 70_000,
      'slt.syscall_total.recvfrom.count': 4,
      'slt.syscall_total.recvfrom.time_us': 2,
      'slt.syscall_total.recvfrom.max_us': 1,
      'slt.syscall_total.recvfrom.errors': ['EAGAIN=3'],
      'slt.syscall_rest.count': 2,
      'slt.syscall_rest.time_us': 3,
    });
  });

  it('says that it is incomplete, and why', () => {
    const { attributes } = annotated({ gaps: ['records_lost'], shared: true });
    assert.equal(attributes['slt.complete'], false);
    assert.deepEqual(attributes['slt.gaps'], ['records_lost']);
    assert.equal(attributes['slt.shared'], true);
  });

  it('gives thread time only where it differs', () => {
    const { attributes } = annotated({ own: { 'on_cpu.user': 150 * MS } });
    assert.equal(attributes['slt.time_total.on_cpu.user_us'], 100_000);
    assert.equal(attributes['slt.thread_time.on_cpu.user_us'], 150_000);
    const alone = annotated({ own: { 'on_cpu.user': 90 * MS } }).attributes;
    assert.ok(!Object.keys(alone).some((name) => name.startsWith('slt.thread_time')));
  });

  it('tells the ten names with the most time one by one, and adds up the others', () => {
    const names = 'read write open close stat fstat lstat poll lseek mmap mprotect munmap'.split(' ');
    const totals = names.map((name, index) => callTotal(name, { count: 2, timeNs: (index + 1) * MS }));
    const { attributes } = annotated({ totals, otherCalls: { count: 5, timeNs: 1000 } });
    assert.equal(Object.keys(attributes).filter((name) => name.endsWith('.max_us')).length, 10);
    assert.equal(attributes['slt.syscall_rest.count'], 9);
    assert.equal(attributes['slt.syscall_rest.time_us'], 3001);
  });

  it('has the times that the span told, else the host’s', () => {
    const told = annotated({ span: { startUnixNs: 7n, endUnixNs: 9n } });
    assert.deepEqual([told.startUnixNs, told.endUnixNs], [7n, 9n]);
    const untold = annotated({ span: { startUnixNs: 0n, endUnixNs: undefined } });
    assert.deepEqual(
      [untold.startUnixNs, untold.endUnixNs],
      [STARTED_UNIX_NS, STARTED_UNIX_NS + BigInt(100 * MS)],
    );
    const backwards = annotated({ span: { startUnixNs: 9n, endUnixNs: 7n } });
    assert.deepEqual([backwards.startUnixNs, backwards.endUnixNs], [9n, 9n]);
  });
});

describe('everything that leaves', () => {
  const text = fc.string({ unit: 'binary', maxLength: 5000 });
  const ns = fc.nat({ max: 5e9 });
  const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const call = fc.record({
    number: fc.nat({ max: 500 }),
    durationNs: ns,
    result: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    args: fc.array(word, { minLength: 4, maxLength: 4 }),
    flags: fc.nat({ max: 1 }),
    fdKind: fc.nat({ max: FdKind.KINDS }),
    fd: fc.nat({ max: 2 ** 32 - 1 }),
    blockedUs: fc.nat(),
    localPort: fc.nat({ max: 65535 }),
    remotePort: fc.nat({ max: 65535 }),
    remoteAddress: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  });
  const total = fc.record({
    number: fc.nat({ max: 500 }),
    count: fc.integer({ min: 1, max: 1e6 }),
    timeNs: ns,
    maxNs: ns,
    blockedNs: ns,
    errors: fc.array(fc.record({ errno: fc.nat({ max: 4095 }), count: fc.nat() })),
  });
  const account = fc.array(fc.oneof(fc.constant(0), ns), {
    minLength: Class.CLASSES,
    maxLength: Class.CLASSES,
  });

  it('is in the catalogue with its type, within its bounds, and inside its parent', () => {
    fc.assert(
      fc.property(
        fc.record({
          name: text,
          path: text,
          thread: text,
          wallNs: ns,
          own: account,
          children: account,
          calls: fc.array(fc.tuple(fc.integer({ min: -1000, max: 9000 }), call), { maxLength: 40 }),
          totals: fc.uniqueArray(total, { maxLength: 40, selector: ({ number }) => number }),
          gaps: fc.subarray(Object.keys(gaps) as Gap[]),
          detail: fc.constantFrom('none', 'kinds', 'full'),
          python: fc.boolean(),
        }),
        (random) => {
          const evidence = {
            ...spanEvidence({
              wallNs: random.wallNs,
              span: { name: random.name },
              totals: random.totals,
              gaps: random.gaps,
              calls: random.calls.map(([ms, values]) => keptCall('read', ms, values)),
              threads: Array.from({ length: 64 }, (_, tid) => ({
                tid,
                joinedNs: STARTED_NS,
                accountNs: random.own,
              })),
            }),
            accountNs: random.own,
            childAccountNs: random.children,
          };
          const span = annotate(
            resolvedSpan(evidence, {
              calls: evidence.calls.map(() => ({ filePath: random.path })),
              threadNames: new Map(Array.from({ length: 101 }, (_, tid) => [tid, random.thread])),
              runtime: random.python ? 'python' : undefined,
            }),
            { ...kinds, arguments: random.detail },
          );
          assertDeclared('span', span.attributes);
          for (const { attributes, startUnixNs, endUnixNs } of span.calls) {
            assertDeclared('call', attributes);
            assert.ok(
              span.startUnixNs <= startUnixNs && startUnixNs <= endUnixNs && endUnixNs <= span.endUnixNs,
            );
          }
          assert.ok(span.calls.length <= 32);
          assert.ok(Object.keys(span.attributes).length <= 128);
          assert.ok(span.cause.sharePercent >= 0 && span.cause.sharePercent <= 100);
        },
      ),
    );
  });
});
