/** What this kernel is, as far as it is read from files. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';

export interface HostKernel {
  readonly release: string;
  readonly version: readonly [major: number, minor: number, patch: number];
  readonly btf: boolean;
  /** Thread numbers are below this (kernel.pid_max). */
  readonly pidMax: number;
}

export function readHostKernel(): HostKernel {
  const text = release();
  const [major = 0, minor = 0, patch = 0] = text.split(/[^0-9]+/, 3).map(Number);
  return {
    release: text,
    version: [major, minor, patch],
    btf: existsSync('/sys/kernel/btf/vmlinux'),
    pidMax: Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1')),
  };
}
