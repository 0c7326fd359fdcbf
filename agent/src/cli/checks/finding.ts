/** What `check` finds out: one finding for each thing that the agent needs. */

/**
 * ready: works. limited: the agent runs, and less is seen or more must be done by hand.
 * missing: the agent cannot run. unknown: it could not be told; counts as limited.
 */
export type Verdict = 'ready' | 'limited' | 'missing' | 'unknown';

export interface Finding {
  /** What was looked at, as a name that programs may rely on: `kernel.btf`. */
  readonly id: string;
  readonly verdict: Verdict;
  /** What was found, one sentence. */
  readonly found: string;
  /** What the user can do about it. */
  readonly remedy?: string;
}

/** Exit status of `check`: 0 ready, 1 limited, 2 cannot run. */
export function statusOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ verdict }) => verdict === 'missing')) return 2;
  return findings.every(({ verdict }) => verdict === 'ready') ? 0 : 1;
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
