/** A process that answers each line of its standard input with one line. */
import { spawn, type ChildProcessByStdio, type SpawnOptions } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export class Conversation {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<void>;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];

  constructor(
    program: string,
    args: readonly string[],
    options: Pick<SpawnOptions, 'uid' | 'gid' | 'cwd' | 'env'>,
  ) {
    this.#process = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface(this.#process.stdout).on('line', (line) => this.#waiting.shift()?.resolve(line));
    this.#ended = new Promise((resolve) => {
      const end = (why: string): void => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${program}: ${why}`));
        resolve();
      };
      this.#process.once('error', (error) => end(error.message));
      this.#process.once('exit', (status, signal) => end(`ended with ${status ?? signal}`));
    });
    // Told by the next ask().
    this.#process.stdin.on('error', () => undefined);
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`${this.#process.spawnfile} does not run`);
    return this.#process.pid;
  }

  ask(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#process.exitCode !== null || this.#process.pid === undefined) {
        reject(new Error(`${this.#process.spawnfile} does not run`));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#process.stdin.write(`${line}\n`);
    });
  }

  /** Closes its input, which ends it, and waits until it has ended. */
  async stop(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }
}
