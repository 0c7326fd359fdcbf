/**
 * How much may leave. A service that is slow as a whole says the same thing with every span, and a trace with
 * thousands of sub-spans opens in no tracer: past the first limit nothing leaves, past the second the totals only.
 * Pure: the time is the caller's.
 */
import type { AnnotatedCall, AnnotatedSpan } from '../annotate/annotated.js';
import type { TraceId } from '../spans/evidence.js';

export interface Limits {
  /** Spans of one service: the rate at which its bucket fills, and what the bucket holds. */
  readonly annotated_per_second: number;
  /** Calls that leave as sub-spans of one trace. */
  readonly subspans_per_trace: number;
}

/** Any user can invent service names and trace ids: of each, so many are remembered, the latest seen. */
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
  readonly #subspans = new Map<TraceId, number>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** After a reload. What was used up stays used up. */
  set(limits: Limits): void {
    this.#limits = limits;
  }

  /** nowMs: of a clock that does not go back. */
  admit(span: AnnotatedSpan, nowMs: number): Admission {
    if (!this.#takeToken(span.source.resource.serviceName, nowMs)) {
      return { kind: 'refused', reason: 'limit_annotated_per_second' };
    }
    const { traceId } = span.source.evidence.span;
    const used = this.#subspans.get(traceId) ?? 0;
    const kept = Math.min(span.calls.length, Math.max(0, this.#limits.subspans_per_trace - used));
    if (span.calls.length > 0) {
      remember(this.#subspans, traceId, used + kept, TRACES_REMEMBERED);
    }
    const subspansLeftOut = span.calls.length - kept;
    return {
      kind: 'admitted',
      span: subspansLeftOut === 0 ? span : { ...span, calls: slowest(span.calls, kept) },
      subspansLeftOut,
    };
  }

  /** Whether admit() would refuse a span of this service now. Takes nothing. */
  exhausted(service: string, nowMs: number): boolean {
    return this.#tokens(service, nowMs) < 1;
  }

  #takeToken(service: string, nowMs: number): boolean {
    const tokens = this.#tokens(service, nowMs);
    const taken = tokens >= 1;
    remember(
      this.#buckets,
      service,
      { tokens: taken ? tokens - 1 : tokens, atMs: nowMs },
      SERVICES_REMEMBERED,
    );
    return taken;
  }

  #tokens(service: string, nowMs: number): number {
    const rate = this.#limits.annotated_per_second;
    const bucket = this.#buckets.get(service);
    return bucket === undefined
      ? rate
      : Math.min(rate, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * rate);
  }
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
