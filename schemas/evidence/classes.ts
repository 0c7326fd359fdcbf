/**
 * The classes that a span's wall time is divided into, by the names under which
 * they leave the agent. The keys are those of enum slt_class (schemas/wire/account.h).
 */
export interface ClassDeclaration {
  readonly name: string;
  readonly meaning: string;
}

/** What a thread that works for the span does. In the order of enum slt_class. */
export const threadClasses = {
  ON_CPU_USER: { name: 'on_cpu.user', meaning: 'runs, outside a system call' },
  ON_CPU_KERNEL: { name: 'on_cpu.kernel', meaning: 'runs, inside a system call' },
  ON_CPU_ANY: {
    name: 'on_cpu.any',
    meaning: 'runs, inside a system call or outside: not told apart while only waits are captured',
  },
  RUNQUEUE_PREEMPTED: {
    name: 'runqueue.preempted',
    meaning: 'could run but waits for a CPU, after another task was given its own',
  },
  RUNQUEUE_WOKEN: { name: 'runqueue.woken', meaning: 'could run but waits for a CPU, after it was woken' },
  RUNQUEUE_YIELDED: {
    name: 'runqueue.yielded',
    meaning: 'could run but waits for a CPU, after it gave its own up by sched_yield',
  },
  BLOCKED_LOCK: { name: 'blocked.lock', meaning: 'sleeps on a futex or a file lock' },
  BLOCKED_RUNTIME: {
    name: 'blocked.runtime',
    meaning: "sleeps on a futex that is proved to be the language runtime's own (Python's GIL)",
  },
  BLOCKED_DISK: { name: 'blocked.disk', meaning: 'sleeps in a call that works on a file or a block device' },
  BLOCKED_NET: { name: 'blocked.net', meaning: 'sleeps in a call that works on a network socket' },
  BLOCKED_POLL: { name: 'blocked.poll', meaning: 'sleeps until one of several descriptors is ready' },
  BLOCKED_IPC: {
    name: 'blocked.ipc',
    meaning: 'sleeps on a pipe, Unix socket, eventfd, semaphore or message queue',
  },
  BLOCKED_SLEEP: { name: 'blocked.sleep', meaning: 'sleeps for a time that it asked for' },
  BLOCKED_CHILD: { name: 'blocked.child', meaning: 'sleeps until a child process changes state' },
  BLOCKED_PAGE_FAULT: {
    name: 'blocked.page_fault',
    meaning: 'sleeps in a page fault, outside a system call or for an argument of one',
  },
  BLOCKED_MEMORY: {
    name: 'blocked.memory',
    meaning: 'sleeps for want of free memory: in reclaim, or held back by its cgroup',
  },
  BLOCKED_OTHER: {
    name: 'blocked.other',
    meaning: 'sleeps for a reason that is in none of the classes above',
  },
  STOPPED: { name: 'stopped', meaning: 'is stopped by a signal, traced by a debugger, or frozen' },
} as const satisfies Readonly<Record<string, ClassDeclaration>>;

/** No thread works for the span: of the span, not of a thread. */
export const awaitingClasses = {
  AWAITING_LOOP_BUSY: {
    name: 'awaiting.loop_busy',
    meaning: 'the thread that then resumed it, or ended it, had turned to others meanwhile',
  },
  AWAITING_IDLE: {
    name: 'awaiting.idle',
    meaning: 'the thread that then resumed it waited in its event loop meanwhile',
  },
  AWAITING_OTHER: {
    name: 'awaiting.other',
    meaning: 'another thread than the one before resumed it or ended it, or its process ended first',
  },
} as const satisfies Readonly<Record<string, ClassDeclaration>>;

/** The rest of the wall time. */
export const unaccounted = {
  name: 'unaccounted',
  meaning: 'no class holds it: switches that were missed, or work before the agent could see it',
} as const satisfies ClassDeclaration;

/** Every class, in the order of the kernel side's account, then `unaccounted`. */
export const timeClasses: readonly ClassDeclaration[] = [
  ...Object.values(threadClasses),
  ...Object.values(awaitingClasses),
  unaccounted,
];
