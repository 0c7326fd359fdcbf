/**
 * How often and how long the BPF programs that this process holds have run, as the kernel counts it (kernel.bpf_stats_enabled, from 5.1). The count
 * has two looks at the clock of each run in it, and not the way into the program: a trap, or the slow path of a system call.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { BPF_STATISTICS, programNames } from '../machine.js';

export interface ProgramTime {
  readonly runs: number;
  readonly nanoseconds: number;
}

/** By name, while `run` runs; a program that did not run is left out. Counting costs, so it is on only then. */
export async function programTimes(run: () => Promise<void>): Promise<Map<string, ProgramTime>> {
  const before = readFileSync(BPF_STATISTICS, 'utf8');
  const restore = (): void => writeFileSync(BPF_STATISTICS, before);
  writeFileSync(BPF_STATISTICS, '1');
  process.once('exit', restore);
  try {
    const started = countedNow();
    await run();
    const times = new Map<string, ProgramTime>();
    const names = programNames();
    for (const [id, { runs, nanoseconds }] of countedNow()) {
      const since = started.get(id) ?? { runs: 0, nanoseconds: 0 };
      if (runs === since.runs) continue;
      const name = names.get(id) ?? String(id);
      const sum = times.get(name) ?? { runs: 0, nanoseconds: 0 };
      times.set(name, {
        runs: sum.runs + runs - since.runs,
        nanoseconds: sum.nanoseconds + nanoseconds - since.nanoseconds,
      });
    }
    return times;
  } finally {
    restore();
    process.off('exit', restore);
  }
}

/** By the program's id. Several descriptors may lead to one. */
function countedNow(): Map<number, ProgramTime> {
  const counted = new Map<number, ProgramTime>();
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    const info = fdinfo(fd);
    const value = (name: string): number =>
      Number(new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(info)?.[1] ?? NaN);
    const id = value('prog_id');
    const runs = value('run_cnt');
    if (!Number.isNaN(id) && !Number.isNaN(runs))
      counted.set(id, { runs, nanoseconds: value('run_time_ns') });
  }
  return counted;
}

/** Empty where the descriptor is closed by now: the folder's own is among them. */
function fdinfo(fd: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  } catch {
    return '';
  }
}
