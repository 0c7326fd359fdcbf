/**
 * An OTLP/HTTP receiver for benches, a process of its own: it acknowledges every request, and counts the spans in it by
 * their names. It keeps nothing and looks at nothing else, so that it is not what is measured. Each line of standard
 * input is answered with one: `port`, or `counts` (JSON).
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';

export interface ReceivedCounts {
  readonly requests: number;
  readonly bytes: number;
  /** Spans named `kernel`: one for each slow span. */
  readonly kernels: number;
  /** All others: one for each kept call. */
  readonly calls: number;
}

const counts = { requests: 0, bytes: 0, kernels: 0, calls: 0 };
const KERNEL = Buffer.from('kernel');

function count(name: Uint8Array): void {
  if (KERNEL.equals(name)) counts.kernels++;
  else counts.calls++;
}

/** Calls `found` for each length-delimited field of this number. protobuf.dev/programming-guides/encoding */
function eachField(message: Buffer, field: number, found: (bytes: Buffer) => void): void {
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('a protobuf message that is cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        if (at + length > message.length) throw new RangeError('a protobuf field that is cut off');
        if (tag >>> 3 === field) found(message.subarray(at, at + length));
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new RangeError(`a protobuf field of wire type ${tag & 7}`);
    }
  }
}

/** opentelemetry/proto/collector/trace/v1: resource_spans 1, scope_spans 2, spans 2, name 5. */
function countProtobuf(body: Buffer): void {
  eachField(body, 1, (resourceSpans) =>
    eachField(resourceSpans, 2, (scopeSpans) =>
      eachField(scopeSpans, 2, (span) => eachField(span, 5, count)),
    ),
  );
}

interface JsonRequest {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string }[] }[];
  }[];
}

function countJson(body: Buffer): void {
  for (const { scopeSpans } of (JSON.parse(body.toString()) as JsonRequest).resourceSpans) {
    for (const { spans } of scopeSpans) for (const { name } of spans) count(Buffer.from(name));
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

const server = createServer((request, response) => {
  void bodyOf(request).then((body) => {
    counts.requests++;
    counts.bytes += body.length;
    const json = request.headers['content-type'] === 'application/json';
    (json ? countJson : countProtobuf)(body);
    response.setHeader('content-type', json ? 'application/json' : 'application/x-protobuf');
    response.end(json ? '{}' : undefined);
  });
});

server.listen(0, '127.0.0.1', () => {
  const input = createInterface(process.stdin);
  input.on('line', (line) => {
    const answer = line === 'port' ? (server.address() as AddressInfo).port : JSON.stringify(counts);
    process.stdout.write(`${answer}\n`);
  });
  input.on('close', () => process.exit());
});
