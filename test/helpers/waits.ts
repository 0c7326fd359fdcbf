/** agent-programs/waits.c and rare_waits.c: each span is one wait, in a system call that the program makes itself. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { assertAddsUp, missedSwitch, type Agent, type SlowSpan } from './agent.js';
import { startAs, type StartOptions } from './libslt-program.js';
import type { Program } from './program.js';

/** A user that nobody else on the machine has: see agent-robustness.test.ts. */
export const USER = 1_000_000 + process.pid;

/** Spans that miss a switch, one after the other: more is no accident. */
const ATTEMPTS = 5;
/** Spans until the tracepoints are attached, which the first process brings about. */
const ROUNDS = 20;

/** Spans that `take` brings about, in none of which a switch was missed. Others are held to add up all the same. */
export async function wholeOf<T extends readonly SlowSpan[]>(
  what: string,
  take: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const spans = await take();
    spans.forEach(assertAddsUp);
    if (!spans.some(missedSwitch)) return spans;
  }
  assert.fail(`each of ${ATTEMPTS} spans of ${what} missed a switch`);
}

/** One of the programs as that user. */
export class Waiter {
  private constructor(
    readonly program: Program,
    private readonly agent: Agent,
  ) {}

  static async start(
    agent: Agent,
    path: string,
    service: string,
    { folder = '/', ...options }: Omit<StartOptions, 'args'> & { folder?: string } = {},
  ): Promise<Waiter> {
    const program = await startAs(USER, path, { ...options, args: [service, folder] });
    return new Waiter(program, agent);
  }

  /** Does it, and gives what the program says: the id of the span, in which it was done, or why it cannot be. */
  async tell(command: string): Promise<string> {
    this.program.say(command);
    return this.program.next();
  }

  async span(id: string): Promise<SlowSpan> {
    return this.agent.span(({ span_id }) => span_id === id);
  }

  /** The span that a command made, in which no switch was missed (wholeOf). */
  async whole(command: string, meanwhile: () => Promise<void> = async () => {}): Promise<SlowSpan> {
    const [span] = await wholeOf(command, async () => {
      this.program.say(command);
      await meanwhile();
      return [await this.span(await this.program.next())] as const;
    });
    return span;
  }

  /** Until its spans are seen whole; each is 50 ms long. */
  async warm(): Promise<void> {
    for (let round = 0; ; round++) {
      assert.ok(round < ROUNDS, 'the tracepoints are attached soon after the first process takes part');
      const { gaps } = await this.span(await this.tell('nanosleep 50'));
      if (!gaps.includes('tracepoints_attached_late')) return;
    }
  }
}

/** Everything about a span that says which capture made it says: waits, and nothing else. */
export function assertOnlyWaits(span: SlowSpan): void {
  const { attributes, calls, capture, time, time_total, totals, waits } = span;
  assert.deepEqual(capture, { mode: 'blocking', escalated: false });
  assert.equal(attributes['slt.capture.mode'], 'blocking');
  assert.deepEqual(
    Object.keys(attributes).filter((name) => /^slt\.(syscall|capture\.escalated)/.test(name)),
    [],
  );
  assert.deepEqual(totals, { calls: [], other: { count: 0, time_us: 0 } });
  for (const { name, count, time_us, max_us } of waits.calls) {
    assert.deepEqual(
      ['count', 'time_us', 'max_us'].map((what) => attributes[`slt.wait.${name}.${what}`]),
      [count, time_us, max_us],
    );
    assert.ok(count >= 1 && max_us <= time_us);
  }
  const counted = waits.calls.reduce((sum, { count }) => sum + count, waits.other.count);
  assert.equal(attributes['slt.waits.count'], counted);
  assert.equal(attributes['slt.waits.kept'], calls.length);
  for (const times of [time, time_total]) {
    assert.deepEqual(
      Object.keys(times).filter((name) => name.startsWith('on_cpu')),
      ['on_cpu.any'],
    );
  }
  for (const { name, attributes: ofCall, ...at } of calls) {
    assert.equal(ofCall['slt.syscall.wait'], true);
    assert.deepEqual(
      ['slt.syscall.result', 'slt.syscall.errno', 'slt.syscall.done_bytes'].filter((key) => key in ofCall),
      [],
    );
    const [start, from, to, end] = [span.start_unix_ns, at.start_unix_ns, at.end_unix_ns, span.end_unix_ns];
    const order = [start, from, to, end].map(BigInt);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
      `${name} lies in ${span.name}`,
    );
    const longest = waits.calls.find((wait) => wait.name === name)?.max_us ?? 0;
    assert.ok((ofCall['slt.syscall.duration_us'] as number) <= longest);
  }
}

/** Resolves when the process's first thread sleeps in the call with this number, of whichever table. */
export async function inCall(pid: number, number: number): Promise<void> {
  while (!readFileSync(`/proc/${pid}/syscall`, 'utf8').startsWith(`${number} `)) await pause(5);
}

export function namesOfWaits({ waits }: SlowSpan): string[] {
  return waits.calls.map(({ name }) => name);
}
