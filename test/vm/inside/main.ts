/**
 * Runs inside a virtual machine: `node main.js CHECK…`. Prints one JSON object a
 * line for each check, which kernels.ts reads.
 */
import { annotateSpan } from './annotate.js';
import { loadAndAttach } from './load.js';
import type { CheckName, CheckResult } from './check.js';
import { nameWaits } from './waits.js';

const checks: Readonly<Record<CheckName, () => string | Promise<string>>> = {
  loads: loadAndAttach,
  annotates: annotateSpan,
  waits: nameWaits,
};

async function run(check: CheckName): Promise<CheckResult> {
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 100) / 10;
  try {
    const detail = await checks[check]();
    return { check, ok: true, detail, seconds: seconds() };
  } catch (error) {
    return {
      check,
      ok: false,
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
      seconds: seconds(),
    };
  }
}

for (const name of process.argv.slice(2)) {
  if (!Object.hasOwn(checks, name)) throw new TypeError(`there is no check '${name}'`);
  process.stdout.write(`${JSON.stringify(await run(name as CheckName))}\n`);
}
