/** OTLP in protobuf: opentelemetry/proto/{trace,common,resource}/v1, whose numbers of fields are the constants here. */
import type { Attributes, HrTime } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { byResource, spanFlags, type EncodedSpans, type Encoding } from './encoding.js';
import { ProtobufWriter } from './protobuf.js';

const REQUEST = { resourceSpans: 1 } as const;
const RESOURCE_SPANS = { resource: 1, scopeSpans: 2 } as const;
const RESOURCE = { attributes: 1, droppedAttributes: 2 } as const;
const SCOPE_SPANS = { scope: 1, spans: 2 } as const;
const SCOPE = { name: 1, version: 2 } as const;
const SPAN = {
  traceId: 1,
  spanId: 2,
  parentSpanId: 4,
  name: 5,
  kind: 6,
  start: 7,
  end: 8,
  attributes: 9,
  droppedAttributes: 10,
  droppedEvents: 12,
  droppedLinks: 14,
  status: 15,
  flags: 16,
} as const;
const STATUS = { code: 3 } as const;
const KEY_VALUE = { key: 1, value: 2 } as const;
const ANY_VALUE = { string: 1, boolean: 2, integer: 3, double: 4, array: 5 } as const;
const ARRAY_VALUE = { values: 1 } as const;

/** One, for it is empty after each use, and its buffer has then the size that is needed. */
const writer = new ProtobufWriter();

/** Names of attributes are few: each is encoded once. */
const keys = new Map<string, Uint8Array>();
const MOST_KEYS = 8192;
const keyWriter = new ProtobufWriter();

function keyBytes(name: string): Uint8Array {
  const known = keys.get(name);
  if (known !== undefined) return known;
  keyWriter.string(KEY_VALUE.key, name);
  const made = keyWriter.take();
  if (keys.size < MOST_KEYS) keys.set(name, made);
  return made;
}

function isInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
}

function writeValue(field: number, value: unknown): void {
  const start = writer.begin(field, 1);
  if (typeof value === 'string') writer.string(ANY_VALUE.string, value);
  else if (typeof value === 'boolean') writer.boolean(ANY_VALUE.boolean, value);
  else if (typeof value === 'number' && isInt64(value)) writer.integer(ANY_VALUE.integer, value);
  else if (typeof value === 'number') writer.double(ANY_VALUE.double, value);
  else if (Array.isArray(value)) {
    const values = writer.begin(ANY_VALUE.array, 1);
    for (const item of value) writeValue(ARRAY_VALUE.values, item);
    writer.end(values, 1);
  }
  writer.end(start, 1);
}

function writeAttributes(field: number, attributes: Attributes): void {
  for (const name in attributes) {
    const start = writer.begin(field, 1);
    writer.raw(keyBytes(name));
    writeValue(KEY_VALUE.value, attributes[name]);
    writer.end(start, 1);
  }
}

const WORD = 2 ** 32;
const HALF_WORD = 2 ** 16;

/** Nanoseconds as a fixed64. The seconds are taken in two halves, each of whose products a number holds exactly. */
function writeTime(field: number, [seconds, ns]: HrTime): void {
  const upper = Math.floor(seconds / HALF_WORD) * 1e9;
  const lower = (seconds % HALF_WORD) * 1e9 + ns;
  const low = (upper % HALF_WORD) * HALF_WORD + lower;
  writer.fixed64(field, Math.floor(upper / HALF_WORD) + Math.floor(low / WORD), low % WORD);
}

function writeSpan(span: ReadableSpan): void {
  const { traceId, spanId } = span.spanContext();
  const parent = span.parentSpanContext?.spanId;
  const start = writer.begin(SCOPE_SPANS.spans, 2);
  writer.hex(SPAN.traceId, traceId);
  writer.hex(SPAN.spanId, spanId);
  if (parent !== undefined) writer.hex(SPAN.parentSpanId, parent);
  writer.string(SPAN.name, span.name);
  // One more than the API's number: OTLP's 0 is "unspecified".
  writer.integer(SPAN.kind, span.kind + 1);
  writeTime(SPAN.start, span.startTime);
  writeTime(SPAN.end, span.endTime);
  writeAttributes(SPAN.attributes, span.attributes);
  writer.integer(SPAN.droppedAttributes, 0);
  writer.integer(SPAN.droppedEvents, 0);
  writer.integer(SPAN.droppedLinks, 0);
  const status = writer.begin(SPAN.status, 1);
  writer.integer(STATUS.code, span.status.code);
  writer.end(status, 1);
  writer.fixed32(SPAN.flags, spanFlags(span));
  writer.end(start, 2);
}

function encode(spans: readonly ReadableSpan[]): Uint8Array {
  for (const span of spans) writeSpan(span);
  return writer.take();
}

function request(batch: readonly EncodedSpans[]): Uint8Array {
  for (const [resource, parts] of byResource(batch)) {
    const resourceSpans = writer.begin(REQUEST.resourceSpans, 3);
    const head = writer.begin(RESOURCE_SPANS.resource, 2);
    writeAttributes(RESOURCE.attributes, resource.attributes);
    writer.integer(RESOURCE.droppedAttributes, 0);
    writer.end(head, 2);
    const scopeSpans = writer.begin(RESOURCE_SPANS.scopeSpans, 3);
    const scope = writer.begin(SCOPE_SPANS.scope, 1);
    writer.string(SCOPE.name, parts[0]?.scope.name ?? '');
    const version = parts[0]?.scope.version;
    if (version !== undefined) writer.string(SCOPE.version, version);
    writer.end(scope, 1);
    for (const { bytes } of parts) writer.raw(bytes);
    writer.end(scopeSpans, 3);
    writer.end(resourceSpans, 3);
  }
  return writer.take();
}

export const protobufEncoding: Encoding = { encode, request };
