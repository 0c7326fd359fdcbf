/** What a machine tells of a check, as a line of JSON. */
export const checkNames = ['loads', 'annotates', 'waits'] as const;
export type CheckName = (typeof checkNames)[number];

export interface CheckResult {
  readonly check: CheckName;
  readonly ok: boolean;
  /** What was seen, or why it failed. */
  readonly detail: string;
  readonly seconds: number;
}
