/** The running uprobe-target.c, and the places in its file. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { UprobeTarget } from '../../agent/src/native.js';
import { compileC } from '../helpers/compile.js';

const PT_LOAD = 1;

/** File offset of an address, by the program headers of a 64-bit ELF file. */
function fileOffset(elf: Buffer, address: bigint): number {
  const headers = Number(elf.readBigUInt64LE(32));
  const size = elf.readUInt16LE(54);
  for (let i = 0; i < elf.readUInt16LE(56); i++) {
    const header = elf.subarray(headers + i * size);
    const [offset, begin, bytes] = [8, 16, 32].map((at) => header.readBigUInt64LE(at)) as [
      bigint,
      bigint,
      bigint,
    ];
    if (header.readUInt32LE(0) !== PT_LOAD || address < begin || address >= begin + bytes) continue;
    return Number(address - begin + offset);
  }
  return assert.fail(`no segment holds ${address.toString(16)}`);
}

export class UprobeProcess {
  readonly first: UprobeTarget;
  readonly second: UprobeTarget;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;

  constructor() {
    const path = compileC('test/native/uprobe-target.c');
    const elf = readFileSync(path);
    const { LD_PRELOAD: _, ...env } = process.env;
    const symbols = execFileSync('nm', [path], { encoding: 'utf8', env });
    const offsetOf = (symbol: string): number => {
      const line = new RegExp(`^([0-9a-f]+) \\S ${symbol}$`, 'm').exec(symbols);
      return fileOffset(elf, BigInt(`0x${line?.[1] ?? assert.fail(`no symbol ${symbol}`)}`));
    };
    const target = (name: string): UprobeTarget => ({
      path,
      offset: offsetOf(`${name}_site`),
      refCounterOffset: offsetOf(`${name}_semaphore`),
    });
    this.first = target('first');
    this.second = target('second');
    this.#process = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.#lines = createInterface(this.#process.stdout);
  }

  get pid(): number {
    return this.#process.pid ?? assert.fail('the target did not start');
  }

  /** Passes both sites once; gives the semaphores as the process sees them. */
  async pass(): Promise<{ first: number; second: number }> {
    const answer = new Promise<string>((resolve, reject) => {
      this.#lines.once('line', resolve);
      this.#process.once('exit', () => reject(new Error('the target has ended')));
    });
    this.#process.stdin.write('\n');
    const [first, second] = (await answer).split(' ').map(Number);
    return { first: first ?? NaN, second: second ?? NaN };
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin.end();
    await ended;
  }
}
