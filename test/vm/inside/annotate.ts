/** The whole agent on this kernel: a span of a Python program under `sltagent exec` is annotated, rightly. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { sum, type SlowSpan } from '../../helpers/agent.js';
import { root } from '../../helpers/compile.js';
import { endPrograms, Program } from '../../helpers/program.js';

const launcher = join(root, 'agent', 'bin', 'sltagent');
const python = join(root, 'build', 'python', 'demo', 'bin', 'python');

/** Emulated, and beside another machine, everything takes ten times as long. */
const STEP_MS = 120_000;
/** The first spans begin before the tracepoints are attached, and say so. */
const ATTEMPTS = 20;

/** Returns what the agent said of the span. */
export async function annotateSpan(): Promise<string> {
  try {
    const configFile = '/tmp/sltagent.yaml';
    writeFileSync(configFile, 'threshold: 50ms\n');
    const agent = new Program([launcher, 'run', '--json', '--config', configFile]);
    await agent.until(() => agent.errors.find((line) => line.includes('"ready')), 'the agent', STEP_MS);

    const program = join(root, 'test', 'vm', 'inside', 'slow_span.py');
    const service = new Program([launcher, 'exec', '--service', 'napper', '--', python, program]);
    assert.equal(await service.next(STEP_MS), 'ready');
    const span = await wholeSpan(agent, service);
    expectTheTruth(span);

    service.closeInput();
    await service.succeeded(STEP_MS);
    agent.signal('SIGTERM');
    await agent.succeeded(STEP_MS);
    return span.cause.text;
  } finally {
    await endPrograms();
  }
}

async function wholeSpan(agent: Program, service: Program): Promise<SlowSpan> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    service.say('span');
    const id = await service.next(STEP_MS);
    const find = (): SlowSpan | undefined =>
      agent.lines.map((line) => JSON.parse(line) as SlowSpan).find(({ span_id }) => span_id === id);
    const span = await agent.until(find, `span ${id}`, STEP_MS);
    if (!span.gaps.includes('tracepoints_attached_late')) return span;
  }
  throw new Error(`after ${ATTEMPTS} spans the tracepoints were still attached too late for each`);
}

function expectTheTruth(span: SlowSpan): void {
  assert.deepEqual(span.gaps, []);
  assert.equal(span.service, 'napper');
  assert.equal(span.name, 'nap');
  assert.equal(span.cause.type, 'sleep');
  const slept = span.time['blocked.sleep'] ?? 0;
  // The sleep ends 300 ms after the call; under emulation the way to sleep takes some of that.
  const call = span.totals.calls.find(({ name }) => name === 'clock_nanosleep');
  assert.ok((call?.time_us ?? 0) >= 300_000, `a call of 300 ms, of which ${call?.time_us} µs were seen`);
  assert.ok(slept >= 270_000, `asleep for 300 ms, of which ${slept} µs were seen`);
  const accounted = sum(span.time) / 1000;
  assert.ok(Math.abs(accounted - span.wall_ms) < 0.1, `classes add up to ${accounted} of ${span.wall_ms} ms`);
  const calls = span.totals.calls.find(({ name }) => name === 'getppid');
  assert.equal(calls?.count, 10, 'each getppid was counted');
}
