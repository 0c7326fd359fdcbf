/** Users and cgroups of the configuration as the kernel side knows them. */
import { readFileSync } from 'node:fs';
import type { SystemCalls } from '../native.js';

/** The key `filter` of the configuration. */
export interface ProcessFilter {
  /** Names, or numbers. */
  readonly users: readonly (string | number)[];
  /** Paths as in /proc/PID/cgroup. */
  readonly cgroups: readonly string[];
}

/** A user or cgroup that is not there: the configuration asks for what this host does not have. */
export class FilterError extends Error {
  readonly code = 'ERR_FILTER';
}

export interface FilterKeys {
  /** u32 user numbers. */
  readonly users: readonly Uint8Array[];
  /** u64 cgroup v2 ids. */
  readonly cgroups: readonly Uint8Array[];
}

/** The last one means "none" to the kernel (uid_t −1). */
const HIGHEST_USER = 2 ** 32 - 2;

function userNumber(user: string | number): number {
  if (typeof user === 'number' || /^\d+$/.test(user)) {
    if (Number(user) <= HIGHEST_USER) return Number(user);
    throw new FilterError(`filter.users: there is no user ${user}; the numbers end at ${HIGHEST_USER}`);
  }
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === user);
  if (entry?.[2] === undefined)
    throw new FilterError(`filter.users: there is no user ${user} in /etc/passwd; use the number`);
  return Number(entry[2]);
}

/** Where cgroup v2 is mounted; /sys/fs/cgroup/unified on hosts with both versions. */
function cgroupRoot(): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2');
  const root = line?.split(' ')[1];
  if (root === undefined) throw new FilterError('filter.cgroups: no cgroup v2 is mounted here');
  return root;
}

function cgroupId(path: string, calls: Pick<SystemCalls, 'cgroupId'>): bigint {
  const folder = cgroupRoot() + path;
  try {
    return calls.cgroupId(folder);
  } catch (error) {
    throw new FilterError(
      `filter.cgroups: there is no cgroup ${path} (${folder}: ${(error as Error).message})`,
    );
  }
}

/** Throws FilterError where a user or cgroup does not exist. */
export function filterKeys(filter: ProcessFilter, calls: Pick<SystemCalls, 'cgroupId'>): FilterKeys {
  const users = filter.users.map((user) => {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(userNumber(user));
    return key;
  });
  const cgroups = filter.cgroups.map((path) => {
    const key = Buffer.alloc(8);
    key.writeBigUInt64LE(cgroupId(path, calls));
    return key;
  });
  return { users, cgroups };
}
