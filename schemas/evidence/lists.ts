/** The closed lists of evidence: every value that such an attribute can have, and what it means. */

/** slt.cause.type. `words` is what the sentence says of the time, after "183 ms of 210 ms (87 %)". */
export const causeTypes = {
  lock: { words: 'waiting for a lock', meaning: '`blocked.lock`' },
  runtime: { words: 'waiting for the language runtime', meaning: '`blocked.runtime`' },
  lock_or_runtime: {
    words: 'waiting for a lock or for the language runtime (GIL)',
    meaning:
      "`blocked.lock` of a Python process whose runtime's own futex words were not known throughout the span",
  },
  disk: { words: 'waiting for a disk', meaning: '`blocked.disk`' },
  net: { words: 'waiting for the network', meaning: '`blocked.net`' },
  poll: { words: 'waiting for one of several descriptors', meaning: '`blocked.poll`' },
  ipc: { words: 'waiting for another thread or process', meaning: '`blocked.ipc`' },
  sleep: { words: 'sleeping', meaning: '`blocked.sleep`' },
  child_process: { words: 'waiting for a child process', meaning: '`blocked.child`' },
  page_fault: { words: 'waiting for memory pages', meaning: '`blocked.page_fault`' },
  memory: { words: 'waiting for free memory', meaning: '`blocked.memory`' },
  blocked: { words: 'asleep in the kernel', meaning: '`blocked.other`' },
  stopped: { words: 'stopped, traced or frozen', meaning: '`stopped`' },
  runqueue: {
    words: 'ready to run, but waiting for a CPU',
    meaning: '`runqueue.preempted` + `runqueue.woken` + `runqueue.yielded`',
  },
  on_cpu: { words: 'on the CPU', meaning: '`on_cpu.user` + `on_cpu.kernel` + `on_cpu.any`' },
  syscalls: {
    words: 'in system calls',
    meaning:
      'no class holds more than half of the wall time, and at least 100 recorded system calls, of less than 100 µs on average, hold at least a quarter of it together and none of them as much by itself',
  },
  loop_busy: {
    words: 'awaiting its turn while the event loop was busy with others',
    meaning: '`awaiting.loop_busy`',
  },
  awaiting: {
    words: 'awaiting, with no thread at work for it',
    meaning: '`awaiting.idle` + `awaiting.other`',
  },
  unaccounted: { words: 'not accounted for', meaning: '`unaccounted`' },
} as const satisfies Readonly<Record<string, { words: string; meaning: string }>>;

/** slt.gaps. */
export const gaps = {
  tracepoints_attached_late: 'the tracepoints were not attached over the whole span',
  threads_left_out: 'more threads worked for the span than are kept apart, or there was no room for one',
  activity_raced:
    'threads came and went at the same instant: when somebody worked for the span is known roughly',
  child_calls_left_out:
    'system calls of a fast child could not be added to those of the span, or of one whose threshold the kernel did not know yet',
  records_lost: 'a thread’s record did not arrive',
  starter_exited:
    'no thread said that it worked for the span, and the one that started it, whose time it would have been given, had exited by its end',
  switch_missed: 'a context switch of one of its threads was not seen',
  calls_torn: 'another thread ended the span while this one wrote: single calls may be wrong',
} as const satisfies Readonly<Record<string, string>>;

/**
 * slt.cause.descriptor and slt.syscall.descriptor.kind. The keys are those of enum
 * slt_fd_kind (schemas/wire/account.h); UNSEEN and KINDS have no name.
 */
export const descriptorKinds = {
  FILE: { name: 'file', words: 'regular file' },
  DIRECTORY: { name: 'directory', words: 'directory' },
  BLOCK_DEVICE: { name: 'block_device', words: 'block device' },
  CHARACTER_DEVICE: { name: 'character_device', words: 'character device' },
  PIPE: { name: 'pipe', words: 'pipe' },
  TCP: { name: 'tcp', words: 'TCP socket' },
  UDP: { name: 'udp', words: 'UDP socket' },
  UNIX_SOCKET: { name: 'unix_socket', words: 'Unix socket' },
  OTHER_SOCKET: { name: 'other_socket', words: 'socket of another family' },
  EVENTFD: { name: 'eventfd', words: 'eventfd' },
  TIMERFD: { name: 'timerfd', words: 'timerfd' },
  EPOLL: { name: 'epoll', words: 'epoll instance' },
  SIGNALFD: { name: 'signalfd', words: 'signalfd' },
  INOTIFY: { name: 'inotify', words: 'inotify instance' },
  OTHER: { name: 'other', words: 'descriptor of another kind' },
  BAD: { name: 'bad', words: 'closed descriptor' },
} as const satisfies Readonly<Record<string, { name: string; words: string }>>;

/** slt.state. */
export const states = {
  ended: 'it ended',
  process_died: 'its process ended first; the evidence reaches to that moment',
  abandoned: 'it was still open when the agent gave it up; the evidence reaches to that moment',
} as const satisfies Readonly<Record<string, string>>;

/** slt.capture.mode. */
export const captureModes = {
  all: 'each system call, from its entry to its exit',
  blocking: 'waits: each sleep in a system call, named by the call; calls that do not sleep are on-CPU time',
  mixed: 'the one for a part of the span, the other for the rest',
} as const satisfies Readonly<Record<string, string>>;

/** slt.resource_source. */
export const resourceSources = {
  provider: "the application's own tracer provider",
  environment: 'OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES of the process',
  process: 'the process itself, in /proc',
} as const satisfies Readonly<Record<string, string>>;

/** slt.span.kind; the place in the list is OTLP's number. */
export const spanKinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
