/**
 * Names of errno values on x86-64 (include/uapi/asm-generic/errno*.h), and of those that the
 * kernel keeps to itself (include/linux/errno.h): a tracepoint sees them, the program does not.
 */

const NAMES = `
  EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
  ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
  ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT
  EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
  ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX
  ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT
  ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET
  ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN
  EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE
  ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON`;

/** A signal interrupted the call; it starts again, or the program sees EINTR. */
const KERNEL_ONLY: readonly (readonly [number, string])[] = [
  [512, 'ERESTARTSYS'],
  [513, 'ERESTARTNOINTR'],
  [514, 'ERESTARTNOHAND'],
  [515, 'ENOIOCTLCMD'],
  [516, 'ERESTART_RESTARTBLOCK'],
];

const names: ReadonlyMap<number, string> = new Map([
  ...NAMES.trim()
    .split(/\s+/)
    .map((name, index) => [index + 1, name] as const)
    .filter(([, name]) => name !== '-'),
  ...KERNEL_ONLY,
]);

/** The highest value that a failed call returns, negated (MAX_ERRNO of include/linux/err.h). */
export const MAX_ERRNO = 4095;

/** `EAGAIN` for 11; a value that has no name is written as `errno_4000`. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno_${errno}`;
}

/** The errno of a system call's result; undefined: it did not fail. */
export function errnoOf(result: bigint): number | undefined {
  return result < 0n && result >= -BigInt(MAX_ERRNO) ? Number(-result) : undefined;
}
