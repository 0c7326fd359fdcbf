/** The exporter beside which the same spans are printed, as `--json` and `--json-to` ask for. */
import type { AnnotatedSpan } from '../annotate/annotated.js';
import type { SpanIdentity } from '../spans/evidence.js';
import type { ExportStats, SpanExporter, SpanOwner } from './exporter.js';

/** Spans are counted where the exporter leaves them. What became of the copies is told by name, and changes none of that. */
export class Copied implements SpanExporter {
  constructor(
    private readonly exporter: SpanExporter,
    private readonly copies: Readonly<Record<string, SpanExporter>>,
  ) {}

  /** The copies are of all spans. */
  refuses(span: SpanIdentity, owner: SpanOwner): boolean {
    return Object.keys(this.copies).length === 0 && (this.exporter.refuses?.(span, owner) ?? false);
  }

  export(span: AnnotatedSpan): void {
    for (const copy of Object.values(this.copies)) copy.export(span);
    this.exporter.export(span);
  }

  async flush(timeoutMs: number): Promise<void> {
    await this.#each((exporter) => exporter.flush(timeoutMs));
  }

  async shutdown(timeoutMs: number): Promise<void> {
    await this.#each((exporter) => exporter.shutdown(timeoutMs));
  }

  stats(): ExportStats {
    const copies = Object.entries(this.copies).map(([name, copy]) => [name, copy.stats()] as const);
    return { ...this.exporter.stats(), copies: Object.fromEntries(copies) };
  }

  async #each(ask: (exporter: SpanExporter) => Promise<void>): Promise<void> {
    await Promise.all([this.exporter, ...Object.values(this.copies)].map(ask));
  }
}
