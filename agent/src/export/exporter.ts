/** What the pipeline asks of everything that evidence can go to, and the one list of reasons why it did not arrive. */
import type { AnnotatedSpan } from '../annotate/annotated.js';
import type { SpanIdentity } from '../spans/evidence.js';

/** Why a slow span that was given to an exporter never arrived; schemas/evidence/losses.ts says what each means. */
export const exportDropReasons = [
  'not_sampled',
  'limit_annotated_per_second',
  'queue_full',
  'retries_exhausted',
  'rejected',
  'partial_success',
  'reader_behind',
  'reader_gone',
  'shutdown',
] as const;
export type ExportDropReason = (typeof exportDropReasons)[number];

/** Counted in slow spans. At any time accepted = acknowledged + the sum of dropped + pending. */
export interface ExportStats {
  /** Given to export(). */
  readonly accepted: number;
  /** Taken by the receiver, as far as it says. */
  readonly acknowledged: number;
  /** Waiting, or on their way. */
  readonly pending: number;
  readonly dropped: Readonly<Record<ExportDropReason, number>>;
  /** Calls of sent spans that were left out by limit_subspans_per_trace. */
  readonly subspansLeftOut: number;
  /** Requests that were sent again after the receiver did not take them. */
  readonly retries: number;
  /** The receiver's latest refusal in its own words. */
  readonly lastProblem: string | undefined;
  /** Of what was printed beside the export, by name; none of the numbers above holds them. */
  readonly copies: Readonly<Record<string, ExportStats>>;
}

/** Whose a span is, as far as limits go: a name that any user can take, and who took it. */
export interface SpanOwner {
  /** undefined: not known. */
  readonly uid: number | undefined;
  readonly serviceName: string;
}

export interface SpanExporter {
  /**
   * Whether export() would drop a span for its kind or its service, asked before it is explained: most of a storm is cut off
   * here, at almost no cost. True: it is counted as given and dropped, and must not be given any more.
   */
  refuses?(span: SpanIdentity, owner: SpanOwner): boolean;
  /** Never throws and never waits: what cannot be kept is dropped and counted. */
  export(span: AnnotatedSpan): void;
  /** Resolves when everything given so far has been acknowledged or dropped, or after timeoutMs. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
  /** As flush; what is left then is dropped, as is everything given later. Never rejects. */
  shutdown(timeoutMs: number): Promise<void>;
  stats(): ExportStats;
}

/** The counters behind ExportStats. */
export class ExportTally {
  accepted = 0;
  acknowledged = 0;
  retries = 0;
  lastProblem: string | undefined;
  readonly #dropped = Object.fromEntries(exportDropReasons.map((reason) => [reason, 0])) as Record<
    ExportDropReason,
    number
  >;

  drop(reason: ExportDropReason, spans = 1): void {
    this.#dropped[reason] += spans;
  }

  stats(pending: number): ExportStats {
    return {
      accepted: this.accepted,
      acknowledged: this.acknowledged,
      pending,
      dropped: { ...this.#dropped },
      subspansLeftOut: 0,
      retries: this.retries,
      lastProblem: this.lastProblem,
      copies: {},
    };
  }
}
