/** What leaves is, byte by byte, what the official serializers make of the same spans. */
import assert from 'node:assert/strict';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import type { AnnotatedCall, AnnotatedSpan } from '../../agent/src/annotate/annotated.js';
import { childSpans } from '../../agent/src/export/child-spans.js';
import type { EncodedSpans, Encoding } from '../../agent/src/export/encoding.js';
import { jsonEncoding } from '../../agent/src/export/otlp-json.js';
import { protobufEncoding } from '../../agent/src/export/otlp-protobuf.js';
import type { Attributes, ResolvedResource } from '../../agent/src/resolve/resolved.js';
import { annotated } from '../unit/export-fixtures.js';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }),
);
const integer = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 31 - 1, 2 ** 32, 2 ** 53 - 1, -1, -(2 ** 53) + 1),
);
const attributes: fc.Arbitrary<Attributes> = fc.dictionary(
  text.filter((name) => name !== '__proto__'),
  fc.oneof(text, integer, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.array(text)),
  { noNullPrototype: true, maxKeys: 40 },
);
/** Some of them with no start at all, and some far in the future. */
const unixNs = fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const call: fc.Arbitrary<AnnotatedCall> = fc.record(
  { name: text, wait: fc.boolean(), startUnixNs: unixNs, endUnixNs: unixNs, attributes },
  { noNullPrototype: true },
);
const resource: fc.Arbitrary<ResolvedResource> = attributes.map((own) => ({
  attributes: { ...own, 'service.name': 'checkout' },
  serviceName: 'checkout',
  source: 'provider',
}));
const span = (of: ResolvedResource): fc.Arbitrary<AnnotatedSpan> =>
  fc.tuple(unixNs, unixNs, attributes, fc.array(call, { maxLength: 5 })).map(([start, end, own, calls]) => ({
    ...annotated({ resource: of, calls, identity: { startUnixNs: start, endUnixNs: end } }),
    startUnixNs: start,
    endUnixNs: end,
    attributes: own,
  }));
const batch = fc.array(resource, { minLength: 1, maxLength: 3 }).chain((resources) =>
  fc.array(
    fc.nat({ max: resources.length - 1 }).chain((place) => span(resources[place] ?? assert.fail())),
    { minLength: 1, maxLength: 8 },
  ),
);

interface Official {
  serializeRequest(spans: ReturnType<typeof childSpans>): Uint8Array | undefined;
}

function holds(encoding: Encoding, official: Official): void {
  fc.assert(
    fc.property(batch, (spans) => {
      const children = spans.map(childSpans);
      const encoded = children.map((own): EncodedSpans => {
        const [{ resource, instrumentationScope } = assert.fail()] = own;
        return { resource, scope: instrumentationScope, bytes: encoding.encode(own) };
      });
      const ours = Buffer.from(encoding.request(encoded));
      const theirs = Buffer.from(official.serializeRequest(children.flat()) ?? []);
      assert.ok(ours.equals(theirs), `${ours.toString('latin1')}\n\n${theirs.toString('latin1')}`);
    }),
    { numRuns: 300 },
  );
}

describe('the encodings of OTLP', () => {
  it('write the JSON of the official serializer', () => holds(jsonEncoding, JsonTraceSerializer));
  it('write the protobuf of the official serializer', () => holds(protobufEncoding, ProtobufTraceSerializer));

  it('write a message longer than any buffer so far', () => {
    const calls = Array.from({ length: 400 }, (_, index): AnnotatedCall => {
      return {
        name: 'read',
        wait: false,
        startUnixNs: 1n,
        endUnixNs: 2n,
        attributes: { n: index, text: 'é'.repeat(500) },
      };
    });
    const spans = childSpans(annotated({ calls }));
    const [{ resource: of, instrumentationScope: scope } = assert.fail()] = spans;
    const ours = protobufEncoding.request([{ resource: of, scope, bytes: protobufEncoding.encode(spans) }]);
    assert.ok(Buffer.from(ours).equals(ProtobufTraceSerializer.serializeRequest(spans) ?? Buffer.alloc(0)));
  });
});
