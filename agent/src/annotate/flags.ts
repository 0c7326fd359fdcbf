/** Names of flag bits and operations. Values: include/uapi of Linux, x86-64. */

export interface FlagTable {
  /** Bits that hold one of several values instead of a flag each. */
  readonly field?: { readonly mask: number; readonly values: Readonly<Record<number, string>> };
  readonly bits: readonly (readonly [number, string])[];
}

/** `O_WRONLY|O_CREAT`; bits without a name are appended in hex. A flag of several bits stands before those within it. */
export function flagNames({ field, bits }: FlagTable, value: number): string {
  const names: string[] = [];
  let left = value;
  if (field !== undefined) {
    const held = value & field.mask;
    names.push(field.values[held] ?? `0x${held.toString(16)}`);
    left &= ~field.mask;
  }
  for (const [bit, name] of bits) {
    if ((left & bit) !== bit) continue;
    names.push(name);
    left &= ~bit;
  }
  if (left !== 0) names.push(`0x${(left >>> 0).toString(16)}`);
  return names.length === 0 ? '0' : names.join('|');
}

export const OPEN_FLAGS: FlagTable = {
  field: { mask: 0o3, values: { 0: 'O_RDONLY', 1: 'O_WRONLY', 2: 'O_RDWR' } },
  bits: [
    [0o20200000, 'O_TMPFILE'],
    [0o4010000, 'O_SYNC'],
    [0o100, 'O_CREAT'],
    [0o200, 'O_EXCL'],
    [0o400, 'O_NOCTTY'],
    [0o1000, 'O_TRUNC'],
    [0o2000, 'O_APPEND'],
    [0o4000, 'O_NONBLOCK'],
    [0o10000, 'O_DSYNC'],
    [0o20000, 'O_ASYNC'],
    [0o40000, 'O_DIRECT'],
    [0o100000, 'O_LARGEFILE'],
    [0o200000, 'O_DIRECTORY'],
    [0o400000, 'O_NOFOLLOW'],
    [0o1000000, 'O_NOATIME'],
    [0o2000000, 'O_CLOEXEC'],
    [0o10000000, 'O_PATH'],
  ],
};

export const MMAP_FLAGS: FlagTable = {
  field: { mask: 0xf, values: { 1: 'MAP_SHARED', 2: 'MAP_PRIVATE', 3: 'MAP_SHARED_VALIDATE' } },
  bits: [
    [0x10, 'MAP_FIXED'],
    [0x20, 'MAP_ANONYMOUS'],
    [0x40, 'MAP_32BIT'],
    [0x100, 'MAP_GROWSDOWN'],
    [0x800, 'MAP_DENYWRITE'],
    [0x2000, 'MAP_LOCKED'],
    [0x4000, 'MAP_NORESERVE'],
    [0x8000, 'MAP_POPULATE'],
    [0x10000, 'MAP_NONBLOCK'],
    [0x20000, 'MAP_STACK'],
    [0x40000, 'MAP_HUGETLB'],
    [0x100000, 'MAP_FIXED_NOREPLACE'],
  ],
};

export const MESSAGE_FLAGS: FlagTable = {
  bits: [
    [0x1, 'MSG_OOB'],
    [0x2, 'MSG_PEEK'],
    [0x4, 'MSG_DONTROUTE'],
    [0x20, 'MSG_TRUNC'],
    [0x40, 'MSG_DONTWAIT'],
    [0x80, 'MSG_EOR'],
    [0x100, 'MSG_WAITALL'],
    [0x800, 'MSG_CONFIRM'],
    [0x2000, 'MSG_ERRQUEUE'],
    [0x4000, 'MSG_NOSIGNAL'],
    [0x8000, 'MSG_MORE'],
    [0x10000, 'MSG_WAITFORONE'],
    [0x4000000, 'MSG_ZEROCOPY'],
    [0x20000000, 'MSG_FASTOPEN'],
    [0x40000000, 'MSG_CMSG_CLOEXEC'],
  ],
};

export const SOCKET_TYPE: FlagTable = {
  field: {
    mask: 0xf,
    values: {
      1: 'SOCK_STREAM',
      2: 'SOCK_DGRAM',
      3: 'SOCK_RAW',
      4: 'SOCK_RDM',
      5: 'SOCK_SEQPACKET',
      6: 'SOCK_DCCP',
      10: 'SOCK_PACKET',
    },
  },
  bits: [
    [0o4000, 'SOCK_NONBLOCK'],
    [0o2000000, 'SOCK_CLOEXEC'],
  ],
};

export const SOCKET_FLAGS: FlagTable = { bits: SOCKET_TYPE.bits };

export const PIPE_FLAGS: FlagTable = {
  bits: [
    [0o4000, 'O_NONBLOCK'],
    [0o40000, 'O_DIRECT'],
    [0o2000000, 'O_CLOEXEC'],
  ],
};

