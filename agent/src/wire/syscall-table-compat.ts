/**
 * System calls that came through the 32-bit table (int 0x80 on x86-64): each under the number of the same call in the
 * 64-bit table, so that everything after the wire knows one table only.
 *
 * Numbers: arch/x86/entry/syscalls/syscall_32.tbl, by the names of the 64-bit table. `-`: the call is not there, or takes
 * its arguments otherwise (socketcall, ipc, the first select and mmap, offsets that are split in two): it stays unnamed.
 */
import { syscallTable } from './syscall-table.js';

/** SLT_SYSCALLS_COMPAT of schemas/wire/control.h: where the numbers of the 32-bit table begin. */
export const SYSCALLS_COMPAT = 512;

const RUNS: readonly (readonly [first: number, names: string])[] = [
  [
    0,
    `
    restart_syscall exit fork read write open close wait4 creat link unlink execve chdir time mknod chmod lchown
    - - lseek getpid mount umount2 setuid getuid - ptrace alarm - pause utime - - access - - sync kill rename
    mkdir rmdir dup pipe times - brk setgid getgid rt_sigaction geteuid getegid acct umount2 - ioctl fcntl -
    setpgid - - umask chroot ustat dup2 getppid getpgrp setsid rt_sigaction - - setreuid setregid -
    rt_sigpending sethostname setrlimit getrlimit getrusage gettimeofday settimeofday getgroups setgroups -
    symlink - readlink uselib swapon reboot - - munmap truncate ftruncate fchmod fchown getpriority setpriority
    - statfs fstatfs ioperm - syslog setitimer getitimer stat lstat fstat - iopl vhangup - - wait4 swapoff
    sysinfo - fsync rt_sigreturn clone setdomainname uname modify_ldt adjtimex mprotect rt_sigprocmask
    create_module init_module delete_module get_kernel_syms quotactl getpgid fchdir - sysfs personality
    afs_syscall setfsuid setfsgid lseek getdents select flock msync readv writev getsid fdatasync _sysctl mlock
    munlock mlockall munlockall sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_yield
    sched_get_priority_max sched_get_priority_min sched_rr_get_interval nanosleep mremap setresuid getresuid -
    query_module poll nfsservctl setresgid getresgid prctl rt_sigreturn rt_sigaction rt_sigprocmask
    rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend pread64 pwrite64 chown getcwd capget capset
    sigaltstack sendfile getpmsg putpmsg vfork getrlimit mmap truncate ftruncate stat lstat fstat lchown getuid
    getgid geteuid getegid setreuid setregid getgroups setgroups fchown setresuid getresuid setresgid getresgid
    chown setuid setgid setfsuid setfsgid pivot_root mincore madvise getdents64 fcntl - - gettid - setxattr
    lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr
    fremovexattr tkill sendfile futex sched_setaffinity sched_getaffinity set_thread_area get_thread_area
    io_setup io_destroy io_getevents io_submit io_cancel fadvise64 - exit_group lookup_dcookie epoll_create
    epoll_ctl epoll_wait remap_file_pages set_tid_address timer_create timer_settime timer_gettime
    timer_getoverrun timer_delete clock_settime clock_gettime clock_getres clock_nanosleep statfs fstatfs tgkill
    utimes fadvise64 vserver mbind get_mempolicy set_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive
    mq_notify mq_getsetattr kexec_load waitid - add_key request_key keyctl ioprio_set ioprio_get inotify_init
    inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat fchownat futimesat newfstatat
    unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare set_robust_list
    get_robust_list splice sync_file_range tee vmsplice move_pages getcpu epoll_pwait utimensat signalfd
    timerfd_create eventfd - timerfd_settime timerfd_gettime signalfd4 eventfd2 epoll_create1 dup3 pipe2
    inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init fanotify_mark
    prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns process_vm_readv
    process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create bpf
    execveat socket socketpair bind connect listen accept4 getsockopt setsockopt getsockname getpeername sendto
    sendmsg recvfrom recvmsg shutdown userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2
    pkey_mprotect pkey_alloc pkey_free statx arch_prctl io_pgetevents
`,
  ],
  [
    393,
    `
    semget semctl shmget shmctl shmat shmdt msgget msgsnd msgrcv msgctl clock_gettime clock_settime
    clock_adjtime clock_getres clock_nanosleep timer_gettime timer_settime timerfd_gettime timerfd_settime
    utimensat pselect6 ppoll - io_pgetevents recvmmsg mq_timedsend mq_timedreceive semtimedop rt_sigtimedwait
    futex sched_rr_get_interval
`,
  ],
];

/** From here on both tables have the same numbers. */
const SAME_FROM = 424;
const TABLE_END = 512;

const twins: ReadonlyMap<number, number> = new Map([
  ...RUNS.flatMap(([first, names]) =>
    names
      .trim()
      .split(/\s+/)
      .flatMap((name, index) => {
        const number = syscallTable.numbers.get(name);
        return number === undefined ? [] : [[first + index, number] as const];
      }),
  ),
  ...[...syscallTable.numbers.values()]
    .filter((number) => number >= SAME_FROM && number < TABLE_END)
    .map((number) => [number, number] as const),
]);

/** By the number that the wire has, of either table: that of the 64-bit table; unchanged where there is no such call. */
export function nativeNumber(number: number): number {
  return number < SYSCALLS_COMPAT ? number : (twins.get(number - SYSCALLS_COMPAT) ?? number);
}
