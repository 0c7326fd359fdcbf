/** A process that a test starts and talks to by lines. endPrograms() ends whatever is left, also after a failure. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import { PATIENCE_MS } from './until.js';

const running = new Set<Program>();

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Program {
  /** Of standard output, as far as they have come. */
  readonly lines: string[] = [];
  /** Of standard error. */
  readonly errors: string[] = [];
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #watchers = new Set<() => void>();
  #taken = 0;
  #over = false;

  constructor([command = '', ...args]: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(this);
    // A process that is killed while it is written to: its end is what the test asks about.
    this.#child.stdin.on('error', () => undefined);
    for (const [stream, lines] of [
      [this.#child.stdout, this.lines],
      [this.#child.stderr, this.errors],
    ] as const) {
      createInterface(stream).on('line', (line) => {
        lines.push(line);
        this.#changed();
      });
    }
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      // After `close` all of its output has been read.
      this.#child.once('close', (code, signal) => {
        this.#over = true;
        running.delete(this);
        this.#changed();
        resolve({ code, signal });
      });
    });
    this.exited.catch(() => undefined);
  }

  /** After exec (sltagent exec, setpriv) also that of the program. */
  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the program did not start');
    return pid;
  }

  say(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Many programs end with their input. */
  closeInput(): void {
    this.#child.stdin.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The next line of its output that nobody has taken yet. */
  async next(milliseconds = PATIENCE_MS): Promise<string> {
    const at = this.#taken++;
    return this.until(() => this.lines[at], `line ${at + 1} of its output`, milliseconds);
  }

  /** Looks again whenever a line has come; rejects when the program has ended or the time is over. */
  async until<T>(look: () => T | undefined, what: string, milliseconds = PATIENCE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        action();
      };
      const fail = (why: string): void => {
        const said = this.errors.slice(-20).join('\n');
        settle(() => reject(new Error(`waited for ${what}, but ${why}; it said:\n${said}`)));
      };
      const watcher = (): void => {
        const found = look();
        if (found !== undefined) settle(() => resolve(found));
        else if (this.#over) fail('the program ended');
      };
      const timer = setTimeout(() => fail(`${milliseconds} ms passed`), milliseconds);
      this.#watchers.add(watcher);
      watcher();
    });
  }

  /** Waits for its end, and holds it to have ended well. */
  async succeeded(milliseconds = PATIENCE_MS): Promise<void> {
    await this.until(() => (this.#over ? true : undefined), 'its end', milliseconds);
    const { code, signal } = await this.exited;
    if (code !== 0) throw new Error(`ended with ${code ?? signal}:\n${this.errors.slice(-20).join('\n')}`);
  }

  /** SIGKILL; resolves when it has gone and its output has been read. */
  async kill(): Promise<void> {
    if (!this.#over) this.#child.kill('SIGKILL');
    await this.exited.catch(() => undefined);
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** Those started last are ended first. */
export async function endPrograms(): Promise<void> {
  for (const program of [...running].reverse()) await program.kill();
}
