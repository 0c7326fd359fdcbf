/** `idle`: what the agent takes while one service takes part and does nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ratioRow, type Row } from './row.js';
import { RunningAgent } from './running-agent.js';
import type { Stage } from './stage.js';
import { Workload } from './workload.js';

/** From then on the process is tracked, its libslt has been looked at, and V8 has given back what the start took. */
const SETTLE_MS = 30_000;
const PERIODS = 3;
const PERIOD_MS = 10_000;

/** Shares of one CPU; bytes as the issue counts them. */
const CPU_BUDGET_PERCENT = 0.2;
const MEMORY_BUDGET_BYTES = 100e6;

export async function idle(stage: Stage): Promise<Row[]> {
  const libslt = stage.libslt('libslt-idle');
  const workload = new Workload(stage);
  const agent = await RunningAgent.start(stage, { config: [] });
  try {
    await workload.ask(`load ${libslt}`);
    // One span that is not slow: the process is heard of, and the tracepoints are attached.
    await workload.ask('spans 1');
    await sleep(SETTLE_MS);
    const cpu: number[] = [];
    const memory: number[] = [];
    for (let period = 0; period < PERIODS; period++) {
      const before = agent.cpuSeconds();
      await sleep(PERIOD_MS);
      cpu.push(((agent.cpuSeconds() - before) / (PERIOD_MS / 1e3)) * 100);
      memory.push((agent.residentKiB() * 1024) / 1e6);
    }
    return [
      ratioRow(
        { bench: 'idle', case: 'cpu_share', unit: '%', budget: 1 },
        cpu,
        cpu.map(() => CPU_BUDGET_PERCENT),
      ),
      ratioRow(
        { bench: 'idle', case: 'resident_memory', unit: 'MB', budget: 1 },
        memory,
        memory.map(() => MEMORY_BUDGET_BYTES / 1e6),
      ),
    ];
  } finally {
    await agent.kill();
    await workload.stop();
  }
}
