/** The kernels of other machines that the tests boot: fetched once, then in the cache. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { root } from '../../helpers/compile.js';

export const kernelVersions = ['5.10', '6.1', '6.12', '7.3'] as const;
export type KernelVersion = (typeof kernelVersions)[number];

export interface Kernel {
  readonly version: KernelVersion;
  /** Path of the bootable image. */
  readonly image: string;
  /** Paths of the modules that the first file system needs, uncompressed. */
  readonly modules: readonly string[];
}

/** It cannot be had. `here`: not on this machine, whatever one does (another architecture, not Debian); otherwise the mirror did not give it. */
export class KernelFetchError extends Error {
  override readonly name = 'KernelFetchError';

  constructor(
    readonly reason: 'here' | 'mirror',
    message: string,
  ) {
    super(message);
  }
}

/** fetch.sh's exit status when a person would have to change the machine. */
const CANNOT_HERE = 3;
const FETCH_MS = 600_000;

/** Downloads some 100 MB the first time. */
export async function fetchKernel(version: KernelVersion): Promise<Kernel> {
  const folder = await runFetch(version);
  const modules = await readdir(join(folder, 'modules'));
  return {
    version,
    image: join(folder, 'vmlinuz'),
    modules: modules.map((module) => join(folder, 'modules', module)),
  };
}

function runFetch(version: KernelVersion): Promise<string> {
  const script = join(root, 'test', 'vm', 'kernels', 'fetch.sh');
  return new Promise((resolve, reject) => {
    execFile('bash', [script, version], { timeout: FETCH_MS }, (error, stdout, stderr) => {
      if (error === null) {
        process.stderr.write(stderr);
        resolve(stdout.trim());
        return;
      }
      const why = stderr.trim() || error.message;
      reject(
        new KernelFetchError(error.code === CANNOT_HERE ? 'here' : 'mirror', `Linux ${version}: ${why}`),
      );
    });
  });
}
