/** The exporter as a user configures it, against real servers on loopback that behave as back ends do. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { loadConfig } from '../../agent/src/config/load.js';
import { ConsoleExporter } from '../../agent/src/export/console.js';
import { createExporter } from '../../agent/src/export/create.js';
import type { SpanExporter } from '../../agent/src/export/exporter.js';
import { ExportLimits } from '../../agent/src/export/limits.js';
import { PATIENCE_MS, until } from '../helpers/until.js';
import { annotated, call, dropsOf, unaccountedFor } from '../unit/export-fixtures.js';

interface Received {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const cleanUps: (() => void | Promise<void>)[] = [];
const received: Received[] = [];

function closing(server: Server): void {
  cleanUps.push(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  );
}

/** An HTTP server that answers the n-th request (from 1) as told; gives its URL. */
async function httpServer(
  answer: (response: ServerResponse, request: number) => void,
  port = 0,
): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url, headers: request.headers, body: Buffer.concat(chunks) });
      answer(response, received.length);
    });
  });
  closing(server);
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type GrpcAnswer = grpc.sendUnaryData<Buffer>;

/** A gRPC server with OTLP's one method for traces; gives its URL. */
async function grpcServer(
  answer: (callback: GrpcAnswer, metadata: grpc.Metadata, request: number) => void,
): Promise<string> {
  const asIs = (bytes: Buffer) => bytes;
  const server = new grpc.Server();
  let requests = 0;
  server.addService(
    {
      export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    },
    {
      export: ({ metadata }: grpc.ServerUnaryCall<Buffer, Buffer>, callback: GrpcAnswer) => {
        requests += 1;
        answer(callback, metadata, requests);
      },
    },
  );
  cleanUps.push(() => {
    server.forceShutdown();
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
      } else {
        reject(error);
      }
    });
  });
  return `http://127.0.0.1:${port}`;
}

function exporterTo(environment: Record<string, string>): SpanExporter {
  const { config } = loadConfig({ environment: { SLTAGENT_EXPORT_TO: 'otlp', ...environment }, flags: [] });
  const limits = new ExportLimits({ annotated_per_second: 100_000, subspans_per_trace: 500 });
  const console = new ConsoleExporter(new PassThrough(), { json: true, colour: false });
  const exporter = createExporter(config.export, console, {}, limits, () => undefined);
  cleanUps.push(() => exporter.shutdown(0));
  return exporter;
}

function ok(response: ServerResponse, body: string | Buffer = '{}', contentType = 'application/json'): void {
  response.writeHead(200, { 'content-type': contentType }).end(body);
}

/** ExportTraceServiceResponse with partial_success of rejected_spans 2 and error_message "late". */
const PARTIAL_SUCCESS = Buffer.from([0x0a, 8, 0x08, 2, 0x12, 4, ...Buffer.from('late')]);

interface JsonSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: number;
  readonly flags: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: unknown }[];
}
interface JsonRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: JsonSpan['attributes'] };
    readonly scopeSpans: readonly { readonly scope: { name: string }; readonly spans: readonly JsonSpan[] }[];
  }[];
}

