/**
 * How much may leave. A service that is slow as a whole says the same thing with every span, and a trace with
 * thousands of sub-spans opens in no tracer: past the first limit nothing leaves, past the second the totals only.
 * Any user can call a service as another one's is called, and continue another's trace: each has an allowance of its
 * own. Pure: the time is the caller's.
 */
import type { AnnotatedCall, AnnotatedSpan } from '../annotate/annotated.js';
import type { SpanOwner } from './exporter.js';

export interface Limits {
  /** Spans of one user's service: the rate at which its bucket fills, and what the bucket holds. */
  readonly annotated_per_second: number;
  /** Calls of one user's processes that leave as sub-spans of one trace. */
  readonly subspans_per_trace: number;
}

/** Of services and traces so many are remembered, the latest seen. One that was forgotten has its whole allowance again. */
const SERVICES_REMEMBERED = 1024;
const TRACES_REMEMBERED = 4096;

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export type Admission =
  | { readonly kind: 'refused'; readonly reason: 'limit_annotated_per_second' }
  /** `span` holds fewer calls than the one asked about by subspansLeftOut. */
  | { readonly kind: 'admitted'; readonly span: AnnotatedSpan; readonly subspansLeftOut: number };

export class ExportLimits {
  #limits: Limits;
  /** In order of their last use. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #subspans = new Map<string, number>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** After a reload. What was used up stays used up. */
  set(limits: Limits): void {
    this.#limits = limits;
  }

  /** nowMs: of a clock that does not go back. */
  admit(span: AnnotatedSpan, nowMs: number): Admission {
    const { uid, resource, evidence } = span.source;
    if (!this.#takeToken(serviceKey({ uid, serviceName: resource.serviceName }), nowMs)) {
      return { kind: 'refused', reason: 'limit_annotated_per_second' };
    }
    const trace = `${uid ?? 'unknown'} ${evidence.span.traceId}`;
    const used = this.#subspans.get(trace) ?? 0;
    const kept = Math.min(span.calls.length, Math.max(0, this.#limits.subspans_per_trace - used));
    if (span.calls.length > 0) {
      remember(this.#subspans, trace, used + kept, TRACES_REMEMBERED);
    }
    const subspansLeftOut = span.calls.length - kept;
    return {
      kind: 'admitted',
      span: subspansLeftOut === 0 ? span : { ...span, calls: slowest(span.calls, kept) },
      subspansLeftOut,
    };
  }

  /** Whether admit() would refuse a span of this owner now. Takes nothing. */
  exhausted(owner: SpanOwner, nowMs: number): boolean {
    return this.#tokens(serviceKey(owner), nowMs) < 1;
  }

  #takeToken(key: string, nowMs: number): boolean {
    const tokens = this.#tokens(key, nowMs);
    const taken = tokens >= 1;
    remember(this.#buckets, key, { tokens: taken ? tokens - 1 : tokens, atMs: nowMs }, SERVICES_REMEMBERED);
    return taken;
  }

  #tokens(key: string, nowMs: number): number {
    const rate = this.#limits.annotated_per_second;
    const bucket = this.#buckets.get(key);
    return bucket === undefined
      ? rate
      : Math.min(rate, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * rate);
  }
}

function serviceKey({ uid, serviceName }: SpanOwner): string {
  return `${uid ?? 'unknown'} ${serviceName}`;
}

/** The slowest `count` of the calls, in the order that they had. */
function slowest(calls: readonly AnnotatedCall[], count: number): readonly AnnotatedCall[] {
  const length = (call: AnnotatedCall) => Number(call.endUnixNs - call.startUnixNs);
  const chosen = new Set([...calls].sort((one, other) => length(other) - length(one)).slice(0, count));
  return calls.filter((call) => chosen.has(call));
}

/** Sets the entry as the latest used, and forgets the one that was not used for longest when there are too many. */
function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) {
    const [oldest] = map.keys();
    if (oldest !== undefined) {
      map.delete(oldest);
    }
  }
}
