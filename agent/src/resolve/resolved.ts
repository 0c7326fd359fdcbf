/** Evidence together with what its numbers mean outside the kernel: the form that annotate works on, without any I/O. */
import type { SpanEvidence } from '../spans/evidence.js';

/** Values that OTLP knows and that we use. */
export type AttributeValue = string | number | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Of a resource the application says what it likes; of arrays, those of one kind. */
export type ResourceValue = AttributeValue | readonly number[] | readonly boolean[];
export type ResourceAttributes = Readonly<Record<string, ResourceValue>>;

/** Where the resource's service.name came from. */
export type ResourceSource = 'provider' | 'environment' | 'process';

/** Whose span it is. */
export interface ResolvedResource {
  /** The application's own resource: the provider's, else OTEL_* and /proc. Always holds service.name and process.pid. */
  readonly attributes: ResourceAttributes;
  readonly serviceName: string;
  readonly source: ResourceSource;
}

/** Names for one kept call (evidence.calls, same index). */
export interface ResolvedCall {
  /** The path behind the descriptor at the time of resolving, where it is still the same inode; only with data.arguments full. */
  readonly filePath: string | undefined;
}

export interface ResolvedSpan {
  readonly evidence: SpanEvidence;
  readonly resource: ResolvedResource;
  /** The process's user as the kernel saw it, which nobody can make up; undefined: the record of its start was lost. */
  readonly uid: number | undefined;
  /** Names of the threads in evidence.threads, by tid. */
  readonly threadNames: ReadonlyMap<number, string>;
  readonly calls: readonly ResolvedCall[];
  /** Whether the process runs a language runtime whose locks look like the application's unless proved (Python). */
  readonly runtime: 'python' | undefined;
  /** Unix time of evidence.startedNs by the host's clocks. */
  readonly startedUnixNs: bigint;
}
