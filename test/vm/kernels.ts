/**
 * The agent on other kernels: `npm run test:kernels [-- VERSION…]`. Boots each kernel with this
 * machine's root below it, runs the checks of inside/ there, and prints a line for each.
 * Exit status: 0 all passed, 1 some failed, 2 wrong usage.
 */
import { availableParallelism, freemem, homedir } from 'node:os';
import { join } from 'node:path';

import { root } from '../helpers/compile.js';
import { exitOnSignals } from '../helpers/exit-on-signal.js';
import { bootVm, foldersOfThisRun } from './boot.js';
import { checkNames, type CheckName, type CheckResult } from './inside/check.js';
import { fetchKernel, KernelFetchError, kernelVersions, type KernelVersion } from './kernels/kernel.js';

const MACHINE_MB = 2048;
/** A machine takes 1 to 2 minutes; on a busy host, several times that. */
const MACHINE_MS = 480_000;
/** More at once only slow each other down: each has two processors. */
const MOST_AT_ONCE = 4;

type Outcome = 'passed' | 'failed' | 'skipped';

interface Line {
  readonly outcome: Outcome;
  readonly text: string;
}

function line(
  outcome: Outcome,
  version: KernelVersion,
  check: CheckName,
  detail: string,
  seconds?: number,
): Line {
  const mark = { passed: '✓', failed: '✗', skipped: '-' }[outcome];
  const time = seconds === undefined ? '' : ` (${seconds} s)`;
  return { outcome, text: `${mark} Linux ${version} ${check}${time}: ${detail}` };
}

async function runOn(version: KernelVersion): Promise<Line[]> {
  const all = (outcome: Outcome, error: unknown): Line[] => {
    const why = error instanceof Error ? error.message : String(error);
    return checkNames.map((check) => line(outcome, version, check, why));
  };
  try {
    const kernel = await fetchKernel(version);
    const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
    const { output, exitCode, elapsedMs } = await bootVm({
      kernel,
      root: 'host',
      command: `cd '${root}' && exec '${process.execPath}' dist/test/vm/inside/main.js ${checkNames.join(' ')}`,
      keep: [...foldersOfThisRun(), cache],
      timeoutMs: MACHINE_MS,
      memoryMb: MACHINE_MB,
    });
    process.stderr.write(`  Linux ${version}: machine ended after ${Math.round(elapsedMs / 1000)} s\n`);
    return readResults(version, output, exitCode);
  } catch (error) {
    return all(error instanceof KernelFetchError && error.reason === 'here' ? 'skipped' : 'failed', error);
  }
}

/** A check that told nothing has failed, and with what the machine said instead. */
function readResults(version: KernelVersion, output: string, exitCode: number): Line[] {
  const told = output.split('\n').filter((text) => text.startsWith('{"check":'));
  const results = told.map((text) => JSON.parse(text) as CheckResult);
  return checkNames.map((name) => {
    const result = results.find(({ check }) => check === name);
    if (result !== undefined) {
      return line(result.ok ? 'passed' : 'failed', version, name, result.detail, result.seconds);
    }
    return line(
      'failed',
      version,
      name,
      `told nothing; node ended with ${exitCode} and said:\n${output.trim()}`,
    );
  });
}

/** Each of `width` workers takes the next version until none is left. */
async function runAll(versions: readonly KernelVersion[], width: number): Promise<Line[]> {
  const waiting = [...versions];
  const lines: Line[] = [];
  const work = async (): Promise<void> => {
    for (let version = waiting.shift(); version !== undefined; version = waiting.shift()) {
      const those = await runOn(version);
      for (const { text } of those) console.log(text);
      lines.push(...those);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return lines;
}

function isKernelVersion(text: string): text is KernelVersion {
  return (kernelVersions as readonly string[]).includes(text);
}

function howManyAtOnce(): number {
  // QEMU itself takes some hundred megabytes beside the guest's memory.
  const fit = Math.floor(freemem() / ((MACHINE_MB + 512) * 1024 * 1024));
  return Math.max(1, Math.min(MOST_AT_ONCE, availableParallelism(), fit));
}

async function main(asked: readonly string[]): Promise<number> {
  const versions = asked.length === 0 ? kernelVersions : asked.filter(isKernelVersion);
  if (asked.length > 0 && versions.length < asked.length) {
    console.error(
      `sltagent: test:kernels knows ${kernelVersions.join(', ')}, not all of: ${asked.join(' ')}`,
    );
    return 2;
  }
  const lines = await runAll(versions, howManyAtOnce());
  const count = (outcome: Outcome): number => lines.filter((one) => one.outcome === outcome).length;
  console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);
  return count('failed') > 0 ? 1 : 0;
}

exitOnSignals();
process.exitCode = await main(process.argv.slice(2));
