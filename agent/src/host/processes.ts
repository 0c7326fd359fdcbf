/** What /proc tells of a process. A process that has gone is undefined, never an error; one that may not be read is an error. */
import { closeSync, openSync, readFileSync, readSync, readlinkSync } from 'node:fs';
import { containerOf, type Container } from './containers.js';

/** USER_HZ: what /proc counts in on every architecture that Node runs on. */
const TICK_NS = 10_000_000n;

const GONE = new Set(['ENOENT', 'ESRCH']);

/** undefined where what is read of a process has gone with it. */
export function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Start of a process (CLOCK_BOOTTIME, ns), rounded down to the clock tick. proc(5), /proc/pid/stat, field 22. */
export function processStart(pid: number): bigint | undefined {
  const stat = unlessGone(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The name, field 2, may hold spaces and brackets.
  const ticks = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return ticks === undefined ? undefined : BigInt(ticks) * TICK_NS;
}

export function processName(pid: number): string | undefined {
  return unlessGone(() => readFileSync(`/proc/${pid}/comm`, 'utf8'))?.trimEnd();
}

export function threadName(pid: number, tid: number): string | undefined {
  return unlessGone(() => readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8'))?.trimEnd();
}

/** Its real user. Not the owner of its folder in /proc, which is root where the process may not be dumped. */
export function processUser(pid: number): number | undefined {
  const status = unlessGone(() => readFileSync(`/proc/${pid}/status`, 'latin1'));
  const uid = status === undefined ? undefined : /^Uid:\t(\d+)/m.exec(status)?.[1];
  return uid === undefined ? undefined : Number(uid);
}

export function processExecutable(pid: number): string | undefined {
  return unlessGone(() => readlinkSync(`/proc/${pid}/exe`));
}

export interface OtelEnvironment {
  readonly OTEL_SERVICE_NAME?: string;
  readonly OTEL_RESOURCE_ATTRIBUTES?: string;
}

/** All of a file of /proc, whose size is not told beforehand, in memory of its own: none of it lies anywhere else. */
function readPrivately(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    let bytes = Buffer.allocUnsafeSlow(128 * 1024);
    for (let length = 0; ;) {
      const read = readSync(fd, bytes, length, bytes.length - length, null);
      if (read === 0) return bytes.subarray(0, length);
      length += read;
      if (length < bytes.length) continue;
      const larger = Buffer.allocUnsafeSlow(2 * bytes.length);
      bytes.copy(larger);
      bytes.fill(0);
      bytes = larger;
    }
  } finally {
    closeSync(fd);
  }
}

/** Of a process's environment these two are read, and nothing else is kept: the rest may hold secrets. */
export function otelEnvironment(pid: number): OtelEnvironment | undefined {
  const bytes = unlessGone(() => readPrivately(`/proc/${pid}/environ`));
  if (bytes === undefined) return undefined;
  const kept: Record<string, string> = {};
  for (const name of ['OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES']) {
    const label = Buffer.from(`${name}=`);
    const first = bytes.subarray(0, label.length).equals(label);
    const at = first ? 0 : bytes.indexOf(Buffer.concat([Buffer.of(0), label])) + 1;
    if (at === 0 && !first) continue;
    const end = bytes.indexOf(0, at);
    kept[name] = bytes.toString('utf8', at + label.length, end === -1 ? bytes.length : end);
  }
  bytes.fill(0);
  return kept;
}

export interface MappedFile {
  /** As in /proc/pid/maps: in the mount namespace of the process. */
  readonly path: string;
  readonly inode: number;
  /** `major:minor` in hexadecimal. */
  readonly device: string;
  /** Where it is mapped first (end is exclusive), and the file offset of that mapping. */
  readonly start: bigint;
  readonly end: bigint;
  readonly offset: bigint;
}

/** The files that a process maps, each at its first mapping. */
export function mappedFiles(pid: number): MappedFile[] {
  const maps = unlessGone(() => readFileSync(`/proc/${pid}/maps`, 'utf8')) ?? '';
  const files = new Map<string, MappedFile>();
  for (const line of maps.split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) (\S+) (\d+) +(\/.*)$/.exec(line);
    if (match === null) continue;
    const [, start = '', end = '', offset = '', device = '', inode = '', path = ''] = match;
    if (inode === '0' || files.has(path)) continue;
    files.set(path, {
      path,
      device,
      inode: Number(inode),
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      offset: BigInt(`0x${offset}`),
    });
  }
  return [...files.values()];
}

/** The path under which the agent can open a file of a process, also in another mount namespace. */
export function throughRoot(pid: number, path: string): string {
  return `/proc/${pid}/root${path}`;
}

const DELETED = ' (deleted)';

/**
 * The path under which the agent can open a mapped file. One that was deleted or replaced since, as by an upgrade, has
 * no name left; /proc/pid/map_files leads to it all the same (proc(5); needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE).
 */
export function openablePath(pid: number, { path, start, end }: MappedFile): string {
  return path.endsWith(DELETED)
    ? `/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`
    : throughRoot(pid, path);
}

export function processContainer(pid: number): Container {
  return containerOf(unlessGone(() => readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? '');
}
