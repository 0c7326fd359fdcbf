/**
 * OTLP by the official exporters: their transports, retries and readers of answers, around encodings of our own
 * (encoding.ts), put together as the OTLPTraceExporter
 * classes of @opentelemetry/exporter-trace-otlp-* do it. The classes themselves cannot be used, for two things are
 * out of reach behind them: what the back end says of a partial success (they log it), and options that the
 * environment does not mix in a second time (they merge its headers beneath given ones). So exporter-trace-otlp-http,
 * on which this package is fixed, is imported by the tests alone: they check their Collector with it. Certificates are theirs to
 * read: OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_KEY and _CLIENT_CERTIFICATE.
 */
import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import {
  CompressionAlgorithm,
  OTLPExporterError,
  type OTLPExporterBase,
} from '@opentelemetry/otlp-exporter-base';
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http';
import {
  convertLegacyOtlpGrpcOptions,
  createEmptyMetadata,
  createOtlpGrpcExportDelegate,
} from '@opentelemetry/otlp-grpc-exporter-base';
import {
  JsonTraceSerializer,
  ProtobufTraceSerializer,
  type IExportTracePartialSuccess,
  type IExportTraceServiceResponse,
  type ISerializer,
} from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { Config } from '../../../schemas/config/schema.js';
import { tracesUrl } from '../config/otlp.js';
import { isPermanentGrpcError } from './grpc-status.js';
import type { EncodedSpans, Encoding } from './encoding.js';
import { jsonEncoding } from './otlp-json.js';
import { protobufEncoding } from './otlp-protobuf.js';
import type { Outcome, Packed, Sender } from './queue.js';

type OtlpConfig = Config['export']['otlp'];
type Delegate = Pick<OTLPExporterBase<EncodedSpans[]>, 'export' | 'shutdown'>;
type TraceSerializer = ISerializer<EncodedSpans[], IExportTraceServiceResponse>;

const GRPC_METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** The objects around the bytes of one slow span. */
const OBJECT_BYTES = 256;

/** Requests that may be under way at once: one, and those that their own deadline could not end. */
const CONCURRENCY = 4;

/** What the exporters' metrics of themselves would count; nobody reads them. */
const counted: IExporterMetricsHelper = { name: 'span', countItems: (batch) => batch.length };
type IExporterMetricsHelper = { name: 'span'; countItems: (batch: EncodedSpans[]) => number };

export class OtlpSender implements Sender<EncodedSpans> {
  readonly #delegate: Delegate;
  readonly #encoding: Encoding;
  readonly #deadlineMs: number;
  /** What the answer that is being handled said; the delegate reports success in the same turn. */
  #partialSuccess: IExportTracePartialSuccess | undefined;

  constructor(config: OtlpConfig) {
    this.#encoding = config.protocol === 'http/json' ? jsonEncoding : protobufEncoding;
    this.#delegate = delegateFor(config, (answer) => {
      this.#partialSuccess = answer.partialSuccess;
    });
    // The official timeout holds for a silent socket. A back end that trickles bytes is given up here.
    this.#deadlineMs = 2 * timeoutMillis(config) + 1000;
  }

  pack(spans: readonly ReadableSpan[]): Packed<EncodedSpans> {
    const [kernel] = spans;
    if (kernel === undefined) throw new RangeError('a slow span without its kernel span');
    const bytes = this.#encoding.encode(spans);
    const parcel = { resource: kernel.resource, scope: kernel.instrumentationScope, bytes };
    return { parcel, bytes: OBJECT_BYTES + bytes.length };
  }

  send(parcels: EncodedSpans[]): Promise<Outcome> {
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        resolve({ kind: 'unavailable', message: `no complete answer within ${this.#deadlineMs} ms` });
      }, this.#deadlineMs);
      const settle = (outcome: Outcome) => {
        clearTimeout(deadline);
        resolve(outcome);
      };
      try {
        this.#delegate.export(parcels, (result) => {
          settle(this.#outcomeOf(result));
        });
      } catch (error) {
        settle({ kind: 'rejected', message: `the request could not be made: ${String(error)}` });
      }
    });
  }

  close(): void {
    // It waits for what is under way, which nobody waits for any more, and reports to nobody.
    this.#delegate.shutdown().catch(() => undefined);
  }

  #outcomeOf(result: ExportResult): Outcome {
    const partial = this.#partialSuccess;
    this.#partialSuccess = undefined;
    if (result.code === ExportResultCode.SUCCESS) {
      // In JSON an int64 is a string (protobuf's JSON mapping), which the official type does not say.
      const rejected = Number.parseInt(String(partial?.rejectedSpans ?? 0), 10);
      return {
        kind: 'acknowledged',
        rejectedSpans: Number.isFinite(rejected) ? Math.max(0, rejected) : 0,
        message: partial?.errorMessage === '' ? undefined : partial?.errorMessage,
      };
    }
    const { error } = result;
    return { kind: isPermanent(error) ? 'rejected' : 'unavailable', message: messageOf(error) };
  }
}

