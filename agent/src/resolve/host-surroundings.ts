/** Names of threads and files as the host has them now. */
import { readlinkSync, statSync } from 'node:fs';
import type { UnixClock } from '../host/clocks.js';
import { ThreadNames } from '../host/thread-names.js';
import type { KeptCall } from '../spans/evidence.js';
import { CallFlag, FdKind } from '../wire/layout.js';
import { readProcessFacts } from './process-facts.js';
import type { Surroundings } from './resolver.js';

/** The path behind a call's descriptor, where the descriptor is open still and is the same file: it may have been closed and given out again. */
function pathOf(pid: number, call: KeptCall): string | undefined {
  if (
    (call.flags & CallFlag.DETAIL) === 0 ||
    (call.fdKind !== FdKind.FILE && call.fdKind !== FdKind.DIRECTORY)
  ) {
    return undefined;
  }
  const link = `/proc/${pid}/fd/${call.fd}`;
  try {
    return BigInt(statSync(link).ino) === call.fdInode ? readlinkSync(link) : undefined;
  } catch {
    // The descriptor, or the process, has gone: the path is not known, which is what undefined says.
    return undefined;
  }
}

export function hostSurroundings(clock: UnixClock): Surroundings {
  const names = new ThreadNames();
  return {
    facts: (process) => {
      names.forget(process.pid);
      return readProcessFacts(process);
    },
    threadName: (pid, tid) => names.of(pid, tid),
    filePath: pathOf,
    unixOffsetNs: () => clock.offsetNs,
  };
}
