/** agent-programs/burst.c: many spans at once, told through libslt itself, by a user that nobody else on the machine is. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './compile.js';
import { Program } from './program.js';

/** With filter.users, the agent's counts are those of this user's processes alone. */
export const USER = 1_000_000 + process.pid;

/** A program of agent-programs/, linked with libslt. */
export function compiled(name: string): string {
  const program = join(root, 'build', 'test', name);
  const source = join(root, 'test', 'integration', 'agent-programs', `${name}.c`);
  // -fPIC: see test/native/c/Makefile.
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror'];
  const headers = ['preload-libs/c', 'schemas/wire'].map((folder) => `-I${join(root, folder)}`);
  const library = ['-L', join(root, 'build'), `-Wl,-rpath,${join(root, 'build')}`, '-lslt'];
  execFileSync('mkdir', ['-p', join(root, 'build', 'test')]);
  execFileSync('gcc', [...flags, ...headers, source, '-o', program, ...library]);
  return program;
}

export interface BurstOptions {
  readonly uid?: number;
  /** The folder of a cgroup (v2) that it enters before it becomes the user. */
  readonly cgroup?: string;
}

/** burst.c as that user. It needs no exec: it is linked with libslt. */
export async function burst(program: string, { uid = USER, cgroup }: BurstOptions = {}): Promise<Program> {
  const enter = ['sh', '-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"'];
  const user = ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const started = new Program([...(cgroup === undefined ? [] : [...enter, cgroup]), ...user, program]);
  assert.equal(await started.next(), 'ready');
  return started;
}

export async function inFlight(program: Program, count: number, milliseconds: number): Promise<void> {
  program.say(`${count} ${milliseconds}`);
  assert.equal(await program.next(), 'open');
}
