import { readdirSync, readFileSync } from 'node:fs';
import { unlessGone } from '../agent/src/host/processes.js';

/**
 * User and kernel time of all threads that a process has, to the nanosecond: the first field of
 * /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst). Those that have ended are not in it.
 */
export function processCpuSeconds(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).reduce(
    (sum, tid) =>
      sum +
      Number(unlessGone(() => readFileSync(`${tasks}/${tid}/schedstat`, 'utf8'))?.split(' ')[0] ?? 0) / 1e9,
    0,
  );
}
