/** What spans take in memory and, roughly, on the wire. */
import type { Attributes } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** Ids, times, and the objects around them. */
const SPAN_BYTES = 512;
/** A number or a boolean with its tags. */
const SCALAR_BYTES = 16;

/** The resource is left out: spans of one process share it. */
export function estimateBytes(spans: readonly ReadableSpan[]): number {
  return spans.reduce(
    (sum, span) => sum + SPAN_BYTES + span.name.length + attributeBytes(span.attributes),
    0,
  );
}

function attributeBytes(attributes: Attributes): number {
  return Object.entries(attributes).reduce((sum, [name, value]) => sum + name.length + valueBytes(value), 0);
}

function valueBytes(value: unknown): number {
  if (typeof value === 'string') {
    return SCALAR_BYTES + value.length;
  }
  return Array.isArray(value) ? value.reduce<number>((sum, item) => sum + valueBytes(item), 0) : SCALAR_BYTES;
}
