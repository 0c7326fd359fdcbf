/** The ping-pong of `switch` on a kernel that this machine does not run: Debian's, emulated by QEMU. */
import { bootVm, foldersOfThisRun } from '../test/vm/boot.js';
import { root } from '../test/helpers/compile.js';
import { fetchKernel, KernelFetchError, type KernelVersion } from '../test/vm/kernels/kernel.js';
import type { PingPongSamples } from './ping-pong.js';

/** It takes some 45 s; on a busy host, several times that. */
const MACHINE_MS = 300_000;

/** Undefined, and said why, where this kernel cannot be had. The workload must have been compiled: the machine's root is read-only. */
export async function pingPongOn(version: KernelVersion): Promise<PingPongSamples | undefined> {
  try {
    const kernel = await fetchKernel(version);
    const { output, exitCode, elapsedMs } = await bootVm({
      kernel,
      root: 'host',
      command: `cd '${root}' && exec '${process.execPath}' dist/bench/switch-inside.js`,
      keep: foldersOfThisRun(),
      timeoutMs: MACHINE_MS,
      cpus: 1,
    });
    process.stderr.write(
      `bench: Linux ${version}: the machine ended after ${Math.round(elapsedMs / 1e3)} s\n`,
    );
    const told = output.split('\n').find((line) => line.startsWith('{'));
    if (told === undefined || exitCode !== 0)
      throw new Error(`Linux ${version}: the ping-pong ended with ${exitCode} and said:\n${output.trim()}`);
    return JSON.parse(told) as PingPongSamples;
  } catch (error) {
    if (!(error instanceof KernelFetchError)) throw error;
    process.stderr.write(`bench: no figure for Linux ${version}: ${error.message}\n`);
    return undefined;
  }
}
