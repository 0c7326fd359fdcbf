/**
 * A folder with what is measured: the workload and copies of libslt. The copies
 * have inodes of their own, so what is attached to them meets no other process of this host, and
 * their names are none that an agent which runs here would look for.
 */
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { compileC, root } from '../test/helpers/compile.js';

/** Nobody else's processes run as this user, so the bench's agent can leave out all others. */
const BENCH_UID = 64_999;

export interface Stage {
  readonly folder: string;
  readonly workload: string;
  readonly uid: number;
  /** Another program than the workload, as C source. Its path. */
  program(source: string): string;
  /** A copy of libslt of this name. */
  libslt(name: string): string;
  remove(): void;
}

function compiled(source: string): string {
  return compileC(source, [
    '-O2',
    `-I${join(root, 'preload-libs', 'c')}`,
    `-I${join(root, 'schemas', 'wire')}`,
    '-ldl',
  ]);
}

export function buildStage(): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'sltagent-bench-'));
  chmodSync(folder, 0o755);
  const copy = (from: string, name: string): string => {
    const to = join(folder, name);
    copyFileSync(from, to);
    chmodSync(to, 0o755);
    return to;
  };
  const program = (source: string): string => copy(compiled(source), basename(source, '.c'));
  return {
    folder,
    workload: program('bench/workload.c'),
    uid: BENCH_UID,
    program,
    libslt: (name) => copy(join(root, 'build', 'libslt.so'), `${name}.so`),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
