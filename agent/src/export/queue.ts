/**
 * The bounded queue in front of a back end. Its unit is the slow span: each one given to it is at any time pending,
 * acknowledged, or dropped for one reason, and exactly one of these.
 *
 * One request is under way at a time. Meanwhile new spans gather behind it, so that batches grow just when the back
 * end is slow. What is pending is bounded in spans and in bytes. A full queue drops its oldest: after an outage the
 * reader looks at what is slow now, and a tail sampler has decided about the old traces long ago.
 */
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { AnnotatedSpan } from '../annotate/annotated.js';
import { backoffMs, type Backoff } from './backoff.js';
import { childSpans } from './child-spans.js';
import { ExportTally, type ExportStats, type SpanExporter } from './exporter.js';
import { within } from './within.js';

/** What became of one request. */
export type Outcome =
  /** rejectedSpans: how many of the request's spans were refused, by the back end's own count. */
  | { readonly kind: 'acknowledged'; readonly rejectedSpans: number; readonly message: string | undefined }
  /** The same request may succeed later. */
  | { readonly kind: 'unavailable'; readonly message: string }
  /** The same request will never succeed. */
  | { readonly kind: 'rejected'; readonly message: string };

/** A slow span in the form in which it waits, and what that takes in memory and, about, on the wire. */
export interface Packed<Parcel> {
  readonly parcel: Parcel;
  readonly bytes: number;
}

/** One way to a back end. */
export interface Sender<Parcel> {
  /** The child spans of one slow span, the `kernel` span first, ready to be sent however often. */
  pack(spans: readonly ReadableSpan[]): Packed<Parcel>;
  /** Settles within a bound of its own. Never rejects. */
  send(parcels: Parcel[]): Promise<Outcome>;
  close(): void;
}

export interface QueueOptions {
  /** Bounds on what is pending, in slow spans and in bytes. */
  readonly maxSpans: number;
  readonly maxBytes: number;
  /** Bounds on one request, of which at least one span is always taken. */
  readonly batchSpans: number;
  readonly batchBytes: number;
  /** How long a span may wait for others to share its request. */
  readonly gatherMs: number;
  /** Times that one batch is sent. The official HTTP exporters repeat a request in each of these by themselves. */
  readonly attempts: number;
  readonly backoff: Backoff;
}

/**
 * A request stays below the 4 MiB that gRPC servers take by default, and takes enough spans that 3,500 a second leave
 * through a back end that answers after 50 ms. gatherMs is well below the 5 s of interface.md.
 */
export const queueDefaults: QueueOptions = {
  maxSpans: 2048,
  maxBytes: 32 * 2 ** 20,
  batchSpans: 256,
  batchBytes: 2 * 2 ** 20,
  gatherMs: 500,
  attempts: 5,
  backoff: { firstMs: 1000, mostMs: 10_000 },
};

/** Of a request; a user who looks at the log shall not have to wait for the last of its retries. */
const SILENCE_MS = 3000;

export class ExportQueue<Parcel> implements SpanExporter {
  readonly #sender: Sender<Parcel>;
  readonly #options: QueueOptions;
  readonly #reported: (problem: string | undefined) => void;
  /** It was reported that the back end takes nothing. */
  #inTrouble = false;
  readonly #tally = new ExportTally();
  readonly #queued: Packed<Parcel>[] = [];
  /** The batch of the request under way, or of the one that is repeated next. */
  #sending: readonly Packed<Parcel>[] = [];
  #bytes = 0;
  /** Requests in a row that the back end did not answer: a new batch waits for it, too. */
  #failures = 0;
  #gathering: NodeJS.Timeout | undefined;
  /** Resolves when nothing is left to send; undefined while nothing is sent. Never rejects. */
  #draining: Promise<void> | undefined;
  /** Ends the wait before the next attempt. */
  #wake: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  /** reported: told once when the back end ceases to take spans, or is silent for long, and once (undefined) when it takes them again. */
  constructor(
    sender: Sender<Parcel>,
    options: QueueOptions = queueDefaults,
    reported: (problem: string | undefined) => void = () => undefined,
  ) {
    this.#sender = sender;
    this.#options = options;
    this.#reported = reported;
  }

  export(span: AnnotatedSpan): void {
    this.#tally.accepted += 1;
    if (this.#closing !== undefined) {
      this.#tally.drop('shutdown');
      return;
    }
    // Ids are given out here: they stay the same however often it is sent.
    const entry = this.#sender.pack(childSpans(span));
    if (!this.#makeRoom(entry.bytes)) {
      this.#tally.drop('queue_full');
      return;
    }
    this.#queued.push(entry);
    this.#bytes += entry.bytes;
    this.#gather();
  }

