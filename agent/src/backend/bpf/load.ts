/**
 * Opens and loads the one BPF object, with what this kernel lacks switched off.
 * Everything here is decided by trying or by asking the kernel, but for one: which
 * pair of system-call programs, see `classicSyscalls`.
 */
import type { BpfMap, BpfObject, Native, NativeError } from '../../native.js';
import { mayLoadBpf } from '../../host/capabilities.js';
import type { HostKernel } from '../../host/kernel.js';
import { BackendError } from '../backend.js';
import { mapSizes, type MapSizes } from './sizes.js';

export interface LoadRequest {
  readonly objectPath: string;
  readonly kernelMemory: number;
  readonly processes: number;
}

export interface LoadedObject {
  readonly object: BpfObject;
  readonly sizes: MapSizes;
  /** Uprobes are attached by one uprobe.multi link for each file, which needs no CAP_SYS_ADMIN. */
  readonly uprobeMulti: boolean;
  /** `sched_switch` brings the state of the thread. */
  readonly switchBringsState: boolean;
  /** The tracepoint programs to attach while a process is tracked … */
  readonly scheduling: readonly string[];
  /** … and those that every system call of the host pays for, while one has each of its calls recorded. */
  readonly calls: readonly string[];
  /** What was switched off, one sentence each. */
  readonly notes: readonly string[];
}

/** The programs at the probe sites of libslt that are attached as long as the copy is. */
export const PROBES = ['probe_process', 'probe_span_start', 'probe_span_end', 'probe_context_set'] as const;
/** … and the one whose semaphore lets libslt write down what it would trap for. */
export const JOURNAL_PROBE = 'probe_journal';

const LIFETIME = ['process_exit', 'process_exec'] as const;
const SCHED = ['sched_switch', 'sched_wakeup'] as const;
const SYSCALLS_BTF = ['syscall_exit', 'syscall_enter'] as const;
const SYSCALLS_CLASSIC = ['syscall_exit_classic', 'syscall_enter_classic'] as const;

/**
 * From 7.0 BPF programs on the BTF-typed system-call tracepoints run preemptibly and lost the records of 10–16 % of
 * the spans under load, the classic ones none. There is nothing to probe: both load and attach everywhere, and the loss shows under load only.
 */
function classicSyscalls(kernel: HostKernel): boolean {
  return kernel.version[0] >= 7;
}

function setSizes(object: BpfObject, sizes: MapSizes): void {
  const entries: Record<string, number> = {
    records: sizes.ring,
    threads_by_tid: sizes.tidBlocks,
    threads: sizes.threads,
    free_threads: sizes.threads,
    parts: sizes.parts,
    free_parts: sizes.parts,
    spans: sizes.spans,
    free_spans: sizes.spans,
    open_spans: sizes.spans,
    processes: sizes.processes,
    free_processes: sizes.processes,
    processes_by_tgid: sizes.processes,
    users: sizes.processes,
    free_users: sizes.processes,
    users_by_uid: sizes.processes,
    runtimes: sizes.processes,
    captures: sizes.processes,
    thresholds: 16 * 1024,
  };
  for (const [map, count] of Object.entries(entries)) object.setMaxEntries(map, count);
}

/** Pushes every index, the highest first, so that the lowest is given out first. */
function fillStack(stack: BpfMap, entries: number): void {
  const index = Buffer.alloc(4);
  for (let i = entries - 1; i >= 0; i--) {
    index.writeUInt32LE(i);
    stack.push(index);
  }
}