/**
 * Whether the same request would fail again. Over HTTP an OTLPExporterError with a status is what the official
 * exporter does not retry; one without a status ended its retries. Everything else is the way to the back end, which
 * may heal (refused, reset, timed out, a certificate not yet there), but for arguments that Node refuses.
 */
function isPermanent(error: Error | undefined): boolean {
  if (error instanceof OTLPExporterError) {
    return error.code !== undefined;
  }
  return error instanceof TypeError || isPermanentGrpcError(error);
}

function messageOf(error: Error | undefined): string {
  if (error instanceof OTLPExporterError && error.code !== undefined) {
    return `HTTP ${error.code} ${error.message}`;
  }
  return error?.message ?? 'the export failed without a reason';
}

function timeoutMillis({ timeout }: OtlpConfig): number {
  return Math.max(1, Number(timeout / 1_000_000n));
}

function delegateFor(config: OtlpConfig, onAnswer: (answer: IExportTraceServiceResponse) => void): Delegate {
  const options = {
    url: tracesUrl(config),
    timeoutMillis: timeoutMillis(config),
    compression: config.compression === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    concurrencyLimit: CONCURRENCY,
    userAgent: 'sltagent',
  };
  switch (config.protocol) {
    case 'grpc':
      return createOtlpGrpcExportDelegate(
        { ...convertLegacyOtlpGrpcOptions(options, 'TRACES'), metadata: () => grpcMetadata(config.headers) },
        listening(protobufEncoding, ProtobufTraceSerializer, onAnswer),
        'otlp_grpc_span_exporter',
        counted,
        undefined,
        'TraceExportService',
        GRPC_METHOD,
      );
    case 'http/protobuf':
      return httpDelegate(
        options,
        config,
        'application/x-protobuf',
        listening(protobufEncoding, ProtobufTraceSerializer, onAnswer),
      );
    case 'http/json':
      return httpDelegate(
        options,
        config,
        'application/json',
        listening(jsonEncoding, JsonTraceSerializer, onAnswer),
      );
  }
}

function httpDelegate(
  options: Parameters<typeof convertLegacyHttpOptions>[0],
  { headers }: OtlpConfig,
  contentType: string,
  serializer: TraceSerializer,
): Delegate {
  const required = { 'Content-Type': contentType };
  return createOtlpHttpExportDelegate(
    {
      ...convertLegacyHttpOptions(options, 'TRACES', 'v1/traces', required),
      // A new object each time, for the transport adds to it.
      headers: () => Promise.resolve({ ...headers, ...required }),
    },
    serializer,
    'otlp_http_span_exporter',
    counted,
    undefined,
  );
}

function grpcMetadata(headers: OtlpConfig['headers']): ReturnType<typeof createEmptyMetadata> {
  const metadata = createEmptyMetadata();
  for (const [name, value] of Object.entries(headers)) {
    metadata.set(name, value);
  }
  return metadata;
}

/** Our encoding of the request; the official reading of the answer, which is handed over as well. */
function listening(
  encoding: Encoding,
  official: Pick<TraceSerializer, 'deserializeResponse'>,
  onAnswer: (answer: IExportTraceServiceResponse) => void,
): TraceSerializer {
  return {
    serializeRequest: (batch) => encoding.request(batch),
    deserializeResponse: (data) => {
      const answer = official.deserializeResponse(data);
      onAnswer(answer);
      return answer;
    },
  };
}