  async flush(timeoutMs: number): Promise<void> {
    this.#drain();
    this.#wake?.();
    await within(timeoutMs, this.#draining ?? Promise.resolve());
  }

  shutdown(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  stats(): ExportStats {
    return this.#tally.stats(this.#pending());
  }

  async #close(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs);
    this.#closed = true;
    this.#tally.drop('shutdown', this.#pending());
    this.#queued.length = 0;
    this.#sending = [];
    this.#bytes = 0;
    this.#wake?.();
    this.#sender.close();
  }

  #pending(): number {
    return this.#queued.length + this.#sending.length;
  }

  /** Whether there is room for so many bytes, if need be after dropping the oldest that are not on their way. */
  #makeRoom(bytes: number): boolean {
    const { maxSpans, maxBytes } = this.#options;
    while (this.#pending() >= maxSpans || this.#bytes + bytes > maxBytes) {
      const oldest = this.#queued.shift();
      if (oldest === undefined) {
        return false;
      }
      this.#bytes -= oldest.bytes;
      this.#tally.drop('queue_full');
    }
    return true;
  }

  #gather(): void {
    if (this.#draining !== undefined) {
      return;
    }
    if (this.#queued.length >= this.#options.batchSpans || this.#bytes >= this.#options.batchBytes) {
      this.#drain();
      return;
    }
    this.#gathering ??= setTimeout(() => {
      this.#drain();
    }, this.#options.gatherMs);
  }

  #drain(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#queued.length > 0) {
      this.#draining ??= this.#sendAll().finally(() => {
        this.#draining = undefined;
        // A span that came after the last look at the queue found it being emptied.
        if (this.#queued.length > 0) {
          this.#gather();
        }
      });
    }
  }

  async #sendAll(): Promise<void> {
    while (this.#queued.length > 0) {
      this.#sending = this.#takeBatch();
      await this.#deliver(this.#sending);
    }
  }

  #takeBatch(): readonly Packed<Parcel>[] {
    const { batchSpans, batchBytes } = this.#options;
    let count = 0;
    let bytes = 0;
    for (const entry of this.#queued.slice(0, batchSpans)) {
      bytes += entry.bytes;
      if (count > 0 && bytes > batchBytes) {
        break;
      }
      count += 1;
    }
    return this.#queued.splice(0, count);
  }

  async #deliver(batch: readonly Packed<Parcel>[]): Promise<void> {
    const parcels = batch.map(({ parcel }) => parcel);
    for (let attempt = 1; ; attempt += 1) {
      if (this.#failures > 0) {
        await this.#pause(backoffMs(this.#options.backoff, this.#failures, Math.random()));
      }
      if (this.#isClosed()) {
        return;
      }
      this.#tally.retries += attempt > 1 ? 1 : 0;
      const outcome = await this.#outcomeOf(parcels);
      // An answer after the end changes nothing: what it is about has been counted.
      if (this.#isClosed() || this.#settled(batch, outcome, attempt)) {
        return;
      }
    }
  }

  /** The official exporters try again for a while before they say that they failed: a silence is told sooner. */
  async #outcomeOf(parcels: Parcel[]): Promise<Outcome> {
    const silence = setTimeout(() => this.#trouble(`no answer for ${SILENCE_MS} ms`), SILENCE_MS);
    const outcome = await this.#sender.send(parcels);
    clearTimeout(silence);
    if (outcome.kind === 'acknowledged') this.#recovered();
    else this.#trouble(outcome.message);
    return outcome;
  }

  #trouble(problem: string): void {
    if (!this.#inTrouble) this.#reported(problem);
    this.#inTrouble = true;
  }

  #recovered(): void {
    if (this.#inTrouble) this.#reported(undefined);
    this.#inTrouble = false;
  }

  /** Asked anew after each wait. */
  #isClosed(): boolean {
    return this.#closed;
  }

  /** Counts the outcome. Whether it was the batch's last. */
  #settled(batch: readonly Packed<Parcel>[], outcome: Outcome, attempt: number): boolean {
    this.#tally.lastProblem = outcome.message ?? this.#tally.lastProblem;
    if (outcome.kind === 'unavailable') {
      this.#failures += 1;
      if (attempt < this.#options.attempts) {
        return false;
      }
      this.#tally.drop('retries_exhausted', batch.length);
    } else {
      this.#failures = 0;
      // Which spans were refused is not told. Each may be of another slow span: nothing is called acknowledged that
      // may not have arrived.
      const refused =
        outcome.kind === 'rejected' ? batch.length : Math.min(batch.length, outcome.rejectedSpans);
      this.#tally.drop(outcome.kind === 'rejected' ? 'rejected' : 'partial_success', refused);
      this.#tally.acknowledged += batch.length - refused;
    }
    this.#sending = [];
    this.#bytes -= batch.reduce((sum, entry) => sum + entry.bytes, 0);
    return true;
  }

  async #pause(ms: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await within(ms, woken);
    this.#wake = undefined;
  }
}
