/**
 * `npm run bench [-- NAME…] [-- --json]`: measures what the agent costs. README.md says what each figure is made of.
 *
 * Exit status: 0 every budget is met, 1 one is missed or could not be measured, 2 wrong usage.
 */
import { parseArgs } from 'node:util';
import { describeMachine, othersAttached } from './machine.js';
import type { Row } from './row.js';
import { buildStage, type Stage } from './stage.js';
import { formatRow } from './table.js';
import { blocking } from './blocking.js';
import { drain } from './drain.js';
import { figures } from './figures/index.js';
import { idle } from './idle.js';
import { ring } from './ring.js';
import { span } from './span.js';
import { storm } from './storm.js';
import { switching } from './switch.js';
import { tracked } from './tracked.js';
import { untracked } from './untracked.js';

const BENCHES: Readonly<Record<string, (stage: Stage) => Promise<Row[]>>> = {
  untracked,
  tracked,
  blocking,
  switch: switching,
  span,
  drain,
  ring,
  storm,
  idle,
  figures,
};
/** These run only when they are named. */
const LONG: readonly string[] = ['figures'];

function usage(message: string): never {
  process.stderr.write(
    `bench: ${message}\nusage: npm run bench [-- [--json] [${Object.keys(BENCHES).join('|')}]…]\n`,
  );
  process.exit(2);
}

function chosen(): { names: string[]; json: boolean } {
  const { values, positionals } = (() => {
    try {
      return parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true });
    } catch (error) {
      return usage((error as Error).message);
    }
  })();
  const unknown = positionals.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined) usage(`there is no bench ${unknown}`);
  const byDefault = Object.keys(BENCHES).filter((name) => !LONG.includes(name));
  return { names: positionals.length > 0 ? positionals : byDefault, json: values.json };
}

function warnOfOthers(when: string): void {
  const others = othersAttached();
  if (others.length > 0) {
    process.stderr.write(
      `bench: ${when}, other BPF programs were attached to tracepoints (${others.join(', ')}): figures against no agent are too good\n`,
    );
  }
}

async function main(): Promise<boolean> {
  const { names, json } = chosen();
  if (process.geteuid?.() !== 0) usage('it loads BPF programs: run it as root');
  process.stderr.write(`${describeMachine()}\n`);
  const stage = buildStage();
  let met = true;
  try {
    for (const name of names) {
      const bench = BENCHES[name];
      if (bench === undefined) continue;
      warnOfOthers(`before ${name}`);
      for (const row of await bench(stage)) {
        met &&= row.ok;
        process.stdout.write(`${json ? JSON.stringify(row) : formatRow(row)}\n`);
      }
      warnOfOthers(`after ${name}`);
    }
  } finally {
    stage.remove();
  }
  return met;
}

process.exitCode = (await main()) ? 0 : 1;
