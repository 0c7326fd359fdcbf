/**
 * Prints slow spans, for a reader or, with json, one object a line for a program.
 *
 * A span counts as delivered when the stream has handed all of its text to the system, not when it was put into the
 * stream: between the two lie as many spans as the reader is behind, and a reader may close its end.
 */
import type { Writable } from 'node:stream';
import type { AnnotatedSpan } from '../annotate/annotated.js';
import { jsonObject } from './console-json.js';
import { harmless, styleOf, type Style } from './console-style.js';
import { textOf } from './console-text.js';
import { ExportTally, type ExportDropReason, type ExportStats, type SpanExporter } from './exporter.js';
import { within } from './within.js';

export interface ConsoleOptions {
  readonly json: boolean;
  /** See wantsColour(). Nothing is coloured in JSON. */
  readonly colour: boolean;
}

/** A reader who is this far behind misses spans rather than fill the agent's memory. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export class ConsoleExporter implements SpanExporter {
  readonly #stream: Writable;
  readonly #json: boolean;
  readonly #style: Style;
  readonly #tally = new ExportTally();
  /** Spans in the stream that the system has not taken yet. */
  #pending = 0;
  #closed = false;
  /** Told when nothing is pending any more. */
  readonly #waiting = new Set<() => void>();

  constructor(stream: Writable, { json, colour }: ConsoleOptions) {
    this.#stream = stream;
    this.#json = json;
    this.#style = styleOf(colour);
    // The spans that it concerns are told by the callbacks of their writes; without a listener it would end the agent.
    stream.on('error', (error) => {
      this.#tally.lastProblem = error.message;
    });
  }

  export(span: AnnotatedSpan): void {
    const reason = this.#refusal();
    if (reason !== undefined) {
      this.#tally.accepted += 1;
      this.#tally.drop(reason);
      return;
    }
    const text = this.#json ? `${harmless(JSON.stringify(jsonObject(span)))}\n` : textOf(span, this.#style);
    this.#tally.accepted += 1;
    this.#pending += 1;
    this.#stream.write(text, (error) => this.#written(error));
  }

  async flush(timeoutMs: number): Promise<void> {
    if (this.#pending === 0) return;
    let done: (() => void) | undefined;
    const idle = new Promise<void>((resolve) => {
      done = resolve;
      this.#waiting.add(resolve);
    });
    await within(timeoutMs, idle);
    if (done !== undefined) this.#waiting.delete(done);
  }

  async shutdown(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs);
    this.#closed = true;
    this.#tally.drop('shutdown', this.#pending);
    this.#pending = 0;
  }

  stats(): ExportStats {
    return this.#tally.stats(this.#pending);
  }

  #refusal(): ExportDropReason | undefined {
    if (this.#closed) return 'shutdown';
    if (!this.#stream.writable) return 'reader_gone';
    return this.#stream.writableLength > MAX_WAITING_BYTES ? 'reader_behind' : undefined;
  }

  #written(error: Error | null | undefined): void {
    // What was still under way at the end has been counted then.
    if (this.#closed) return;
    this.#pending -= 1;
    if (error == null) this.#tally.acknowledged += 1;
    else this.#tally.drop('reader_gone');
    if (this.#pending === 0) for (const resolve of this.#waiting) resolve();
  }
}
