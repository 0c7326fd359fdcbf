/** The virtual machines themselves: what a command did in one is told as it was. */
import assert from 'node:assert/strict';
import { bootVm, VmError, type VmOptions, type VmResult } from './boot.js';
import { fetchKernel, type Kernel } from './kernels/kernel.js';

/** A small machine is done in 10 to 20 s, on a busy host in a minute, on a slow one that is busy in more. */
const MACHINE_MS = 300_000;

describe('a virtual machine', function () {
  this.timeout(MACHINE_MS + 10_000);
  let kernel: Kernel;
  /** What a machine takes here. */
  let elapsedMs = MACHINE_MS / 3;

  before(async function () {
    this.timeout(600_000);
    kernel = await fetchKernel('6.1');
  });

  const small = (command: string, more: Partial<VmOptions> = {}): Promise<VmResult> =>
    bootVm({ kernel, root: 'initramfs', command, timeoutMs: MACHINE_MS, ...more });

  it("gives a command's output, byte for byte, and its exit status, on the kernel that was asked for", async () => {
    const content = Buffer.from('first line\n\tsecond: straße\n');
    const files = [{ kind: 'file', path: 'given', content }] as const;
    const { output, exitCode, ...took } = await small('uname -r; cat /given; echo >&2 bad; exit 7', {
      files,
    });
    ({ elapsedMs } = took);
    assert.match(output, /^6\.1\.0-\d+-amd64\nfirst line\n\tsecond: straße\nbad\n$/);
    assert.equal(exitCode, 7);
  });

  it('is ended when its time is over, and what it had said is told', async () => {
    const never = small('echo before; sleep 1000', { timeoutMs: 20_000 + 2 * elapsedMs });
    await assert.rejects(never, (error: unknown) => {
      assert.ok(error instanceof VmError);
      assert.equal(error.code, 'ERR_VM_TIMEOUT');
      assert.match(error.output, /^before$/m);
      return true;
    });
  });

  it("ends at a panic, and the kernel's last words are told", async () => {
    await assert.rejects(small('echo c >/proc/sysrq-trigger'), (error: unknown) => {
      assert.ok(error instanceof VmError);
      assert.equal(error.code, 'ERR_VM_DIED');
      assert.match(error.message, /Kernel panic - not syncing: sysrq triggered crash/);
      return true;
    });
  });
});
