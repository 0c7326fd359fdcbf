/**
 * Evidence as spans of its own below the slow span: one `kernel`, and below it one for each kept call. They carry the
 * application's resource and lie inside the slow span, for a back end to show them in its place.
 */
import { randomFillSync } from 'node:crypto';
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
import type { Attributes, ResolvedResource, ResourceAttributes } from '../resolve/resolved.js';
import type { SpanIdentity } from '../spans/evidence.js';

const NS_PER_SECOND = 1_000_000_000n;

// Shared by all spans: nobody writes to them.
const NONE: never[] = [];
const UNSET = { code: SpanStatusCode.UNSET } as const;

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
  const kernel = new ChildSpan('kernel', slow, interval, span.attributes, resource);
  const parent = kernel.spanContext();
  const spans: ReadableSpan[] = [kernel];
  for (const { name, startUnixNs, endUnixNs, attributes } of span.calls) {
    const inside = within({ startNs: startUnixNs, endNs: endUnixNs }, interval);
    spans.push(new ChildSpan(name, parent, inside, attributes, resource));
  }
  return spans;
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

/** A class, for its times: nothing of ours reads the duration, and a division of bigints for each span is seen in a profile. */
class ChildSpan implements ReadableSpan {
  readonly kind = SpanKind.INTERNAL;
  readonly ended = true;
  // Never ERROR: that a handled EAGAIN is no failure of the request is the application's to know.
  readonly status = UNSET;
  readonly links = NONE;
  readonly events = NONE;
  readonly instrumentationScope = scope;
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly attributes: OtelAttributes;
  readonly #context: SpanContext;
  readonly #interval: Interval;

  constructor(
    readonly name: string,
    readonly parentSpanContext: SpanContext,
    interval: Interval,
    attributes: Attributes,
    readonly resource: Resource,
  ) {
    this.startTime = hrTime(interval.startNs);
    this.endTime = hrTime(interval.endNs);
    this.attributes = otelAttributes(attributes);
    this.#interval = interval;
    this.#context = {
      traceId: parentSpanContext.traceId,
      spanId: freshSpanId(),
      traceFlags: TraceFlags.SAMPLED,
    };
  }

  get duration(): HrTime {
    return hrTime(this.#interval.endNs - this.#interval.startNs);
  }

  spanContext(): SpanContext {
    return this.#context;
  }
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

/** Theirs may be changed, ours may not; the exporters only read, so no span pays for a copy. */
function otelAttributes(attributes: ResourceAttributes): OtelAttributes {
  return attributes as OtelAttributes;
}

const SPAN_ID_BYTES = 8;
/** Random bytes for so many ids at once: each call of the generator costs as much as many of them. */
const randomPool = Buffer.alloc(512 * SPAN_ID_BYTES);
let randomUsed = randomPool.length;

function freshSpanId(): string {
  if (randomUsed === randomPool.length) {
    randomFillSync(randomPool);
    randomUsed = 0;
  }
  const id = randomPool.toString('hex', randomUsed, randomUsed + SPAN_ID_BYTES);
  randomUsed += SPAN_ID_BYTES;
  return id;
}

function hrTime(ns: bigint): HrTime {
  return [Number(ns / NS_PER_SECOND), Number(ns % NS_PER_SECOND)];
}