function open(
  native: Native,
  request: LoadRequest,
  kernel: HostKernel,
  switchBringsState: boolean,
): LoadedObject {
  const object = native.open(request.objectPath);
  try {
    const size = (map: string): number => object.map(map).valueSize;
    const sizes = mapSizes(request.kernelMemory, kernel.pidMax, request.processes, {
      thread: size('threads'),
      part: size('parts'),
      span: size('spans'),
      process: size('processes') + size('runtimes') + size('captures'),
      user: size('users'),
    });
    setSizes(object, sizes);
    object.setRodata('switch_brings_state', Uint8Array.of(switchBringsState ? 1 : 0));
    const classic = classicSyscalls(kernel);
    for (const name of classic ? SYSCALLS_BTF : SYSCALLS_CLASSIC) object.program(name).setAutoload(false);
    const uprobeMulti = native.probeUprobeMulti() === 'yes';
    if (uprobeMulti) for (const name of [...PROBES, JOURNAL_PROBE]) object.program(name).setUprobeMulti();
    object.load();
    for (const [stack, entries] of [
      ['free_threads', sizes.threads],
      ['free_parts', sizes.parts],
      ['free_spans', sizes.spans],
      ['free_processes', sizes.processes],
      ['free_users', sizes.processes],
    ] as const) {
      fillStack(object.map(stack), entries);
    }
    return {
      object,
      sizes,
      uprobeMulti,
      switchBringsState,
      scheduling: [...LIFETIME, ...SCHED],
      calls: classic ? SYSCALLS_CLASSIC : SYSCALLS_BTF,
      notes: [
        ...(switchBringsState
          ? []
          : ['sched_switch does not bring the state of the thread (before 5.18): read from the thread']),
        ...(classic ? ['system calls by the classic tracepoints (7.x: the others lose records)'] : []),
        ...(uprobeMulti ? [] : ['probes attached one by one through perf_event_open (no uprobe.multi)']),
      ],
    };
  } catch (error) {
    object.close();
    throw error;
  }
}

const PRIVILEGES =
  'Run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE; in a container, privileged.';

function explain(error: unknown, request: LoadRequest): Error {
  if (error instanceof RangeError) {
    return new BackendError('ERR_KERNEL_MEMORY', `${error.message}.`, 'Raise limits.kernel_memory.');
  }
  const failure = error as NativeError;
  const because = `${failure.message}${failure.log === undefined ? '' : `\n${failure.log}`}`;
  // The verifier refuses with EACCES too; then there is a log.
  if (failure.code === 'EPERM' || (failure.code === 'EACCES' && failure.log === undefined)) {
    return new BackendError(
      'ERR_BPF_PERMISSION',
      `The kernel does not let this process load BPF programs: ${because}.`,
      PRIVILEGES,
      { cause: error },
    );
  }
  if (failure.code === 'ENOENT') {
    return new BackendError(
      'ERR_BPF_OBJECT',
      `${request.objectPath} cannot be opened: ${because}.`,
      'Build it: npm run setup.',
      { cause: error },
    );
  }
  return new BackendError(
    'ERR_BPF_LOAD',
    `The BPF programs do not load on this kernel: ${because}.`,
    'Kernels from 5.10 with BTF (CONFIG_DEBUG_INFO_BTF) work; run `sltagent check`.',
    { cause: error },
  );
}

/**
 * Throws BackendError. `sched_switch` brings the state of the thread from 5.18; the verifier refuses to read the
 * argument where it is absent, so the object that reads it is tried first.
 */
export function loadObject(native: Native, request: LoadRequest, kernel: HostKernel): LoadedObject {
  // Asked first: what libbpf says without them leads to memory limits and the kernel's configuration.
  if (!mayLoadBpf(native)) {
    throw new BackendError(
      'ERR_BPF_PERMISSION',
      'This process may not load BPF programs: it has neither CAP_BPF with CAP_PERFMON nor CAP_SYS_ADMIN.',
      PRIVILEGES,
    );
  }
  try {
    return open(native, request, kernel, true);
  } catch (error) {
    const { code } = error as NativeError;
    if (code !== 'EACCES' && code !== 'EINVAL') throw explain(error, request);
  }
  try {
    return open(native, request, kernel, false);
  } catch (error) {
    throw explain(error, request);
  }
}
