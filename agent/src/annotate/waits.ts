/** Under which class the sleep of a system call was accounted: what bpf/sched.bpf.c decided, read back off a kept call. */
import { threadClasses } from '../../../schemas/evidence/classes.js';
import type { KeptCall } from '../spans/evidence.js';
import { FdKind, Wait } from '../wire/layout.js';
import { syscallWaits } from '../wire/syscall-waits.js';

const { BLOCKED_LOCK, BLOCKED_RUNTIME, BLOCKED_DISK, BLOCKED_NET, BLOCKED_POLL } = threadClasses;
const { BLOCKED_IPC, BLOCKED_SLEEP, BLOCKED_CHILD, BLOCKED_OTHER } = threadClasses;

const OF_KIND: ReadonlyMap<number, string> = new Map([
  [FdKind.FILE, BLOCKED_DISK.name],
  [FdKind.DIRECTORY, BLOCKED_DISK.name],
  [FdKind.BLOCK_DEVICE, BLOCKED_DISK.name],
  [FdKind.TCP, BLOCKED_NET.name],
  [FdKind.UDP, BLOCKED_NET.name],
  [FdKind.OTHER_SOCKET, BLOCKED_NET.name],
  [FdKind.UNIX_SOCKET, BLOCKED_IPC.name],
  [FdKind.PIPE, BLOCKED_IPC.name],
  [FdKind.EVENTFD, BLOCKED_IPC.name],
  [FdKind.TIMERFD, BLOCKED_SLEEP.name],
  [FdKind.EPOLL, BLOCKED_POLL.name],
]);

const OF_WAIT: ReadonlyMap<number, string> = new Map([
  [Wait.LOCK, BLOCKED_LOCK.name],
  [Wait.EPOLL, BLOCKED_POLL.name],
  [Wait.DISK, BLOCKED_DISK.name],
  [Wait.NET, BLOCKED_NET.name],
  [Wait.IPC, BLOCKED_IPC.name],
  [Wait.SLEEP, BLOCKED_SLEEP.name],
  [Wait.CHILD, BLOCKED_CHILD.name],
]);

/** struct pollfd's number for poll, the highest descriptor for select; with none, both are a sleep. */
function watchesNone(call: KeptCall, argument: number): boolean {
  return call.args[argument] === 0n;
}

/** The classes that a sleep in this call can have been in: one, but for a futex, whose word only the kernel side can judge. */
export function classesOfSleep(call: KeptCall): readonly string[] {
  const wait = syscallWaits.get(call.number) ?? Wait.OTHER;
  const ofKind = OF_KIND.get(call.fdKind) ?? BLOCKED_OTHER.name;
  switch (wait) {
    case Wait.FUTEX:
      return [BLOCKED_LOCK.name, BLOCKED_RUNTIME.name];
    case Wait.FD:
      return [ofKind];
    case Wait.POLL_SET:
      if (watchesNone(call, 1)) return [BLOCKED_SLEEP.name];
      return [call.fdKind === FdKind.UNSEEN ? BLOCKED_POLL.name : ofKind];
    case Wait.SELECT:
      return [watchesNone(call, 0) ? BLOCKED_SLEEP.name : BLOCKED_POLL.name];
  }
  return [OF_WAIT.get(wait) ?? BLOCKED_OTHER.name];
}
