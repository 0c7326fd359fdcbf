/** `sltagent run` as a user starts it, with the CPU time and the memory that it takes. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../test/helpers/compile.js';
import { processCpuSeconds } from './process-time.js';
import type { Stage } from './stage.js';

/** What is still on its way after the last span: a batch is handed over after 20 ms. */
const SETTLE_MS = 500;

export interface Streamed {
  readonly spans: number;
  readonly seconds: number;
  /** How late the workload was at the end. */
  readonly behindMs: number;
}

export interface Load extends Streamed {
  readonly records: number;
  /** Seconds, user and kernel, between the start of the stream and its end. */
  readonly cpu: number;
  readonly residentKiB: number;
  readonly idleKiB: number;
  /** What was lost, by reason; empty: every span was printed. */
  readonly lost: readonly string[];
}

export interface Summary {
  readonly annotated: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly kernel: Readonly<Record<string, number>>;
}

export interface AgentSettings {
  /** Lines of the configuration file, beside the filter that leaves out all but the bench's own processes. */
  readonly config: readonly string[];
  /** Left out: the stage's. */
  readonly uid?: number;
  readonly args?: readonly string[];
}

/** Every span is slow, and no limit is there but memory. */
export const everySpanSlow: readonly string[] = [
  'threshold: 1us',
  'limits: { annotated_per_second: 1000000, spans_per_second: 10000000 }',
];

export class RunningAgent {
  readonly #messages: Record<string, unknown>[] = [];
  readonly #ended: Promise<void>;
  #cpuBefore = 0;
  #idleKiB = 0;

  private constructor(private readonly child: ChildProcessByStdio<null, null, Readable>) {
    createInterface(child.stderr).on('line', (line) => {
      try {
        this.#messages.push(JSON.parse(line) as Record<string, unknown>);
      } catch {
        process.stderr.write(`sltagent: ${line}\n`);
      }
    });
    // Also when the bench is interrupted or fails: an agent that stays would be in the next figures.
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
    this.#ended = new Promise((resolve) =>
      child.once('close', () => {
        process.off('exit', kill);
        resolve();
      }),
    );
  }

  static async start(
    stage: Stage,
    { config: lines, uid = stage.uid, args = [] }: AgentSettings,
  ): Promise<RunningAgent> {
    const config = join(stage.folder, 'agent.yaml');
    writeFileSync(config, [...lines, `filter: { users: [${uid}] }`, ''].join('\n'));
    // All of it on the CPU that the workload does not use, so that it is one CPU's worth.
    const cpu = String(cpus().length - 1);
    const child = spawn(
      'taskset',
      ['-c', cpu, join(root, 'agent', 'bin', 'sltagent'), 'run', '--config', config, ...args],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const agent = new RunningAgent(child);
    await agent.#message('ready');
    agent.#cpuBefore = agent.cpuSeconds();
    agent.#idleKiB = agent.residentKiB();
    return agent;
  }

  /** After the stream: what it cost, and what came out. */
  async finish(streamed: Streamed): Promise<Load> {
    await sleep(SETTLE_MS);
    const cpu = this.cpuSeconds() - this.#cpuBefore;
    const residentKiB = this.residentKiB();
    const { annotated, dropped, kernel } = await this.stop();
    const records = kernel['records_drained'] ?? 0;
    const whole = annotated === streamed.spans && records === kernel['records_produced'];
    // Other reasons, such as a process that the filter left out, are no loss of the stream's.
    const lost = whole ? [] : Object.entries(dropped).map(([reason, count]) => `${reason} ${count}`);
    if (!whole) lost.push(`printed ${annotated} of ${streamed.spans} spans`);
    return {
      ...streamed,
      records,
      cpu,
      residentKiB,
      idleKiB: this.#idleKiB,
      lost,
    };
  }

  /** Ends it as a user does. What it says of all that it did. */
  async stop(): Promise<Summary> {
    this.child.kill('SIGTERM');
    const summary = (await this.#message('stopped')) as unknown as Summary;
    await this.#ended;
    return summary;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
    await this.#ended;
  }

  async #message(start: string): Promise<Record<string, unknown>> {
    for (let waited = 0; waited < 20_000; waited += 10) {
      const found = this.#messages.find(({ msg }) => typeof msg === 'string' && msg.startsWith(start));
      if (found !== undefined) return found;
      if (this.child.exitCode !== null) break;
      await sleep(10);
    }
    throw new Error(`sltagent run never said "${start}": ${JSON.stringify(this.#messages.at(-1))}`);
  }

  /** None of its threads ends before it does. */
  cpuSeconds(): number {
    return processCpuSeconds(Number(this.child.pid));
  }

  residentKiB(): number {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))?.[1]);
  }
}
