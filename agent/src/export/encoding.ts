/**
 * Child spans as the bytes that leave. They are encoded as soon as they are made: the bytes are a fraction of the
 * objects, and lie where no collector of garbage walks over them while they wait. The official serializers, which take
 * the objects, are what the tests hold each byte against; they cost several times as much.
 */
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** The child spans of one slow span. */
export interface EncodedSpans {
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
  readonly bytes: Uint8Array;
}

export interface Encoding {
  /** Spans without events and links, as childSpans() makes them: ScopeSpans.spans of OTLP, back to back. */
  encode(spans: readonly ReadableSpan[]): Uint8Array;
  /** A whole ExportTraceServiceRequest. Spans of one resource, by identity, lie together. */
  request(batch: readonly EncodedSpans[]): Uint8Array;
}

/** The parts of a batch by their resources, each in the order in which they came. */
export function byResource(batch: readonly EncodedSpans[]): Map<Resource, EncodedSpans[]> {
  const groups = new Map<Resource, EncodedSpans[]>();
  for (const part of batch) {
    const group = groups.get(part.resource);
    if (group === undefined) groups.set(part.resource, [part]);
    else group.push(part);
  }
  return groups;
}

/** OTLP's Span.flags: W3C's in the low byte, then whether it is known that the parent is remote, and whether it is. */
export function spanFlags(span: ReadableSpan): number {
  const isRemote = span.parentSpanContext?.isRemote === true;
  return (span.spanContext().traceFlags & 0xff) | 0x100 | (isRemote ? 0x200 : 0);
}
