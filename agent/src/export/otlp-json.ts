/** OTLP/JSON: protobuf's JSON mapping, ids in hexadecimal. opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding". */
import type { Attributes, AttributeValue, HrTime } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { byResource, spanFlags, type EncodedSpans, type Encoding } from './encoding.js';

/** Names of attributes are few: each is escaped once. */
const keys = new Map<string, string>();
const MOST_KEYS = 8192;

function keyText(name: string): string {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const made = `{"key":${JSON.stringify(name)},"value":`;
  if (keys.size < MOST_KEYS) keys.set(name, made);
  return made;
}

function valueText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `{"stringValue":${JSON.stringify(value)}}`;
    case 'number':
      return Number.isInteger(value) ? `{"intValue":${value}}` : `{"doubleValue":${JSON.stringify(value)}}`;
    case 'boolean':
      return value ? '{"boolValue":true}' : '{"boolValue":false}';
    default:
      return Array.isArray(value) ? `{"arrayValue":{"values":[${value.map(valueText).join(',')}]}}` : '{}';
  }
}

function attributesText(attributes: Attributes): string {
  let text = '';
  for (const name in attributes) {
    const value: AttributeValue | undefined = attributes[name];
    text += `${text === '' ? '' : ','}${keyText(name)}${valueText(value)}}`;
  }
  return `[${text}]`;
}

function nanoseconds([seconds, ns]: HrTime): string {
  return seconds === 0 ? String(ns) : `${seconds}${String(ns).padStart(9, '0')}`;
}

function spanText(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  const parent = span.parentSpanContext?.spanId;
  return (
    `{"traceId":"${traceId}","spanId":"${spanId}",` +
    (parent === undefined ? '' : `"parentSpanId":"${parent}",`) +
    // One more than the API's number: OTLP's 0 is "unspecified".
    `"name":${JSON.stringify(span.name)},"kind":${span.kind + 1},` +
    `"startTimeUnixNano":"${nanoseconds(span.startTime)}","endTimeUnixNano":"${nanoseconds(span.endTime)}",` +
    `"attributes":${attributesText(span.attributes)},"droppedAttributesCount":0,` +
    `"events":[],"droppedEventsCount":0,"status":{"code":${span.status.code}},` +
    `"links":[],"droppedLinksCount":0,"flags":${spanFlags(span)}}`
  );
}

function encode(spans: readonly ReadableSpan[]): Uint8Array {
  let text = '';
  for (const span of spans) text += (text === '' ? '' : ',') + spanText(span);
  return Buffer.from(text);
}

const COMMA = Buffer.from(',');

function request(batch: readonly EncodedSpans[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  let open = '{"resourceSpans":[';
  for (const [resource, parts] of byResource(batch)) {
    const scope = parts[0]?.scope;
    open += `{"resource":{"attributes":${attributesText(resource.attributes)},"droppedAttributesCount":0},`;
    open += `"scopeSpans":[{"scope":${JSON.stringify({ name: scope?.name, version: scope?.version })},"spans":[`;
    pieces.push(Buffer.from(open));
    parts.forEach(({ bytes }, index) => (index === 0 ? pieces.push(bytes) : pieces.push(COMMA, bytes)));
    pieces.push(Buffer.from(']}]}'));
    open = ',';
  }
  pieces.push(Buffer.from(']}'));
  return Buffer.concat(pieces);
}

export const jsonEncoding: Encoding = { encode, request };
