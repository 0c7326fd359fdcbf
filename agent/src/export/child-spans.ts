/**
 * Evidence as spans of its own below the slow span: one `kernel`, and below it one for each kept call. They carry the
 * application's resource and lie inside the slow span, for a back end to show them in its place.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Attributes as OtelAttributes,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { AnnotatedSpan } from '../annotate/annotated.js';
import type { Attributes, ResolvedResource } from '../resolve/resolved.js';
import type { SpanIdentity } from '../spans/evidence.js';

const NS_PER_SECOND = 1_000_000_000n;

/** By OTLP's number. */
const SPAN_KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

/** One object, for the exporters group spans by the identity of their scope. */
const scope: InstrumentationScope = { name: 'sltagent', version: packageVersion() };

/** This file runs as dist/agent/src/export/child-spans.js below the package. */
function packageVersion(): string {
  const parsed: unknown = JSON.parse(
    readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
  );
  if (typeof parsed !== 'object' || parsed === null || !('version' in parsed)) {
    throw new Error(
      'package.json of sltagent holds no version: the installation is damaged, install it again',
    );
  }
  return String(parsed.version);
}

/** Resources by ours: the exporters group spans by the identity of their resource, too. */
const resources = new WeakMap<ResolvedResource, Resource>();

interface Interval {
  readonly startNs: bigint;
  readonly endNs: bigint;
}

/** The `kernel` span first. The span must be sampled. */
export function childSpans(span: AnnotatedSpan): ReadableSpan[] {
  const { span: identity } = span.source.evidence;
  const resource = otelResource(span.source.resource);
  const slow: SpanContext = {
    traceId: identity.traceId,
    spanId: identity.spanId,
    traceFlags: TraceFlags.SAMPLED,
    // To a back end the children are the application's own: a remote parent would make `kernel` an entry point.
    isRemote: false,
  };
  const interval = within(
    { startNs: span.startUnixNs, endNs: span.endUnixNs },
    applicationInterval(identity, span),
  );
  const attributes = {
    'slt.span.name': identity.name,
    'slt.span.kind': SPAN_KINDS[identity.kind],
    ...span.attributes,
  };
  const kernel = childSpan('kernel', slow, interval, attributes, resource);
  const calls = span.calls.map((call) =>
    childSpan(
      call.name,
      kernel.spanContext(),
      within({ startNs: call.startUnixNs, endNs: call.endUnixNs }, interval),
      call.attributes,
      resource,
    ),
  );
  return [kernel, ...calls];
}

/** The slow span by the clock of its own library, which may be some microseconds off ours. */
function applicationInterval({ startUnixNs, endUnixNs }: SpanIdentity, span: AnnotatedSpan): Interval {
  if (endUnixNs === undefined || endUnixNs < startUnixNs) {
    return { startNs: span.startUnixNs, endNs: span.endUnixNs };
  }
  return { startNs: startUnixNs, endNs: endUnixNs };
}

function within({ startNs, endNs }: Interval, outer: Interval): Interval {
  const start = clamp(startNs, outer);
  const end = clamp(endNs, outer);
  return { startNs: start, endNs: end < start ? start : end };
}

function clamp(ns: bigint, { startNs, endNs }: Interval): bigint {
  return ns < startNs ? startNs : ns > endNs ? endNs : ns;
}

function childSpan(
  name: string,
  parentSpanContext: SpanContext,
  { startNs, endNs }: Interval,
  attributes: Attributes,
  resource: Resource,
): ReadableSpan {
  const context: SpanContext = {
    traceId: parentSpanContext.traceId,
    spanId: randomBytes(8).toString('hex'),
    traceFlags: TraceFlags.SAMPLED,
  };
  return {
    name,
    kind: SpanKind.INTERNAL,
    spanContext: () => context,
    parentSpanContext,
    startTime: hrTime(startNs),
    endTime: hrTime(endNs),
    duration: hrTime(endNs - startNs),
    ended: true,
    // Never ERROR: that a handled EAGAIN is no failure of the request is the application's to know.
    status: { code: SpanStatusCode.UNSET },
    attributes: otelAttributes(attributes),
    links: [],
    events: [],
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function otelResource(resource: ResolvedResource): Resource {
  const known = resources.get(resource);
  if (known !== undefined) {
    return known;
  }
  const made = resourceFromAttributes(otelAttributes(resource.attributes));
  resources.set(resource, made);
  return made;
}

function otelAttributes(attributes: Attributes): OtelAttributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof value === 'object' ? [...value] : value]),
  );
}

function hrTime(ns: bigint): HrTime {
  return [Number(ns / NS_PER_SECOND), Number(ns % NS_PER_SECOND)];
}
