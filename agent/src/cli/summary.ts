/** What became of every record and every span, for the summary at the end and for `--json`. */
import type { Backend } from '../backend/backend.js';
import type { ExportStats, SpanExporter } from '../export/exporter.js';
import type { Pipeline } from './pipeline.js';

export interface Summary {
  /** Slow spans whose evidence was acknowledged. */
  readonly annotated: number;
  /** By reason, only those that happened. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly kernel: Readonly<Record<string, number>>;
  /** What became of the lines that were printed beside the export, by where they went. */
  readonly copies?: Readonly<Record<string, CopySummary>>;
}

export interface CopySummary {
  readonly printed: number;
  readonly dropped: Readonly<Record<string, number>>;
}

function plain(counts: Iterable<readonly [string, bigint]>): Record<string, number> {
  return Object.fromEntries(
    [...counts].filter(([, count]) => count > 0n).map(([name, count]) => [name, Number(count)]),
  );
}

function happened(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

function copied({ copies }: ExportStats): Pick<Summary, 'copies'> {
  const told = Object.entries(copies).map(
    ([name, { acknowledged, dropped }]) =>
      [name, { printed: acknowledged, dropped: happened(dropped) }] as const,
  );
  return told.length === 0 ? {} : { copies: Object.fromEntries(told) };
}

/**
 * Spans: kernel.spans_sent = annotated + dropped.span_agent_behind + dropped.below_rule + dropped.failed + what the
 * exporter dropped.
 * Records: kernel.records_produced = kernel.records_drained + the record_* drops.
 */
export function summarize(backend: Backend, pipeline: Pipeline, exporter: SpanExporter): Summary {
  const kernel = [...backend.counters()];
  const { counts, assembled } = pipeline.stats();
  const exported = exporter.stats();
  const dropped: Record<string, number> = {
    ...plain(
      kernel
        .filter(([name]) => name.startsWith('drop.'))
        .map(([name, count]) => [name.slice(5), count] as const),
    ),
    ...plain(
      Object.entries(counts)
        .filter(([name]) => name.startsWith('drop.'))
        .map(([name, count]) => [name.slice(5), count] as const),
    ),
    ...happened(exported.dropped),
    ...Object.fromEntries([...assembled.malformed].map(([reason, count]) => [`malformed_${reason}`, count])),
    ...(assembled.orphans > 0 ? { orphaned_records: assembled.orphans } : {}),
    ...(exported.subspansLeftOut > 0 ? { subspans_left_out: exported.subspansLeftOut } : {}),
  };
  return {
    annotated: exported.acknowledged,
    dropped,
    kernel: plain(kernel.filter(([name]) => !name.startsWith('drop.'))),
    ...copied(exported),
  };
}
