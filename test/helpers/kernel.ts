/** What the running kernel has, for tests that need it: one that is skipped for want of a feature must fail where the kernel was built with it. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { readHostKernel } from '../../agent/src/host/kernel.js';

export function kernelIsAtLeast(major: number, minor: number): boolean {
  const [runningMajor, runningMinor] = readHostKernel().version;
  return runningMajor > major || (runningMajor === major && runningMinor >= minor);
}

/** Where cgroup v2 is mounted, alone or beside version 1. */
export function cgroupRoot(): string | undefined {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];
}

function buildConfiguration(): string {
  for (const [path, read] of [
    ['/proc/config.gz', (bytes: Buffer) => gunzipSync(bytes)],
    [`/boot/config-${release()}`, (bytes: Buffer) => bytes],
  ] as const) {
    try {
      return read(readFileSync(path)).toString();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return '';
}

/** Whether the kernel is known to be built with an option, such as CONFIG_USERFAULTFD. */
export function isBuiltIn(option: string): boolean {
  return buildConfiguration().split('\n').includes(`${option}=y`);
}

/** Whether the 32-bit table of system calls must be there: built in, and not switched off at boot. */
export function mustHaveCompat(): boolean {
  const asked = /\bia32_emulation=(\S+)/.exec(readFileSync('/proc/cmdline', 'utf8'))?.[1];
  if (asked !== undefined && !/^(1|y|on|true)/i.test(asked)) return false;
  return isBuiltIn('CONFIG_IA32_EMULATION') && !isBuiltIn('CONFIG_IA32_EMULATION_DEFAULT_DISABLED');
}
