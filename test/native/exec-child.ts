/**
 * Started by addon-exec.test.ts. argv[2] is JSON: the program to become and the state it shall have. When that fails, the
 * error and what of this process has changed is printed.
 */
import { readFileSync } from 'node:fs';
import { native } from '../../agent/src/native.js';

export interface ExecRequest {
  path: string;
  argv: string[];
  env: string[];
  ignored: number[];
  blocked: number[];
  openFiles: { soft: number; hard: number };
  descriptors?: number[];
}

const mask = (signals: number[]): bigint =>
  signals.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n);

/** What execve passes on of this process: signals, limits, flags of descriptors. */
function inherited(): string {
  const status = readFileSync('/proc/thread-self/status', 'utf8').match(/^Sig(Blk|Ign|Cgt):.*$/gm);
  const limit = /^Max open files.*$/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  const flags = [0, 1, 2].map(
    (fd) => /^flags:.*$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[0],
  );
  return JSON.stringify([status, limit, flags]);
}

const { path, argv, env, ignored, blocked, openFiles, descriptors } = JSON.parse(
  process.argv[2] ?? '',
) as ExecRequest;
native();
// The use of a stream makes libuv set it to non-blocking.
await new Promise((done) => process.stdout.write('', done));
process.stdin.unref();
process.on('SIGUSR2', () => undefined);
const before = inherited();
try {
  const state = { ignoredSignals: mask(ignored), blockedSignals: mask(blocked), openFiles };
  native().execve(path, argv, env, descriptors === undefined ? state : { ...state, descriptors });
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  process.stdout.write(JSON.stringify({ code, message, unchanged: inherited() === before }));
  process.exit(0);
}
