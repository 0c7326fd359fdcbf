/**
 * Compiles what a test needs: BPF objects and small C programs, into build/test/. A product that is newer than its
 * source is kept.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout; this file runs as dist/test/helpers/compile.js. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

const multiarch = `/usr/include/${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch}-linux-gnu`;

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
}

function build(source: string, product: string, compiler: string, flags: string[]): string {
  const from = join(root, source);
  const to = join(root, 'build', 'test', product);
  if (modified(to) > modified(from)) return to;
  mkdirSync(dirname(to), { recursive: true });
  // A name of its own until it is whole: test files may run side by side.
  const unfinished = `${to}.${process.pid}`;
  // The sanitizer tests preload libasan, which is for node and not for compilers.
  const { LD_PRELOAD: _, ...env } = process.env;
  execFileSync(compiler, [...flags, from, '-o', unfinished], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  });
  renameSync(unfinished, to);
  return to;
}

/** Compiles a `.bpf.c` (path from the root) and gives the object's path. */
export function compileBpf(source: string): string {
  const flags = ['-O2', '-g', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'];
  const target = ['-target', 'bpf', '-mcpu=v2', '-idirafter', multiarch, '-c'];
  return build(source, join('bpf', `${basename(source, '.c')}.o`), 'clang', [...flags, ...target]);
}

/** Compiles a C file (path from the root) to a program, or with `-shared` among the flags to a library. */
export function compileC(source: string, flags: string[] = []): string {
  return build(source, join('c', basename(source, '.c')), 'gcc', [
    '-O1',
    '-g',
    '-Wall',
    '-Wextra',
    '-Werror',
    ...flags,
  ]);
}
