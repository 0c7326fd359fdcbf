/** The Collector that other tests look into: what the official exporters send is read back whole, types included. */
import assert from 'node:assert/strict';
import { SpanKind, type Attributes } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { collectorStartMs, startCollector, type Collector } from '../helpers/collector.js';

const attributes: Attributes = {
  'test.text': 'straße',
  'test.whole': 2 ** 40,
  'test.fraction': 0.5,
  'test.flag': false,
  'test.list': ['a', 'b'],
};

describe('the Collector of the tests', () => {
  let collector: Collector;

  before(async function () {
    this.timeout(collectorStartMs);
    collector = await startCollector();
  });
  after(() => collector.stop());

  const exporters: readonly (readonly [name: string, create: () => SpanExporter])[] = [
    ['http/json', () => new JsonExporter({ url: `${collector.httpEndpoint}/v1/traces` })],
    ['http/protobuf', () => new ProtobufExporter({ url: `${collector.httpEndpoint}/v1/traces` })],
    ['grpc', () => new GrpcExporter({ url: collector.grpcEndpoint })],
  ];

  for (const [protocol, create] of exporters) {
    it(`gives back a span that came by ${protocol}, with the types of its attributes, resource and scope`, async () => {
      const provider = new BasicTracerProvider({
        resource: resourceFromAttributes({ 'service.name': protocol }),
        spanProcessors: [new SimpleSpanProcessor(create())],
      });
      try {
        const span = provider
          .getTracer('collector.test', '1.2.3')
          .startSpan('sent', { kind: SpanKind.SERVER });
        span.setAttributes(attributes);
        span.addEvent('something', { 'test.number': 7 });
        span.end();
        await provider.forceFlush();

        const { traceId, spanId } = span.spanContext();
        const found = await collector.waitFor((candidate) => candidate.spanId === spanId);
        assert.equal(found.traceId, traceId);
        assert.equal(found.name, 'sent');
        assert.equal(found.kind, 2);
        assert.deepEqual(found.resource, [{ key: 'service.name', value: { stringValue: protocol } }]);
        assert.deepEqual(found.scope, { name: 'collector.test', version: '1.2.3' });
        assert.deepEqual(found.attributes, [
          { key: 'test.text', value: { stringValue: 'straße' } },
          { key: 'test.whole', value: { intValue: '1099511627776' } },
          { key: 'test.fraction', value: { doubleValue: 0.5 } },
          { key: 'test.flag', value: { boolValue: false } },
          {
            key: 'test.list',
            value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } },
          },
        ]);
        assert.deepEqual(
          found.events?.map(({ name, attributes }) => ({ name, attributes })),
          [{ name: 'something', attributes: [{ key: 'test.number', value: { intValue: '7' } }] }],
        );
      } finally {
        await provider.shutdown();
      }
    });
  }

  it('says what it has when a span does not come', async () => {
    await assert.rejects(
      collector.waitFor(({ name }) => name === 'never sent', 200),
      /no span that matches reached the Collector in 200 ms; it has: .*sent/,
    );
  });
});
