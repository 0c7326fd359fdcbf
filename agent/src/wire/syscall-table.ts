/**
 * The system calls of x86-64, by number, and the classes under which the configuration chooses them.
 *
 * Numbers: arch/x86/entry/syscalls/syscall_64.tbl, Linux 2.6 to 7.x; the compatibility calls of x32 (512 to 547) are
 * another ABI and are left out. Classes have the names of strace's where it has one (with or without its `%`). They
 * differ from strace's in one point: `file` holds what works on a file, so also read, write and fsync, where strace
 * means a call that takes a file name. A number says nothing of the kind of a descriptor: a read(2) from a socket
 * is in `file`, not in `net`.
 */

/** Runs of names, each from its first number on. */
const RUNS: readonly (readonly [first: number, names: string])[] = [
  [
    0,
    `
    read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction
    rt_sigprocmask rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield
    mremap msync mincore madvise shmget shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer
    getpid sendfile socket connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen
    getsockname getpeername socketpair setsockopt getsockopt clone fork vfork execve exit wait4 kill
    uname semget semop semctl shmdt msgget msgsnd msgrcv msgctl fcntl flock fsync fdatasync truncate
    ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat link unlink symlink readlink chmod
    fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo times ptrace getuid syslog
    getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid setregid getgroups
    setgroups setresuid getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset
    rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib
    personality ustat statfs fstatfs sysfs getpriority setpriority sched_setparam sched_getparam
    sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min
    sched_rr_get_interval mlock munlock mlockall munlockall vhangup modify_ldt pivot_root _sysctl prctl
    arch_prctl adjtimex setrlimit chroot sync acct settimeofday mount umount2 swapon swapoff reboot
    sethostname setdomainname iopl ioperm create_module init_module delete_module get_kernel_syms
    query_module quotactl nfsservctl getpmsg putpmsg afs_syscall tuxcall security gettid readahead
    setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity sched_getaffinity
    set_thread_area io_setup io_destroy io_getevents io_submit io_cancel get_thread_area lookup_dcookie
    epoll_create epoll_ctl_old epoll_wait_old remap_file_pages getdents64 set_tid_address
    restart_syscall semtimedop fadvise64 timer_create timer_settime timer_gettime timer_getoverrun
    timer_delete clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait
    epoll_ctl tgkill utimes vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend
    mq_timedreceive mq_notify mq_getsetattr kexec_load waitid add_key request_key keyctl ioprio_set
    ioprio_get inotify_init inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat
    fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat
    pselect6 ppoll unshare set_robust_list get_robust_list splice tee sync_file_range vmsplice
    move_pages utimensat epoll_pwait signalfd timerfd_create eventfd fallocate timerfd_settime
    timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev
    rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init fanotify_mark prlimit64 name_to_handle_at
    open_by_handle_at clock_adjtime syncfs sendmmsg setns getcpu process_vm_readv process_vm_writev kcmp
    finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load
    bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc
    pkey_free statx io_pgetevents rseq
`,
  ],
  // Two that only the kernel's own uprobe trampolines make.
  [335, 'uretprobe uprobe'],
  [
    424,
    `
    pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen
    fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise
    epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule
    landlock_restrict_self memfd_secret process_mrelease futex_waitv set_mempolicy_home_node cachestat
    fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr
    lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat removexattrat
    open_tree_attr file_getattr file_setattr listns rseq_slice_yield
`,
  ],
];

