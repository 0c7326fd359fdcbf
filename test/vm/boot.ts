/**
 * Runs a command on another kernel: a virtual machine of QEMU's, emulated in
 * software (TCG), so that it works on any host and needs no privilege and no /dev/kvm.
 *
 * `initramfs` machines hold busybox and the given files, nothing else. `host` machines
 * see this machine's root read-only over 9p, with /tmp, /run and /var/tmp of their
 * own, so whatever is installed and built here runs there.
 *
 * The command's output comes by a serial line of its own, so the kernel's messages
 * are never mixed into it. init.sh is the other half of this file.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { root } from '../helpers/compile.js';
import { packInitramfs, type InitramfsEntry } from './initramfs.js';
import type { Kernel } from './kernels/kernel.js';

/** Static: it is the only program of the initial file system. From Debian's busybox-static. */
const BUSYBOX = '/bin/busybox';

export interface VmOptions {
  readonly kernel: Kernel;
  readonly root: 'initramfs' | 'host';
  /** A script for sh. Its standard input is empty. */
  readonly command: string;
  /** Added to the initial file system (with `host` they are out of the command's sight). Paths without a leading slash. */
  readonly files?: readonly InitramfsEntry[];
  /** With `host`: folders that the command needs although they lie in the host's /tmp, /run or /var/tmp. */
  readonly keep?: readonly string[];
  /** From the start of QEMU to its end; past it the machine is ended and the call fails. */
  readonly timeoutMs: number;
  readonly memoryMb?: number;
  /**
   * Two, if left out. With one, code that the kernel patches (a tracepoint's jump) never runs on another processor at that
   * moment: emulated, a kernel that is made to patch hundreds of times a minute hung so.
   */
  readonly cpus?: 1 | 2;
}

export interface VmResult {
  /** The command's exit status, as sh gives it (128 + n for signal n). */
  readonly exitCode: number;
  /** What the command wrote, standard output and error together. */
  readonly output: string;
  /** The kernel's messages. */
  readonly console: string;
  readonly elapsedMs: number;
}

/** The machine did not get as far as the command's end. The message ends with the kernel's last words. */
export class VmError extends Error {
  constructor(
    readonly code: 'ERR_VM_TIMEOUT' | 'ERR_VM_SETUP' | 'ERR_VM_DIED',
    what: string,
    readonly output: string,
    readonly console: string,
  ) {
    super(`${what}\n--- output\n${lastLines(output)}\n--- console\n${lastLines(console)}`);
    this.name = 'VmError';
  }
}

