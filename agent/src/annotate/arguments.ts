/** What the arguments of a system call mean, as far as they are plain values: the kernel side keeps the first four and follows no pointer. */
import type { KeptCall } from '../spans/evidence.js';
import { CallFlag } from '../wire/layout.js';
import { syscallTable } from '../wire/syscall-table.js';
import * as flags from './flags.js';
import type { FlagTable } from './flags.js';

export interface CallArguments {
  readonly operation: string | undefined;
  readonly flags: string | undefined;
  readonly askedBytes: number | undefined;
  readonly doneBytes: number | undefined;
  /** How long it would wait at most; undefined also: for ever. */
  readonly timeoutUs: number | undefined;
}

type Decoder = (value: number) => string | undefined;

interface Shape {
  readonly operation?: readonly [argument: number, decode: Decoder];
  readonly flags?: readonly [argument: number, table: FlagTable];
  readonly asked?: number;
  /** It returns how much of that was done. */
  readonly tellsDone?: boolean;
  readonly timeoutMs?: number;
}

function oneOf(names: Readonly<Record<number, string>>): Decoder {
  return (value) => names[value] ?? String(value);
}

function flagged(table: FlagTable): Decoder {
  return (value) => flags.flagNames(table, value);
}

const transfer: Shape = { asked: 2, tellsDone: true };

const SHAPES: readonly (readonly [names: string, shape: Shape])[] = [
  ['read write pread64 pwrite64 getdents getdents64 readlink', transfer],
  ['sendfile readlinkat', { asked: 3, tellsDone: true }],
  ['getrandom', { asked: 1, tellsDone: true }],
  ['sendto recvfrom', { asked: 2, tellsDone: true, flags: [3, flags.MESSAGE_FLAGS] }],
  ['sendmsg recvmsg', { flags: [2, flags.MESSAGE_FLAGS] }],
  ['sendmmsg recvmmsg', { flags: [3, flags.MESSAGE_FLAGS] }],
  ['futex', { operation: [1, flags.futexOperation] }],
  ['open', { flags: [1, flags.OPEN_FLAGS] }],
  ['openat', { flags: [2, flags.OPEN_FLAGS] }],
  ['mmap', { asked: 1, flags: [3, flags.MMAP_FLAGS] }],
  ['munmap mprotect mremap msync mlock munlock', { asked: 1 }],
  ['madvise', { asked: 1, operation: [2, oneOf(flags.ADVICE)] }],
  ['readahead', { asked: 2 }],
  ['fallocate', { asked: 3 }],
  ['truncate ftruncate', { asked: 1 }],
  ['socket socketpair', { operation: [0, oneOf(flags.SOCKET_FAMILIES)], flags: [1, flags.SOCKET_TYPE] }],
  ['accept4', { flags: [3, flags.SOCKET_FLAGS] }],
  ['shutdown', { operation: [1, oneOf(flags.SHUTDOWN)] }],
  ['pipe2', { flags: [1, flags.PIPE_FLAGS] }],
  ['fcntl', { operation: [1, oneOf(flags.FCNTL_COMMANDS)] }],
  ['ioctl', { operation: [1, (request) => `0x${(request >>> 0).toString(16)}`] }],
  ['flock', { operation: [1, flagged(flags.LOCK_OPERATION)] }],
  ['lseek', { operation: [2, oneOf(flags.SEEK)] }],
  ['epoll_ctl', { operation: [1, oneOf(flags.EPOLL_OPERATIONS)] }],
  ['clock_nanosleep clock_gettime clock_getres', { operation: [0, oneOf(flags.CLOCKS)] }],
  ['wait4', { flags: [2, flags.WAIT_FLAGS] }],
  ['waitid', { flags: [3, flags.WAIT_FLAGS] }],
  ['poll', { timeoutMs: 2 }],
  ['epoll_wait epoll_pwait', { timeoutMs: 3 }],
];

const shapes: ReadonlyMap<number, Shape> = new Map(
  SHAPES.flatMap(([names, shape]) =>
    [...syscallTable.named(names.split(' '))].map((number) => [number, shape] as const),
  ),
);

/** The first arguments of these are the address of a futex. (futex_waitv takes a list.) */
const futexCalls: ReadonlySet<number> = syscallTable.named(['futex', 'futex_wait', 'futex_wake']);

/** Calls that return an address. */
const returnsAddress = syscallTable.named(['mmap', 'mremap', 'brk', 'shmat', 'map_shadow_stack']);

function int32(call: KeptCall, argument: number): number {
  return Number(BigInt.asIntN(32, call.args[argument] ?? 0n));
}

/** A size_t; one that no number holds exactly is no real size. */
function size(call: KeptCall, argument: number): number | undefined {
  const value = call.args[argument] ?? 0n;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/** One sleep in a call: of the call itself only the arguments are known. */
export function isWait({ flags: set }: KeptCall): boolean {
  return (set & CallFlag.WAIT) !== 0;
}

/** The call's result; undefined: it failed, it is an address, or it is not known. */
export function plainResult(call: KeptCall): number | undefined {
  if (isWait(call)) return undefined;
  if (returnsAddress.has(call.number)) return undefined;
  // An s64 as a number is negative when it is, and no safe integer when it is larger than one: without a bigint to compare with.
  const result = Number(call.result);
  return result >= 0 && Number.isSafeInteger(result) ? result : undefined;
}

/** The address of the futex that the call works on. */
export function futexWord(call: KeptCall): string | undefined {
  return futexCalls.has(call.number) ? `0x${(call.args[0] ?? 0n).toString(16)}` : undefined;
}

/** Of most numbers no argument means anything by itself. */
const NO_MEANING: CallArguments = {
  operation: undefined,
  flags: undefined,
  askedBytes: undefined,
  doneBytes: undefined,
  timeoutUs: undefined,
};

export function decodeArguments(call: KeptCall): CallArguments {
  const shape = shapes.get(call.number);
  if (shape === undefined) return NO_MEANING;
  const timeoutMs = shape.timeoutMs === undefined ? -1 : int32(call, shape.timeoutMs);
  return {
    operation: shape.operation && shape.operation[1](int32(call, shape.operation[0])),
    flags: shape.flags && flags.flagNames(shape.flags[1], int32(call, shape.flags[0])),
    askedBytes: shape.asked === undefined ? undefined : size(call, shape.asked),
    doneBytes: shape.tellsDone === true ? plainResult(call) : undefined,
    timeoutUs: timeoutMs < 0 ? undefined : timeoutMs * 1000,
  };
}