export const WAIT_FLAGS: FlagTable = {
  bits: [
    [0x1, 'WNOHANG'],
    [0x2, 'WUNTRACED'],
    [0x4, 'WEXITED'],
    [0x8, 'WCONTINUED'],
    [0x1000000, 'WNOWAIT'],
    [0x20000000, '__WNOTHREAD'],
    [0x40000000, '__WALL'],
  ],
};

export const LOCK_OPERATION: FlagTable = {
  bits: [
    [1, 'LOCK_SH'],
    [2, 'LOCK_EX'],
    [4, 'LOCK_NB'],
    [8, 'LOCK_UN'],
  ],
};

/** futex(2): the command, and the two flags that go with it; FUTEX_PRIVATE_FLAG by libc's own suffix. */
export function futexOperation(value: number): string {
  const commands = [
    'FUTEX_WAIT',
    'FUTEX_WAKE',
    'FUTEX_FD',
    'FUTEX_REQUEUE',
    'FUTEX_CMP_REQUEUE',
    'FUTEX_WAKE_OP',
    'FUTEX_LOCK_PI',
    'FUTEX_UNLOCK_PI',
    'FUTEX_TRYLOCK_PI',
    'FUTEX_WAIT_BITSET',
    'FUTEX_WAKE_BITSET',
    'FUTEX_WAIT_REQUEUE_PI',
    'FUTEX_CMP_REQUEUE_PI',
    'FUTEX_LOCK_PI2',
  ];
  const command = value & 0x7f;
  const name = commands[command] ?? `0x${command.toString(16)}`;
  return `${name}${value & 0x80 ? '_PRIVATE' : ''}${value & 0x100 ? '|FUTEX_CLOCK_REALTIME' : ''}`;
}

export const FCNTL_COMMANDS: Readonly<Record<number, string>> = {
  0: 'F_DUPFD',
  1: 'F_GETFD',
  2: 'F_SETFD',
  3: 'F_GETFL',
  4: 'F_SETFL',
  5: 'F_GETLK',
  6: 'F_SETLK',
  7: 'F_SETLKW',
  8: 'F_SETOWN',
  9: 'F_GETOWN',
  36: 'F_OFD_GETLK',
  37: 'F_OFD_SETLK',
  38: 'F_OFD_SETLKW',
  1024: 'F_SETLEASE',
  1025: 'F_GETLEASE',
  1030: 'F_DUPFD_CLOEXEC',
  1031: 'F_SETPIPE_SZ',
  1032: 'F_GETPIPE_SZ',
  1033: 'F_ADD_SEALS',
  1034: 'F_GET_SEALS',
};

export const EPOLL_OPERATIONS: Readonly<Record<number, string>> = {
  1: 'EPOLL_CTL_ADD',
  2: 'EPOLL_CTL_DEL',
  3: 'EPOLL_CTL_MOD',
};

export const ADVICE: Readonly<Record<number, string>> = {
  0: 'MADV_NORMAL',
  1: 'MADV_RANDOM',
  2: 'MADV_SEQUENTIAL',
  3: 'MADV_WILLNEED',
  4: 'MADV_DONTNEED',
  8: 'MADV_FREE',
  9: 'MADV_REMOVE',
  10: 'MADV_DONTFORK',
  11: 'MADV_DOFORK',
  12: 'MADV_MERGEABLE',
  13: 'MADV_UNMERGEABLE',
  14: 'MADV_HUGEPAGE',
  15: 'MADV_NOHUGEPAGE',
  16: 'MADV_DONTDUMP',
  17: 'MADV_DODUMP',
  18: 'MADV_WIPEONFORK',
  19: 'MADV_KEEPONFORK',
  20: 'MADV_COLD',
  21: 'MADV_PAGEOUT',
};

export const SOCKET_FAMILIES: Readonly<Record<number, string>> = {
  1: 'AF_UNIX',
  2: 'AF_INET',
  10: 'AF_INET6',
  16: 'AF_NETLINK',
  17: 'AF_PACKET',
  40: 'AF_VSOCK',
};

export const SHUTDOWN: Readonly<Record<number, string>> = { 0: 'SHUT_RD', 1: 'SHUT_WR', 2: 'SHUT_RDWR' };

export const SEEK: Readonly<Record<number, string>> = {
  0: 'SEEK_SET',
  1: 'SEEK_CUR',
  2: 'SEEK_END',
  3: 'SEEK_DATA',
  4: 'SEEK_HOLE',
};

export const CLOCKS: Readonly<Record<number, string>> = {
  0: 'CLOCK_REALTIME',
  1: 'CLOCK_MONOTONIC',
  2: 'CLOCK_PROCESS_CPUTIME_ID',
  3: 'CLOCK_THREAD_CPUTIME_ID',
  4: 'CLOCK_MONOTONIC_RAW',
  5: 'CLOCK_REALTIME_COARSE',
  6: 'CLOCK_MONOTONIC_COARSE',
  7: 'CLOCK_BOOTTIME',
  11: 'CLOCK_TAI',
};
