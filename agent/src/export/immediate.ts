/** An exporter over something that takes a span on the spot, such as the console. */
import type { AnnotatedSpan } from '../annotate/annotated.js';
import { ExportTally, type ExportStats, type SpanExporter } from './exporter.js';

export interface SpanPrinter {
  export(span: AnnotatedSpan): void;
}

/** A printer that returns has acknowledged the span; one that throws has rejected it. */
export class ImmediateExporter implements SpanExporter {
  readonly #printer: SpanPrinter;
  readonly #tally = new ExportTally();
  #closed = false;

  constructor(printer: SpanPrinter) {
    this.#printer = printer;
  }

  export(span: AnnotatedSpan): void {
    this.#tally.accepted += 1;
    if (this.#closed) {
      this.#tally.drop('shutdown');
      return;
    }
    try {
      this.#printer.export(span);
      this.#tally.acknowledged += 1;
    } catch (error) {
      this.#tally.lastProblem = String(error);
      this.#tally.drop('rejected');
    }
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  shutdown(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  stats(): ExportStats {
    return this.#tally.stats(0);
  }
}
