/**
 * The load of figure A: wrk on the CPU that the service does not use. Each connection sends its next request when the
 * last one was answered (a closed loop), so the service is always busy. A request that is not sent while another one is
 * slow is not counted as slow too (coordinated omission): a stall weighs as many requests as there are connections.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../test/helpers/compile.js';
import { MEASURED_CPU } from '../workload.js';
import { THREADS, type ShopService } from './service.js';

/** As many as the service works on at once. */
export const CONNECTIONS = THREADS;

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Of all that runs on the host: the service, wrk, the receiver, the agent, and whatever else. */
  readonly cpuSeconds: number;
  /** Of the service's process alone. */
  readonly serviceCpuSeconds: number;
  /** The share of its time that the service's CPU was taken away by the hypervisor, or had to work for strangers. */
  readonly disturbed: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Microseconds, and how many requests took so long. */
  readonly distribution: readonly (readonly [number, number])[];
}

interface Printed {
  readonly requests: number;
  readonly microseconds: number;
  readonly errors: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly distribution: readonly (readonly [number, number])[];
}

/** USER_HZ, which the kernel's interface fixes for x86-64 and arm64. */
const TICKS_PER_SECOND = 100;

interface CpuTime {
  readonly busy: number;
  readonly stolen: number;
}

/** Seconds. cpu: `cpu`, all of them, or e.g. `cpu0`. proc_stat(5): guests are in user already; idle and iowait are neither. */
function cpuTime(cpu: string): CpuTime {
  const fields = new RegExp(`^${cpu} +(.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields.split(' ').map(Number);
  return {
    busy: (user + nice + system + irq + softirq) / TICKS_PER_SECOND,
    stolen: steal / TICKS_PER_SECOND,
  };
}

interface Times {
  readonly host: number;
  readonly service: number;
  /** The service's CPU: away from it, by the clocks of the hypervisor and of others. */
  readonly away: number;
}

function times(service: ShopService): Times {
  const { busy, stolen } = cpuTime(`cpu${MEASURED_CPU}`);
  const own = service.cpuSeconds();
  return { host: cpuTime('cpu').busy, service: own, away: stolen + busy - own };
}

export async function load(service: ShopService, seconds: number): Promise<LoadResult> {
  const before = times(service);
  const { stdout } = await promisify(execFile)('taskset', [
    ...['-c', String(cpus().length - 1), 'wrk', '--threads', '1', '--connections', String(CONNECTIONS)],
    ...['--duration', `${seconds}s`, '--script', join(root, 'bench', 'figures', 'service', 'orders.lua')],
    `http://127.0.0.1:${service.port}`,
  ]);
  const after = times(service);
  const line = /^result (.*)$/m.exec(stdout)?.[1];
  if (line === undefined) throw new Error(`wrk printed no result: ${stdout}`);
  const printed = JSON.parse(line) as Printed;
  if (printed.errors > 0) throw new Error(`${printed.errors} of ${printed.requests} requests failed`);
  const elapsed = printed.microseconds / 1e6;
  return {
    requests: printed.requests,
    seconds: elapsed,
    cpuSeconds: after.host - before.host,
    serviceCpuSeconds: after.service - before.service,
    disturbed: (after.away - before.away) / elapsed,
    p50: printed.p50 / 1e3,
    p99: printed.p99 / 1e3,
    p999: printed.p999 / 1e3,
    distribution: printed.distribution,
  };
}
