import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

/** Long enough for any machine: only a test that fails waits for so long. */
export const PATIENCE_MS = 60_000;
const LOOK_EACH_MS = 5;

/** Resolves once the condition holds; a test that sleeps instead fails on a machine that is slower than its author's. */
export async function until(
  condition: () => boolean,
  what: string,
  milliseconds = PATIENCE_MS,
): Promise<void> {
  for (const end = Date.now() + milliseconds; !condition(); await pause(LOOK_EACH_MS)) {
    assert.ok(Date.now() < end, `not within ${milliseconds} ms: ${what}`);
  }
}
