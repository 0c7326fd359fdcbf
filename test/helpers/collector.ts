/**
 * A real OpenTelemetry Collector (test/fixtures/collector) as a back end: it takes spans on free ports of the loopback
 * interface, and what it received is read from its file exporter, so a test sees what a user's Collector would.
 */
import { execFile } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { root } from './compile.js';
import { Program } from './program.js';

/** Cold, on two busy processors. */
const BUILD_MS = 1_200_000;
const START_MS = 30_000;
const POLL_MS = 50;

/** An attribute's value as OTLP/JSON writes it: the type is the key; 64-bit integers are strings. */
export type OtlpValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly boolValue: boolean }
  | { readonly doubleValue: number }
  | { readonly bytesValue: string }
  | { readonly arrayValue: { readonly values?: readonly OtlpValue[] } }
  | { readonly kvlistValue: { readonly values?: readonly OtlpAttribute[] } };

export interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}

/** Fields that hold their default are absent, as in OTLP/JSON. Ids are lower-case hex, times Unix nanoseconds. */
interface OtlpSpanFields {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags?: number;
  readonly name: string;
  readonly kind?: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly OtlpAttribute[];
  readonly events?: readonly {
    readonly name: string;
    readonly timeUnixNano: string;
    readonly attributes?: readonly OtlpAttribute[];
  }[];
  readonly links?: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes?: readonly OtlpAttribute[];
  }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

export interface OtlpScope {
  readonly name?: string;
  readonly version?: string;
}

export interface OtlpSpan extends OtlpSpanFields {
  readonly resource: readonly OtlpAttribute[];
  readonly scope: OtlpScope;
}

/** A line of the file exporter. */
interface TracesData {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly OtlpAttribute[] };
    readonly scopeSpans?: readonly {
      readonly scope?: OtlpScope;
      readonly spans?: readonly OtlpSpanFields[];
    }[];
  }[];
}

export interface Collector {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT: without /v1/traces. */
  readonly httpEndpoint: string;
  readonly grpcEndpoint: string;
  /** Every span so far, in the order in which they came. */
  received(): Promise<OtlpSpan[]>;
  /** The first span that matches; rejects when none has come after so many milliseconds. */
  waitFor(matches: (span: OtlpSpan) => boolean, timeoutMs?: number): Promise<OtlpSpan>;
  /** Ends it and removes what it wrote. Idempotent. */
  stop(): Promise<void>;
}

/** Built the first time (some minutes), so a test's `before` needs a time limit for that: collectorStartMs. */
export async function startCollector(): Promise<Collector> {
  const otelcol = await build();
  const folder = await mkdtemp(join(tmpdir(), 'sltagent-collector-'));
  const file = join(folder, 'spans.jsonl');
  const [http, grpc, health] = await freePorts();
  const configFile = join(folder, 'config.json');
  await writeFile(configFile, JSON.stringify(configuration(file, { http, grpc, health })));

  const program = new Program([otelcol, '--config', configFile]);
  const stop = async (): Promise<void> => {
    program.signal('SIGTERM');
    await program.succeeded().catch(() => program.kill());
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await healthy(`http://127.0.0.1:${health}/`, program);
  } catch (error) {
    await stop();
    throw error;
  }

  const received = async (): Promise<OtlpSpan[]> => parse(await readFile(file, 'utf8'));
  return {
    httpEndpoint: `http://127.0.0.1:${http}`,
    grpcEndpoint: `http://127.0.0.1:${grpc}`,
    received,
    waitFor: (matches, timeoutMs = 10_000) => firstMatch(received, matches, timeoutMs),
    stop,
  };
}

export const collectorStartMs = BUILD_MS + START_MS;

function build(): Promise<string> {
  return new Promise((resolve, reject) => {
    const script = join(root, 'test', 'fixtures', 'collector', 'build.sh');
    const child = execFile('bash', [script], { timeout: BUILD_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trim());
      else reject(new Error(`the Collector could not be built:\n${stderr.trim() || error.message}`));
    });
    // A build takes minutes: whoever waits shall see why.
    child.stderr?.pipe(process.stderr, { end: false });
  });
}

interface Ports {
  readonly http: number;
  readonly grpc: number;
  readonly health: number;
}

/** JSON is YAML. No batch processor: a span is in the file some 100 ms after it came. */
function configuration(file: string, { http, grpc, health }: Ports): object {
  return {
    extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
    receivers: {
      otlp: {
        protocols: { http: { endpoint: `127.0.0.1:${http}` }, grpc: { endpoint: `127.0.0.1:${grpc}` } },
      },
    },
    processors: { memory_limiter: { check_interval: '1s', limit_mib: 512 } },
    exporters: { file: { path: file, format: 'json', flush_interval: '100ms' } },
    service: {
      extensions: ['health_check'],
      pipelines: { traces: { receivers: ['otlp'], processors: ['memory_limiter'], exporters: ['file'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
    },
  };
}

/** Free at this moment; all are open at once, so that they differ. */
async function freePorts(): Promise<[number, number, number]> {
  const open = async (): Promise<[number, () => void]> => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return [(server.address() as AddressInfo).port, () => server.close()];
  };
  const [first, second, third] = [await open(), await open(), await open()];
  for (const [, close] of [first, second, third]) close();
  return [first[0], second[0], third[0]];
}

/** Its health endpoint answers 200 once every pipeline runs. */
async function healthy(url: string, program: Program): Promise<void> {
  let ended = false;
  void program.exited.then(() => (ended = true)).catch(() => (ended = true));
  for (const deadline = Date.now() + START_MS; Date.now() < deadline && !ended; await sleep(POLL_MS)) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
  }
  const how = ended ? 'ended' : `was not healthy after ${START_MS} ms`;
  throw new Error(`the Collector ${how}; it said:\n${program.errors.slice(-20).join('\n')}`);
}

/** The last line may be half written: what is not ended by a newline comes with the next look. */
function parse(text: string): OtlpSpan[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').flatMap((line) => spansOf(JSON.parse(line) as TracesData));
}

function spansOf({ resourceSpans = [] }: TracesData): OtlpSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope = {}, spans = [] }) =>
      spans.map((span) => ({ ...span, resource: resource?.attributes ?? [], scope })),
    ),
  );
}

async function firstMatch(
  received: () => Promise<OtlpSpan[]>,
  matches: (span: OtlpSpan) => boolean,
  timeoutMs: number,
): Promise<OtlpSpan> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const spans = await received();
    const found = spans.find(matches);
    if (found !== undefined) return found;
    if (Date.now() > deadline) {
      const names = spans.map(({ name, spanId }) => `${name} (${spanId})`).join(', ');
      throw new Error(
        `no span that matches reached the Collector in ${timeoutMs} ms; it has: ${names || 'none'}`,
      );
    }
    await sleep(POLL_MS);
  }
}