export async function bootVm(options: VmOptions): Promise<VmResult> {
  const folder = await mkdtemp(join(tmpdir(), 'sltagent-vm-'));
  try {
    const marker = `exit-${randomUUID()}`;
    const initramfs = join(folder, 'initramfs');
    const consoleFile = join(folder, 'console');
    await writeFile(initramfs, packInitramfs(await initialFiles(options, marker)));

    const started = performance.now();
    const qemu = await runQemu(qemuArguments(options, initramfs, consoleFile), options.timeoutMs);
    const elapsedMs = performance.now() - started;

    const kernelSaid = (await readFile(consoleFile, 'utf8').catch(() => '')).replaceAll('\r', '');
    return { ...readResult(options, marker, qemu, kernelSaid), elapsedMs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function initialFiles(options: VmOptions, marker: string): Promise<InitramfsEntry[]> {
  const keep = options.keep ?? [];
  const unquotable = keep.find((path) => /[^\w./+@-]/.test(path));
  if (unquotable !== undefined)
    throw new TypeError(`keep: '${unquotable}' has characters that init.sh does not take`);
  const settings = `MARKER=${marker}\nROOT=${options.root}\nKEEP='${keep.join(' ')}'\n`;
  const modules = options.kernel.modules.map(async (path): Promise<InitramfsEntry> => {
    return { kind: 'file', path: `modules/${basename(path)}`, content: await readFile(path) };
  });
  return [
    ...['bin', 'dev', 'modules'].map((path): InitramfsEntry => ({ kind: 'directory', path })),
    // The kernel opens it for init's three descriptors before anything is mounted.
    { kind: 'character', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', path: 'bin/busybox', content: await readFile(BUSYBOX), executable: true },
    { kind: 'file', path: 'init', content: await readFile(join(root, 'test/vm/init.sh')), executable: true },
    { kind: 'file', path: 'settings', content: Buffer.from(settings) },
    { kind: 'file', path: 'command', content: Buffer.from(options.command) },
    ...(await Promise.all(modules)),
    ...(options.files ?? []),
  ];
}

function qemuArguments(options: VmOptions, initramfs: string, consoleFile: string): string[] {
  const share = 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap';
  return [
    // One host thread for both processors: with one each, a processor can run a stale translation of an int3 which the
    // other has patched away (seen as "Oops: int3" at a `66 <90>` on 7.2; linux-kernel, July 2023, "qemu-x86_64 booting
    // with 8.0.0 stil see int3").
    ...['-accel', 'tcg,thread=single', '-cpu', 'max', '-smp', `${options.cpus ?? 2}`],
    ...['-m', `${options.memoryMb ?? 2048}`],
    ...['-display', 'none', '-monitor', 'none', '-nodefaults', '-no-reboot'],
    ...['-chardev', `file,id=console,path=${consoleFile}`, '-serial', 'chardev:console'],
    ...['-chardev', 'stdio,id=output,signal=off', '-serial', 'chardev:output'],
    ...['-kernel', options.kernel.image, '-initrd', initramfs],
    // A panic ends the machine at once. Mitigations are emulated instruction by instruction.
    ...['-append', 'console=ttyS0 loglevel=5 panic=-1 oops=panic mitigations=off'],
    ...(options.root === 'host' ? ['-virtfs', share] : []),
  ];
}

interface QemuRun {
  readonly status: number | null;
  readonly timedOut: boolean;
  readonly output: string;
  readonly complaints: string;
}

function runQemu(args: readonly string[], timeoutMs: number): Promise<QemuRun> {
  return new Promise((resolve, reject) => {
    const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const endWithUs = (): void => void qemu.kill('SIGKILL');
    process.once('exit', endWithUs);

    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      qemu.kill('SIGKILL');
    }, timeoutMs);
    const output: Buffer[] = [];
    const complaints: Buffer[] = [];
    qemu.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    qemu.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));

    const finish = (): void => {
      clearTimeout(timer);
      process.off('exit', endWithUs);
    };
    qemu.once('error', (error) => {
      finish();
      reject(
        new Error(`cannot start qemu-system-x86_64 (package qemu-system-x86): ${error.message}`, {
          cause: error,
        }),
      );
    });
    qemu.once('close', (status) => {
      finish();
      const text = (chunks: readonly Buffer[]): string =>
        Buffer.concat(chunks).toString().replaceAll('\r', '');
      resolve({ status, timedOut, output: text(output), complaints: text(complaints) });
    });
  });
}

function readResult(
  options: VmOptions,
  marker: string,
  qemu: QemuRun,
  kernelSaid: string,
): Omit<VmResult, 'elapsedMs'> {
  const machine = `the virtual machine (Linux ${options.kernel.version})`;
  const end = qemu.output.indexOf(`\n${marker} `);
  const output = end < 0 ? qemu.output : qemu.output.slice(0, end);
  if (end < 0) {
    if (qemu.timedOut) {
      throw new VmError(
        'ERR_VM_TIMEOUT',
        `${machine} was not done after ${options.timeoutMs} ms`,
        output,
        kernelSaid,
      );
    }
    const how = qemu.complaints.trim() || `QEMU ended with status ${qemu.status ?? 'none'}`;
    throw new VmError('ERR_VM_DIED', `${machine} ended before the command did: ${how}`, output, kernelSaid);
  }
  const status = qemu.output.slice(end + marker.length + 2).trim();
  if (!/^\d+$/.test(status)) {
    throw new VmError('ERR_VM_SETUP', `${machine} could not be set up`, output, kernelSaid);
  }
  return { exitCode: Number(status), output, console: kernelSaid };
}

/** As many as a panic writes after its reason. */
function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-60).join('\n');
}

/** Folders without which a `host` machine cannot run what this process runs: for `keep`. */
export function foldersOfThisRun(): string[] {
  return [root, dirname(dirname(process.execPath))];
}
