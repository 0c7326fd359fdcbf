/** Where the parts of this installation lie that are not TypeScript. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** dist/agent/src/cli/ lies four folders below. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');

export const installation = {
  version(): string {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    return manifest.version;
  },
  addon: process.env['SLTAGENT_ADDON'] ?? join(ROOT, 'agent', 'native', 'build', 'Release', 'sltagent.node'),
  bpfObject: join(ROOT, 'build', 'bpf', 'sltagent.bpf.o'),
  libslt: join(ROOT, 'build', 'libslt.so'),
  /** The folder that a Python service gets on its PYTHONPATH. */
  pythonSite: join(ROOT, 'preload-libs', 'python', 'site'),
  /** The C extension for an interpreter, named by the SOABI of its build or the start of it: `cpython-311`. */
  pythonExtension(tag: string): string {
    const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
    return join(ROOT, 'build', 'python', `${tag}-${machine}-linux-gnu`, '_sltagent_native.so');
  },
  pythonBuildCommand: (python: string) =>
    `bash ${join(ROOT, 'preload-libs', 'python', 'build.sh')} ${python}`,
  has: (path: string) => existsSync(path),
};
