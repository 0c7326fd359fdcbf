/** `exec --run`: the program with an agent of its own, which ends with it. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './installation.js';
import { runAgent } from './run.js';

/** Signals that whoever started us means for the program. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

/** As shells say it: 128 and the number of the signal that ended it. */
function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

/** Its exit status. The agent's evidence goes to the console unless SLTAGENT_* or OTEL_EXPORTER_OTLP_* say otherwise. */
function runProgram(words: readonly string[], service: string | undefined): Promise<number> {
  const named = service === undefined ? [] : ['--service', service];
  const child = spawn(join(ROOT, 'agent', 'bin', 'sltagent'), ['exec', ...named, '--', ...words], {
    stdio: 'inherit',
  });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(statusOf(code, signal)));
  });
}

/** The last spans of a program that has just ended are still on their way. */
const LAST_SPANS_MS = 300;

export async function execWithAgent(words: readonly string[], service: string | undefined): Promise<never> {
  let status = 1;
  await runAgent({ 'log-level': 'warn', json: false }, async () => {
    status = await runProgram(words, service);
    await new Promise((resolve) => setTimeout(resolve, LAST_SPANS_MS));
  });
  process.exit(status);
}
