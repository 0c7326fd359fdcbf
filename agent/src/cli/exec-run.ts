/** `exec --run`: the program with an agent of its own, which ends with it. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Caller } from './caller.js';
import { ROOT } from './installation.js';
import { runAgent } from './run.js';

/** Signals that whoever started us means for the program. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** A terminal sends these to the whole group, the program included: it must not get them twice. */
const OF_KEYBOARD = ['SIGINT', 'SIGQUIT'] as const;

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    // ENXIO: there is none, so nobody but a sender of kill(2) can have meant us.
    return false;
  }
}

/** A shell names no others. */
const HIGHEST_OF_SHELL = 9;

/**
 * What the launcher reads of its caller is to be what ours was given, and not what Node has made of it. Between two
 * descriptors that are given spawn() leaves none closed: the shell closes those again.
 */
function restored({ state, environment }: Caller, launcher: readonly string[]): readonly string[] {
  const { descriptors = [], openFiles } = state;
  const limit = Number.isFinite(openFiles.soft) ? String(openFiles.soft) : 'unlimited';
  const between = Array.from(
    { length: Math.min(HIGHEST_OF_SHELL, Math.max(0, ...descriptors)) },
    (_, i) => i,
  );
  const closing = between.filter((fd) => fd > 2 && !descriptors.includes(fd)).map((fd) => `${fd}<&-`);
  const clean = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const script = `exec ${closing.join(' ')}; ulimit -Sn ${limit} && exec env -i "$@"`;
  return ['sh', '-c', script, 'sh', ...clean, ...launcher];
}

/** As shells say it: 128 and the number of the signal that ended it. */
function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

/** Its exit status. The agent's evidence goes to the console unless SLTAGENT_* or OTEL_EXPORTER_OTLP_* say otherwise. */
function runProgram(words: readonly string[], service: string | undefined, caller: Caller): Promise<number> {
  const named = service === undefined ? [] : ['--service', service];
  const launcher = [join(ROOT, 'agent', 'bin', 'sltagent'), 'exec', ...named, '--', ...words];
  const [program = '', ...args] = restored(caller, launcher);
  const { descriptors = [] } = caller.state;
  const highest = Math.max(2, ...descriptors);
  const given = (fd: number): boolean => fd < 3 || descriptors.includes(fd);
  const child = spawn(program, args, {
    stdio: Array.from({ length: highest + 1 }, (_, fd) => (given(fd) ? fd : 'ignore')),
  });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  const forwards = !hasTerminal();
  for (const signal of OF_KEYBOARD) process.on(signal, () => forwards && child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(statusOf(code, signal)));
  });
}

/** The last spans of a program that has just ended are still on their way. */
const LAST_SPANS_MS = 300;

export async function execWithAgent(
  words: readonly string[],
  service: string | undefined,
  caller: Caller,
): Promise<never> {
  let status = 1;
  await runAgent({ 'log-level': 'warn', json: false }, async () => {
    status = await runProgram(words, service, caller);
    await new Promise((resolve) => setTimeout(resolve, LAST_SPANS_MS));
  });
  process.exit(status);
}
