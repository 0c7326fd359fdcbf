/** On what was measured, and what else measured there. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';

/** While it is 1 the kernel counts the time of every BPF program, with two looks at the clock for each run. */
export const BPF_STATISTICS = '/proc/sys/kernel/bpf_stats_enabled';

export function describeMachine(): string {
  const model = cpus()[0]?.model ?? 'unknown CPU';
  const load = loadavg()[0] ?? 0;
  const counts =
    readFileSync(BPF_STATISTICS, 'utf8').trim() === '0'
      ? ''
      : ', kernel.bpf_stats_enabled: BPF programs take longer';
  return `${model}, ${cpus().length} CPUs, kernel ${release()}, load ${load.toFixed(2)}, ${new Date().toISOString()}${counts}`;
}

function bpftool<T>(...args: string[]): T[] {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return JSON.parse(execFileSync('bpftool', ['--json', ...args], { encoding: 'utf8', env })) as T[];
}

/** Of every BPF program of the host, by its id. */
export function programNames(): Map<number, string> {
  return new Map(
    bpftool<{ id: number; name?: string }>('prog', 'list').map(({ id, name }) => [id, name ?? String(id)]),
  );
}

/** Names of the programs that are attached to a tracepoint by a link, whoever did it. */
export function othersAttached(): string[] {
  const links = bpftool<{ prog_id: number; attach_type?: string; type: string }>('link', 'list');
  const names = programNames();
  return links
    .filter(({ type, attach_type }) => attach_type === 'trace_raw_tp' || type === 'raw_tracepoint')
    .map(({ prog_id }) => names.get(prog_id) ?? String(prog_id));
}
