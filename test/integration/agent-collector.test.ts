/** What a real OpenTelemetry Collector receives of a slow span, over each protocol: from the kernel to the back end. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { Agent, Service, sum } from '../helpers/agent.js';
import {
  collectorStartMs,
  startCollector,
  type Collector,
  type OtlpSpan,
  type OtlpValue,
} from '../helpers/collector.js';
import { endPrograms } from '../helpers/program.js';

/** One answer of agent-programs/reasons.py. */
interface Told {
  readonly trace_id: string;
  readonly span_id: string;
}

function attribute(span: OtlpSpan, key: string): OtlpValue | undefined {
  return span.attributes?.find((item) => item.key === key)?.value;
}

function resource(span: OtlpSpan, key: string): OtlpValue | undefined {
  return span.resource.find((item) => item.key === key)?.value;
}

const integers = (span: OtlpSpan, prefix: string): Record<string, number> =>
  Object.fromEntries(
    (span.attributes ?? [])
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ key, value }) => {
        assert.ok('intValue' in value, `${key} is an integer`);
        return [key, Number(value.intValue)];
      }),
  );

const protocols = [
  { protocol: 'http/json', endpoint: (collector: Collector) => collector.httpEndpoint },
  { protocol: 'http/protobuf', endpoint: (collector: Collector) => collector.httpEndpoint },
  { protocol: 'grpc', endpoint: (collector: Collector) => collector.grpcEndpoint },
] as const;

describe('agent → Collector', () => {
  let collector: Collector | undefined;

  before(async function () {
    this.timeout(collectorStartMs);
    collector = await startCollector();
  });

  // The Collector is one of the programs, so they end together.
  after(async () => {
    await collector?.stop();
    await endPrograms();
  });

  for (const { protocol, endpoint } of protocols) {
    it(`receives the kernel's span under the slow one, and its calls, by ${protocol}`, async () => {
      assert.ok(collector !== undefined);
      const agent = await Agent.start({
        config: {
          threshold: '50ms',
          data: { arguments: 'full' },
          export: { to: 'otlp', otlp: { endpoint: endpoint(collector), protocol } },
        },
      });
      await agent.attached();
      const service = await Service.python('reasons', [tmpdir()]);
      service.say('sleep');
      const { trace_id, span_id } = JSON.parse(await service.next()) as Told;
      const isOurs = (span: OtlpSpan): boolean => span.traceId === trace_id;
      await collector.waitFor((span) => isOurs(span) && span.name === 'clock_nanosleep', 15_000);
      const ours = (await collector.received()).filter(isOurs);
      const kernel = ours.find((span) => span.name === 'kernel') ?? assert.fail('no span kernel');
      const call = ours.find((span) => span.name === 'clock_nanosleep') ?? assert.fail('no sub-span');

      assert.equal(kernel.parentSpanId, span_id);
      assert.equal(call.parentSpanId, kernel.spanId);
      assert.equal(kernel.kind, 1);
      assert.equal(kernel.scope.name, 'sltagent');
      assert.equal(kernel.status?.code ?? 0, 0);
      assert.ok((kernel.flags ?? 0) & 1, 'the sampled flag is kept');
      assert.ok(BigInt(call.startTimeUnixNano) >= BigInt(kernel.startTimeUnixNano));
      assert.ok(BigInt(call.endTimeUnixNano) <= BigInt(kernel.endTimeUnixNano));

      const service_name = resource(kernel, 'service.name');
      assert.ok(service_name !== undefined && 'stringValue' in service_name);
      const pid = resource(kernel, 'process.pid');
      assert.ok(pid !== undefined && 'intValue' in pid);

      assert.deepEqual(attribute(kernel, 'slt.cause.type'), { stringValue: 'sleep' });
      assert.ok('boolValue' in (attribute(kernel, 'slt.complete') ?? {}));
      const wall = integers(kernel, 'slt.wall_us')['slt.wall_us'];
      assert.equal(sum(integers(kernel, 'slt.time_total.')), wall, 'the classes add up to the wall time');
      assert.equal(attribute(kernel, 'error.type'), undefined);

      await service.kill();
      const summary = await agent.stop();
      assert.ok(summary.annotated >= 1);
    });
  }
});
