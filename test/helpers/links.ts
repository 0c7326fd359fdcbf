/** Which BPF programs a process has attached: by the links that it holds, so that another agent's on the machine do not count. */
import { execFileSync } from 'node:child_process';
import { presentFiles } from './present-files.js';

interface BpfProgram {
  readonly id: number;
  readonly name?: string;
}

function bpfPrograms(): BpfProgram[] {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  return JSON.parse(
    execFileSync('bpftool', ['--json', 'prog', 'list'], { encoding: 'utf8', env }),
  ) as BpfProgram[];
}

/** Names of the programs, cut to 15 letters, as the kernel keeps them. A program has none before its link. */
export function attachedBy(pid: number): string[] {
  const names = new Map(bpfPrograms().map(({ id, name }) => [id, name ?? String(id)]));
  return presentFiles(`/proc/${pid}/fdinfo`).flatMap((info) => {
    const id = /^link_type:/m.test(info) ? /^prog_id:\s*(\d+)/m.exec(info)?.[1] : undefined;
    return id === undefined ? [] : [names.get(Number(id)) ?? id];
  });
}

/** The tracepoints of system calls cost every process of the host. */
export function systemCallsAttached(pid: number): string[] {
  return attachedBy(pid).filter((name) => name.startsWith('syscall_'));
}
