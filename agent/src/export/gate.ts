/** The exporter in front of another one that lets through what may leave, and counts what may not. */
import type { AnnotatedSpan } from '../annotate/annotated.js';
import type { SpanIdentity } from '../spans/evidence.js';
import { ExportTally, type ExportStats, type SpanExporter, type SpanOwner } from './exporter.js';
import type { ExportLimits } from './limits.js';

export interface GateOptions {
  readonly limits: ExportLimits;
  /** Whether a span of a trace that is not recorded may pass: to the console, not to a tracer. */
  readonly unsampled: boolean;
  /** Milliseconds of a clock that does not go back. */
  readonly now?: () => number;
}

export class Gate implements SpanExporter {
  readonly #next: SpanExporter;
  readonly #options: GateOptions;
  readonly #now: () => number;
  readonly #tally = new ExportTally();
  #subspansLeftOut = 0;

  constructor(next: SpanExporter, options: GateOptions) {
    this.#next = next;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  refuses(span: SpanIdentity, owner: SpanOwner): boolean {
    if (!this.#options.unsampled && !span.sampled) {
      this.#tally.drop('not_sampled');
      return true;
    }
    if (!this.#options.limits.exhausted(owner, this.#now())) return false;
    this.#tally.drop('limit_annotated_per_second');
    return true;
  }

  export(span: AnnotatedSpan): void {
    // Before the limits: spans that nobody can see must not use up the share of those that somebody can.
    if (!this.#options.unsampled && !span.source.evidence.span.sampled) {
      this.#tally.drop('not_sampled');
      return;
    }
    const admission = this.#options.limits.admit(span, this.#now());
    if (admission.kind === 'refused') {
      this.#tally.drop(admission.reason);
      return;
    }
    this.#subspansLeftOut += admission.subspansLeftOut;
    this.#next.export(admission.span);
  }

  flush(timeoutMs: number): Promise<void> {
    return this.#next.flush(timeoutMs);
  }

  shutdown(timeoutMs: number): Promise<void> {
    return this.#next.shutdown(timeoutMs);
  }

  stats(): ExportStats {
    const next = this.#next.stats();
    const { not_sampled, limit_annotated_per_second } = this.#tally.stats(0).dropped;
    return {
      ...next,
      accepted: next.accepted + not_sampled + limit_annotated_per_second,
      dropped: { ...next.dropped, not_sampled, limit_annotated_per_second },
      subspansLeftOut: this.#subspansLeftOut,
    };
  }
}
