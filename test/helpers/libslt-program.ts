/** C programs of test/integration/agent-programs that are linked with libslt: they take part without `sltagent exec`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './compile.js';
import { Program } from './program.js';

/** Returns the path of the program. */
export function compileAgainstLibslt(name: string): string {
  const program = join(root, 'build', 'test', name);
  const source = join(root, 'test', 'integration', 'agent-programs', `${name}.c`);
  // -fPIC: see test/native/c/Makefile.
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread'];
  const headers = ['preload-libs/c', 'schemas/wire'].map((folder) => `-I${join(root, folder)}`);
  const library = ['-L', join(root, 'build'), `-Wl,-rpath,${join(root, 'build')}`, '-lslt'];
  mkdirSync(join(root, 'build', 'test'), { recursive: true });
  execFileSync('gcc', [...flags, ...headers, source, '-o', program, ...library]);
  return program;
}

export interface StartOptions {
  readonly args?: readonly string[];
  /** The folder of a cgroup (v2) that it enters before it becomes the user. */
  readonly cgroup?: string;
}

/** Starts it as this user, and waits until it is ready. */
export async function startAs(
  user: number,
  program: string,
  { args = [], cgroup }: StartOptions = {},
): Promise<Program> {
  const enter = ['sh', '-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"'];
  const become = ['setpriv', '--reuid', String(user), '--regid', String(user), '--clear-groups'];
  const started = new Program([
    ...(cgroup === undefined ? [] : [...enter, cgroup]),
    ...become,
    program,
    ...args,
  ]);
  assert.equal(await started.next(), 'ready');
  return started;
}
