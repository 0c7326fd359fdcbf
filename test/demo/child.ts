/** A process that the demo starts and, whatever happens, ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Where its standard output goes when nobody here reads it: one of our descriptors, 1 or 2. */
  readonly stdout?: number;
  /** Called for each line of its standard error. */
  readonly onErrorLine?: (line: string) => void;
  /** See favour(). In a session of its own then: Ctrl-C does not reach it. */
  readonly favoured?: boolean;
}

const STDERR_KEPT = 8192;
/** The agent takes up to 5 seconds to hand over what it still has. */
const END_MS = 10_000;

const FAVOURED = -15;

/**
 * Lets other work of this machine take little CPU from a process, so that it adds no cause of its own to what is
 * injected. Where sessions compete and not processes (sched_autogroup_enabled, sched(7)), its session is favoured.
 * Who may not do so goes on without it.
 */
function favour(pid: number): void {
  const steps = [
    () => {
      setPriority(pid, FAVOURED);
    },
    () => {
      writeFileSync(`/proc/${pid}/autogroup`, String(FAVOURED));
    },
  ];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      // ERR_SYSTEM_ERROR is what setPriority() throws for any errno; the others are of open(2) and write(2).
      if (!['ERR_SYSTEM_ERROR', 'EPERM', 'EACCES', 'ENOENT', 'ESRCH', 'EAGAIN'].includes(code)) throw error;
    }
  }
}

export class Child {
  private static readonly running = new Set<Child>();

  private readonly process: ChildProcess;
  private readonly waiting = new Set<(line: string | undefined) => void>();
  private stderr = '';
  private ended = false;

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    options: ChildOptions = {},
  ) {
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      // Standard input stays open as long as we run: a fixture ends when it closes.
      stdio: ['pipe', options.stdout ?? 'pipe', 'pipe'],
      detached: options.favoured === true,
    });
    this.process = child;
    if (options.favoured === true && child.pid !== undefined) favour(child.pid);
    Child.running.add(this);
    const read = (stream: Readable | null, onLine: (line: string) => void) => {
      if (stream === null) return;
      createInterface(stream).on('line', (line) => {
        onLine(line);
        for (const waiter of this.waiting) waiter(line);
      });
    };
    read(child.stdout, () => undefined);
    read(child.stderr, (line) => {
      this.stderr = `${this.stderr}${line}\n`.slice(-STDERR_KEPT);
      options.onErrorLine?.(line);
    });
    child.on('error', (error) => {
      this.stderr += error.message;
      this.hasEnded();
    });
    child.on('close', () => {
      this.hasEnded();
    });
  }

  /** The first line from now on, of either output, that matches. Rejects when the process ends or the time is over. */
  async line(pattern: RegExp, milliseconds: number): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (action: () => void) => {
        clearTimeout(timer);
        this.waiting.delete(waiter);
        action();
      };
      const fail = (what: string) => {
        settle(() => {
          reject(new Error(`${this.name} ${what} before it printed ${String(pattern)}${this.said()}`));
        });
      };
      const waiter = (line: string | undefined) => {
        if (line === undefined) {
          fail('ended');
          return;
        }
        const match = pattern.exec(line);
        if (match !== null) {
          settle(() => {
            resolve(match);
          });
        }
      };
      const timer = setTimeout(() => {
        fail(`took ${milliseconds} ms`);
      }, milliseconds);
      this.waiting.add(waiter);
      if (this.ended) waiter(undefined);
    });
  }

  get hasExited(): boolean {
    return this.ended;
  }

  get exitCode(): number | null {
    return this.process.exitCode;
  }

  /** What it last wrote to its standard error, for a message. */
  said(): string {
    const text = this.stderr.trim();
    return text === '' ? '' : `; it said:\n${text}`;
  }

  /** SIGTERM, and SIGKILL where that is not heard. Resolves when the process has gone. */
  async end(): Promise<void> {
    if (this.ended || this.process.exitCode !== null || this.process.signalCode !== null) return;
    // Not `close`: a child of its own may keep its output open.
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), END_MS);
    await gone;
    clearTimeout(timer);
  }

  /** At once, when nothing can be awaited. */
  kill(): void {
    this.process.kill('SIGKILL');
  }

  private hasEnded(): void {
    this.ended = true;
    Child.running.delete(this);
    for (const waiter of [...this.waiting]) waiter(undefined);
  }

  /** Those started last are ended first. */
  static async endAll(): Promise<void> {
    for (const child of [...Child.running].reverse()) await child.end();
  }

  /** For the very end of this process, when nothing can be awaited any more. */
  static killAll(): void {
    for (const child of Child.running) child.process.kill('SIGKILL');
  }
}