/** A class whose name is also a call's (sync, time, poll, futex) contains that call. */
const CLASSES: Readonly<Record<string, string>> = {
  file: `
    open openat openat2 open_by_handle_at name_to_handle_at creat close close_range read pread64 readv preadv preadv2
    write pwrite64 writev pwritev pwritev2 lseek sendfile splice tee vmsplice copy_file_range readahead fadvise64
    fallocate truncate ftruncate fsync fdatasync sync_file_range sync syncfs stat fstat lstat newfstatat statx statfs
    fstatfs ustat access faccessat faccessat2 getdents getdents64 getcwd chdir fchdir chroot rename renameat renameat2
    mkdir mkdirat rmdir mknod mknodat link linkat unlink unlinkat symlink symlinkat readlink readlinkat chmod fchmod
    fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat umask flock setxattr lsetxattr
    fsetxattr setxattrat getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat
    removexattr lremovexattr fremovexattr removexattrat file_getattr file_setattr cachestat memfd_create memfd_secret
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_init fanotify_mark io_setup io_destroy
    io_submit io_cancel io_getevents io_pgetevents mount umount2 pivot_root move_mount open_tree open_tree_attr fsopen
    fsconfig fsmount fspick mount_setattr statmount listmount quotactl quotactl_fd swapon swapoff acct uselib`,
  desc: `
    read pread64 readv preadv preadv2 write pwrite64 writev pwritev pwritev2 close close_range lseek dup dup2 dup3
    fcntl ioctl pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    epoll_pwait2 epoll_ctl_old epoll_wait_old eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime
    timerfd_gettime inotify_init inotify_init1 inotify_add_watch inotify_rm_watch io_uring_setup io_uring_enter
    io_uring_register fstat fstatfs ftruncate fsync fdatasync sync_file_range syncfs fallocate fadvise64 readahead
    flock fchmod fchown fchdir getdents getdents64 sendfile splice tee vmsplice copy_file_range pidfd_open pidfd_getfd
    pidfd_send_signal userfaultfd memfd_create memfd_secret perf_event_open bpf cachestat`,
  net: `
    socket socketpair bind listen accept accept4 connect shutdown getsockname getpeername setsockopt getsockopt sendto
    recvfrom sendmsg recvmsg sendmmsg recvmmsg sendfile`,
  sync: 'fsync fdatasync sync syncfs sync_file_range msync',
  futex: `
    futex futex_waitv futex_wait futex_wake futex_requeue set_robust_list get_robust_list`,
  poll: `
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 epoll_ctl_old
    epoll_wait_old io_getevents io_pgetevents io_uring_enter`,
  process: `
    fork vfork clone clone3 execve execveat exit exit_group wait4 waitid pidfd_open pidfd_getfd pidfd_send_signal kill
    tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo ptrace prctl arch_prctl unshare setns kcmp process_vm_readv
    process_vm_writev process_madvise process_mrelease getpid gettid getppid getpgid getpgrp setpgid getsid setsid
    set_tid_address getrusage getrlimit setrlimit prlimit64 personality`,
  memory: `
    brk mmap munmap mremap mprotect pkey_mprotect pkey_alloc pkey_free madvise process_madvise process_mrelease mincore
    msync mlock mlock2 munlock mlockall munlockall remap_file_pages mbind set_mempolicy set_mempolicy_home_node
    get_mempolicy migrate_pages move_pages userfaultfd memfd_secret map_shadow_stack mseal shmat shmdt membarrier`,
  ipc: `
    shmget shmat shmctl shmdt semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend
    mq_timedreceive mq_notify mq_getsetattr pipe pipe2 eventfd eventfd2 socketpair process_vm_readv process_vm_writev`,
  signal: `
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo
    rt_sigsuspend sigaltstack kill tkill tgkill pidfd_send_signal signalfd signalfd4 pause restart_syscall`,
  time: `
    nanosleep clock_nanosleep clock_gettime clock_settime clock_getres clock_adjtime adjtimex gettimeofday settimeofday
    time times alarm getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete
    timerfd_create timerfd_settime timerfd_gettime`,
  sched: `
    sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_setattr sched_getattr
    sched_setaffinity sched_getaffinity sched_get_priority_max sched_get_priority_min sched_rr_get_interval getpriority
    setpriority ioprio_set ioprio_get getcpu rseq rseq_slice_yield`,
  creds: `
    getuid geteuid getgid getegid setuid setgid setreuid setregid getresuid setresuid getresgid setresgid setfsuid
    setfsgid getgroups setgroups capget capset`,
};

/** Other names under which a class is known. */
const CLASS_ALIASES: Readonly<Record<string, string>> = { network: 'net' };

/** The class of the calls that are in no other. */
const OTHER = 'other';

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

export class UnknownSyscall extends Error {
  readonly code = 'ERR_UNKNOWN_SYSCALL';
  constructor(readonly syscall: string) {
    super(`${syscall} is neither a system call of x86-64 nor a class of them`);
  }
}

const numbers: ReadonlyMap<string, number> = new Map(
  RUNS.flatMap(([first, names]) => words(names).map((name, index) => [name, first + index] as const)),
);

const names: ReadonlyMap<number, string> = new Map([...numbers].map(([name, number]) => [number, name]));

const members: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(CLASSES).map(([name, calls]) => [name, words(calls)]),
);

function classesOf(name: string): string[] {
  const found = [...members].filter(([, calls]) => calls.includes(name)).map(([className]) => className);
  return found.length > 0 || !numbers.has(name) ? found : [OTHER];
}

/** The numbers behind the name of a class or a call (a class wins); undefined where it is neither. */
function numbersOf(nameOrClass: string): number[] | undefined {
  const bare = nameOrClass.replace(/^%/, '');
  const className = CLASS_ALIASES[bare] ?? bare;
  if (className === OTHER) {
    return [...numbers].filter(([name]) => classesOf(name)[0] === OTHER).map(([, number]) => number);
  }
  const calls = members.get(className);
  if (calls !== undefined) {
    return calls.map((call) => {
      const number = numbers.get(call);
      if (number === undefined) {
        throw new UnknownSyscall(call);
      }
      return number;
    });
  }
  const number = nameOrClass.startsWith('%') ? undefined : numbers.get(nameOrClass);
  return number === undefined ? undefined : [number];
}

/** The numbers of all calls that a list of names and classes stands for. Throws UnknownSyscall. */
function resolve(list: readonly string[]): Set<number> {
  return new Set(
    list.flatMap((item) => {
      const found = numbersOf(item);
      if (found === undefined) {
        throw new UnknownSyscall(item);
      }
      return found;
    }),
  );
}

/** The numbers of exactly these calls: some have the name of a class too. Throws UnknownSyscall. */
function named(list: readonly string[]): Set<number> {
  return new Set(
    list.map((name) => {
      const number = numbers.get(name);
      if (number === undefined) throw new UnknownSyscall(name);
      return number;
    }),
  );
}

export const syscallTable = {
  /** By name. */
  numbers,
  /** The name of a call; a number that this table does not know is written as strace does: syscall_0x1d8. */
  nameOf(number: number): string {
    return names.get(number) ?? `syscall_0x${number.toString(16)}`;
  },
  /** The classes of a call, `other` where it is in none; empty for a name that is no system call. */
  classesOf,
  /** Whether this is the name of a call or a class. */
  has: (nameOrClass: string) => numbersOf(nameOrClass) !== undefined,
  classNames: [...members.keys(), OTHER] as readonly string[],
  resolve,
  named,
  /** The calls of interest as a configuration chooses them; an empty include stands for all. */
  chosen({ include, exclude }: { include: readonly string[]; exclude: readonly string[] }): Set<number> {
    const excluded = resolve(exclude);
    const included = include.length === 0 ? names.keys() : resolve(include);
    return new Set([...included].filter((number) => !excluded.has(number)));
  },
};
