/** On what was measured, and what else measured there. */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';

export function describeMachine(): string {
  const model = cpus()[0]?.model ?? 'unknown CPU';
  const load = loadavg()[0] ?? 0;
  return `${model}, ${cpus().length} CPUs, kernel ${release()}, load ${load.toFixed(2)}, ${new Date().toISOString()}`;
}

function bpftool<T>(...args: string[]): T[] {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return JSON.parse(execFileSync('bpftool', ['--json', ...args], { encoding: 'utf8', env })) as T[];
}

/** Names of the programs that are attached to a tracepoint by a link, whoever did it. */
export function othersAttached(): string[] {
  const links = bpftool<{ prog_id: number; attach_type?: string; type: string }>('link', 'list');
  const names = new Map(
    bpftool<{ id: number; name?: string }>('prog', 'list').map(({ id, name }) => [id, name ?? String(id)]),
  );
  return links
    .filter(({ type, attach_type }) => attach_type === 'trace_raw_tp' || type === 'raw_tracepoint')
    .map(({ prog_id }) => names.get(prog_id) ?? String(prog_id));
}