describe('the OTLP exporter', () => {
  beforeEach(() => {
    received.length = 0;
  });

  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) {
      await cleanUp();
    }
  });

  it('posts one resource, its spans with their types, and no more, as OTLP/JSON', async () => {
    const url = await httpServer((response) => {
      ok(response);
    });
    const exporter = exporterTo({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
    const span = annotated({ calls: [call('futex', 8_000_000, 183_000_000)] });
    exporter.export(span);
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);

    assert.equal(received.length, 1);
    assert.equal(received[0]?.path, '/v1/traces');
    assert.equal(received[0]?.headers['content-type'], 'application/json');
    assert.match(received[0]?.headers['user-agent'] ?? '', /^sltagent /);
    const { resourceSpans } = JSON.parse(String(received[0]?.body)) as JsonRequest;
    assert.equal(resourceSpans.length, 1);
    assert.deepEqual(resourceSpans[0]?.resource.attributes.slice(0, 2), [
      { key: 'service.name', value: { stringValue: 'checkout' } },
      { key: 'process.pid', value: { intValue: 4711 } },
    ]);
    assert.equal(resourceSpans[0]?.scopeSpans.length, 1);
    assert.equal(resourceSpans[0]?.scopeSpans[0]?.scope.name, 'sltagent');
    const [kernel, futex, other] = resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    assert.deepEqual([kernel?.name, futex?.name, other?.name], ['kernel', 'futex', 'kernel']);
    assert.equal(kernel?.parentSpanId, span.source.evidence.span.spanId);
    assert.equal(futex?.parentSpanId, kernel?.spanId);
    assert.equal(futex?.traceId, span.source.evidence.span.traceId);
    assert.equal(kernel?.startTimeUnixNano, String(span.startUnixNs));
    assert.equal(kernel?.endTimeUnixNano, String(span.endUnixNs));
    assert.equal((kernel?.flags ?? 0) & 0xff, 1, 'sampled');
    const types = new Map(kernel?.attributes.map(({ key, value }) => [key, value]));
    assert.deepEqual(types.get('slt.time.blocked.lock_us'), { intValue: 183_100 });
    assert.deepEqual(types.get('slt.complete'), { boolValue: true });
    assert.equal(exporter.stats().acknowledged, 2);
  });

  it('sends the configured headers and nothing of an environment that was overruled, compressed', async () => {
    const url = await httpServer((response) => {
      ok(response);
    });
    process.env['OTEL_EXPORTER_OTLP_HEADERS'] = 'x-stray=1';
    cleanUps.push(() => {
      delete process.env['OTEL_EXPORTER_OTLP_HEADERS'];
    });
    const exporter = exporterTo({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/own/path`,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    });
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    assert.equal(received[0]?.path, '/own/path');
    assert.equal(received[0]?.headers.authorization, 'Bearer abc');
    assert.equal(received[0]?.headers['x-stray'], undefined);
    const body = gunzipSync(received[0]?.body ?? Buffer.alloc(0));
    assert.equal((JSON.parse(String(body)) as JsonRequest).resourceSpans.length, 1);
  });

  it('comes through when the back end is busy at first', async () => {
    const url = await httpServer((response, request) => {
      if (request === 1) {
        response.writeHead(503).end();
      } else {
        ok(response);
      }
    });
    const exporter = exporterTo({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    assert.equal(received.length, 2);
    assert.deepEqual(received[0]?.body, received[1]?.body);
    assert.equal(exporter.stats().acknowledged, 1);
  });

  it('keeps evidence while the back end is down, and delivers it when it is back', async () => {
    const url = new URL(await httpServer(() => undefined));
    await cleanUps.pop()?.();
    const exporter = exporterTo({
      OTEL_EXPORTER_OTLP_ENDPOINT: url.origin,
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    });
    for (let index = 0; index < 10; index += 1) exporter.export(annotated());
    const flushed = exporter.flush(PATIENCE_MS);
    await until(() => exporter.stats().lastProblem !== undefined, 'the first attempt has failed');
    assert.equal(exporter.stats().pending, 10);
    assert.match(exporter.stats().lastProblem ?? '', /ECONNREFUSED/);
    await httpServer((response) => {
      ok(response);
    }, Number(url.port));
    await flushed;
    assert.equal(exporter.stats().acknowledged, 10);
  });

  it('takes new evidence while a slow back end holds the first request, and stops in time', async () => {
    const url = await httpServer(() => undefined);
    const exporter = exporterTo({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
    exporter.export(annotated());
    const flushed = exporter.flush(300);
    await until(() => received.length === 1, 'the first request has come');
    await flushed;
    for (let index = 0; index < 5000; index += 1) {
      exporter.export(annotated());
    }
    const during = exporter.stats();
    assert.ok(during.pending <= 2048, String(during.pending));
    assert.equal(unaccountedFor(during), 0);
    const begun = performance.now();
    await exporter.shutdown(300);
    assert.ok(performance.now() - begun < 8000, 'the end of the request, after 10 s, is not waited for');
    const stats = exporter.stats();
    assert.equal(received.length, 1);
    assert.equal(stats.pending, 0);
    assert.equal(stats.acknowledged, 0);
    assert.deepEqual(dropsOf(stats), { queue_full: 5001 - 2048, shutdown: 2048 });
  });

  it('gives up a back end that trickles its answer', async () => {
    const url = await httpServer((response, request) => {
      if (request > 1) {
        ok(response);
        return;
      }
      response.writeHead(200);
      const trickle = setInterval(() => response.write(' '), 20);
      response.on('close', () => {
        clearInterval(trickle);
      });
    });
    const exporter = exporterTo({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_TIMEOUT: '1000' });
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    assert.equal(exporter.stats().acknowledged, 1);
    assert.match(exporter.stats().lastProblem ?? '', /no complete answer within \d+ ms/);
  });

  it('does not repeat what an HTTP back end refuses', async () => {
    const url = await httpServer((response) => response.writeHead(400).end('bad'));
    const exporter = exporterTo({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    assert.equal(received.length, 1);
    assert.deepEqual(dropsOf(exporter.stats()), { rejected: 1 });
    assert.match(exporter.stats().lastProblem ?? '', /HTTP 400/);
  });

  it('counts what a partial success left out, in each encoding', async () => {
    const json = await httpServer((response) => {
      ok(response, '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"late"}}');
    });
    const protobuf = await httpServer((response) => {
      ok(response, PARTIAL_SUCCESS, 'application/x-protobuf');
    });
    const rpc = await grpcServer((callback) => {
      callback(null, PARTIAL_SUCCESS);
    });
    for (const [protocol, url] of [
      ['http/json', json],
      ['http/protobuf', protobuf],
      ['grpc', rpc],
    ] as const) {
      const exporter = exporterTo({
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      });
      for (let index = 0; index < 5; index += 1) exporter.export(annotated());
      await exporter.flush(PATIENCE_MS);
      const stats = exporter.stats();
      assert.deepEqual(dropsOf(stats), { partial_success: 2 }, protocol);
      assert.equal(stats.acknowledged, 3, protocol);
      assert.equal(stats.lastProblem, 'late', protocol);
    }
  });

  it('takes a warning without refused spans for a full success', async () => {
    const url = await httpServer((response) => {
      ok(response, '{"partialSuccess":{"errorMessage":"use a newer version"}}');
    });
    const exporter = exporterTo({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    assert.equal(exporter.stats().acknowledged, 1);
    assert.equal(exporter.stats().lastProblem, 'use a newer version');
  });

  it('tells the gRPC errors that may pass from those that do not', async () => {
    const answers = [grpc.status.UNAVAILABLE, grpc.status.OK, grpc.status.INVALID_ARGUMENT];
    let authorization: grpc.MetadataValue[] = [];
    const url = await grpcServer((callback, metadata, request) => {
      authorization = metadata.get('authorization');
      const code = answers[request - 1];
      if (code === grpc.status.OK) {
        callback(null, Buffer.alloc(0));
      } else {
        callback({ code: code ?? grpc.status.INTERNAL, details: `request ${request}` });
      }
    });
    const exporter = exporterTo({
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=secret',
    });
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    assert.equal(exporter.stats().acknowledged, 1);
    assert.equal(exporter.stats().retries, 1);
    assert.deepEqual(authorization, ['secret']);
    exporter.export(annotated());
    await exporter.flush(PATIENCE_MS);
    assert.deepEqual(dropsOf(exporter.stats()), { rejected: 1 });
    assert.match(exporter.stats().lastProblem ?? '', /INVALID_ARGUMENT: request 3/);
  });

  it('encrypts to a gRPC endpoint without a scheme, unless OTEL_EXPORTER_OTLP_INSECURE is true', async () => {
    const url = await grpcServer((callback) => {
      callback(null, Buffer.alloc(0));
    });
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: url.replace('http://', ''),
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    };
    // The official exporter reads it itself.
    process.env['OTEL_EXPORTER_OTLP_INSECURE'] = 'true';
    try {
      const plain = exporterTo(environment);
      plain.export(annotated());
      await plain.flush(10_000);
      assert.equal(plain.stats().acknowledged, 1);
    } finally {
      delete process.env['OTEL_EXPORTER_OTLP_INSECURE'];
    }
    const encrypted = exporterTo(environment);
    encrypted.export(annotated());
    await encrypted.flush(1000);
    assert.equal(encrypted.stats().acknowledged, 0);
  });

  it('sends by itself', async () => {
    const url = await httpServer((response) => {
      ok(response);
    });
    const exporter = exporterTo({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
    exporter.export(annotated());
    await until(() => exporter.stats().acknowledged === 1, 'what nobody flushes is sent');
  });
});
