/** agent-programs/burst.c: many spans at once, told through libslt itself, by a user that nobody else on the machine is. */
import assert from 'node:assert/strict';
import { startAs, type StartOptions } from './libslt-program.js';
import type { Program } from './program.js';

/** With filter.users, the agent's counts are those of this user's processes alone. */
export const USER = 1_000_000 + process.pid;

/** burst.c as that user, or another. */
export function burst(program: string, options: StartOptions & { uid?: number } = {}): Promise<Program> {
  return startAs(options.uid ?? USER, program, options);
}

/** So many spans are open at once, for so long. */
export async function inFlight(program: Program, count: number, milliseconds: number): Promise<void> {
  program.say(`${count} ${milliseconds}`);
  assert.equal(await program.next(), 'open');
}
