/**
 * How a sleep inside each system call is classed (enum slt_wait), and which calls
 * take a descriptor as their first argument. From the man pages, section 2.
 */
import { syscallTable } from './syscall-table.js';
import { Wait } from './layout.js';

const WAITS: readonly (readonly [wait: number, names: string])[] = [
  [Wait.FUTEX, 'futex futex_wait'],
  [Wait.LOCK, 'flock futex_waitv'],
  [
    Wait.FD,
    `read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 sendfile splice tee vmsplice
     copy_file_range ioctl fcntl close connect accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown`,
  ],
  [Wait.POLL_SET, 'poll ppoll'],
  [Wait.SELECT, 'select pselect6'],
  [Wait.EPOLL, 'epoll_wait epoll_pwait epoll_pwait2 epoll_wait_old io_uring_enter'],
  [
    Wait.DISK,
    `fsync fdatasync sync syncfs sync_file_range msync open openat openat2 creat stat lstat fstat newfstatat statx
     access faccessat faccessat2 unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat readlink
     readlinkat mkdir mkdirat rmdir mknod mknodat truncate ftruncate fallocate getdents getdents64 readahead fadvise64
     chmod fchmod fchmodat chown fchown lchown fchownat utime utimes utimensat futimesat statfs fstatfs chdir fchdir
     io_getevents io_pgetevents io_submit execve execveat setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr
     listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr mount umount2`,
  ],
  [Wait.IPC, 'semop semtimedop msgsnd msgrcv mq_timedsend mq_timedreceive'],
  [Wait.SLEEP, 'nanosleep clock_nanosleep'],
  [Wait.CHILD, 'wait4 waitid vfork'],
  [Wait.YIELD, 'sched_yield'],
];

const ALSO_TAKE_FD = `fsync fdatasync syncfs sync_file_range fstat ftruncate fallocate getdents getdents64 readahead
  fadvise64 fchmod fchown fstatfs fchdir fsetxattr fgetxattr flistxattr fremovexattr flock lseek dup dup2 dup3 bind listen
  getsockname getpeername setsockopt getsockopt epoll_wait epoll_pwait epoll_pwait2 epoll_ctl timerfd_settime
  timerfd_gettime inotify_add_watch inotify_rm_watch signalfd signalfd4`;

function numbers(names: string): Set<number> {
  return syscallTable.named(names.split(/\s+/).filter((name) => name !== ''));
}

/** By number: a value of Wait. A call that is not in here is Wait.OTHER. */
export const syscallWaits: ReadonlyMap<number, number> = new Map(
  WAITS.flatMap(([wait, names]) => [...numbers(names)].map((number) => [number, wait] as const)),
);

/** Numbers of the calls whose first argument is a descriptor. */
export const takesDescriptor: ReadonlySet<number> = new Set([
  ...numbers(ALSO_TAKE_FD),
  ...WAITS.filter(([wait]) => wait === Wait.FD).flatMap(([, names]) => [...numbers(names)]),
]);
