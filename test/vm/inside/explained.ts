/** The whole agent on this kernel, and a Python program under `sltagent exec` whose spans it explains. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { sum, type SlowSpan } from '../../helpers/agent.js';
import { root } from '../../helpers/compile.js';
import { endPrograms, Program } from '../../helpers/program.js';

const launcher = join(root, 'agent', 'bin', 'sltagent');
const python = join(root, 'build', 'python', 'demo', 'bin', 'python');

/** Emulated, and beside another machine, everything takes ten times as long. */
const STEP_MS = 240_000;
/** The first spans begin before the tracepoints are attached, and say so. */
const ATTEMPTS = 20;

/** A span of slow_span.py that tells of the whole of itself: what it is to wait in is `nap` or `pipe`. */
export type Explain = (wait: 'nap' | 'pipe') => Promise<SlowSpan>;

/** Gives `look` spans to look at, and the agent's process; returns what it says of them. */
export async function withAgent<T>(
  capture: 'all' | 'blocking',
  look: (explain: Explain, pid: number) => Promise<T>,
): Promise<T> {
  try {
    const configFile = '/tmp/sltagent.yaml';
    writeFileSync(configFile, `threshold: 50ms\ncapture: ${capture}\n`);
    const agent = new Program([launcher, 'run', '--json', '--config', configFile]);
    await agent.until(() => agent.errors.find((line) => line.includes('"ready')), 'the agent', STEP_MS);

    const program = join(root, 'test', 'vm', 'inside', 'slow_span.py');
    const service = new Program([launcher, 'exec', '--service', 'napper', '--', python, program]);
    assert.equal(await service.next(STEP_MS), 'ready');
    const result = await look(async (wait) => {
      const span = await wholeSpan(agent, service, wait);
      expectWhole(span, wait);
      return span;
    }, agent.pid);

    service.closeInput();
    await service.succeeded(STEP_MS);
    agent.signal('SIGTERM');
    await agent.succeeded(STEP_MS);
    return result;
  } finally {
    await endPrograms();
  }
}

async function wholeSpan(agent: Program, service: Program, wait: string): Promise<SlowSpan> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    service.say(wait);
    const id = await service.next(STEP_MS);
    const find = (): SlowSpan | undefined =>
      agent.lines.map((line) => JSON.parse(line) as SlowSpan).find(({ span_id }) => span_id === id);
    const span = await agent.until(find, `span ${id}`, STEP_MS);
    if (!span.gaps.includes('tracepoints_attached_late')) return span;
  }
  throw new Error(`after ${ATTEMPTS} spans the tracepoints were still attached too late for each`);
}

function expectWhole(span: SlowSpan, wait: string): void {
  assert.deepEqual(span.gaps, []);
  assert.equal(span.service, 'napper');
  assert.equal(span.name, wait);
  const accounted = sum(span.time) / 1000;
  assert.ok(Math.abs(accounted - span.wall_ms) < 0.1, `classes add up to ${accounted} of ${span.wall_ms} ms`);
}
