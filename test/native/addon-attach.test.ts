import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { native } from '../../agent/src/native.js';
import { kernelIsAtLeast } from '../helpers/kernel.js';
import { closeFixtures, loadAttachFixture, readGlobal, requireRoot, risesWhile, thrown } from './fixtures.js';
import { UprobeProcess } from './uprobe-target.js';

const calls = 100;

/** Makes `calls` system calls: libuv asks the kernel each time. */
function callKernel(): void {
  let parents = 0;
  for (let i = 0; i < calls; i++) parents += process.ppid;
  assert.ok(parents > 0);
}

describe('addon: attachments', () => {
  let target: UprobeProcess | undefined;

  before(requireRoot);
  afterEach(closeFixtures);
  afterEach(async () => {
    await target?.stop();
    target = undefined;
  });

  it('attaches by section (tp_btf): runs until it is detached', () => {
    const object = loadAttachFixture(process.pid);
    const hits = risesWhile(object, 'by_tp_btf', () => object.program('on_tp_btf').attach(), callKernel);
    assert.ok(hits >= calls, `${hits} hits`);
    const after = readGlobal(object, 'by_tp_btf');
    callKernel();
    assert.equal(readGlobal(object, 'by_tp_btf'), after);
  });

  it('attaches to a raw tracepoint by name', () => {
    const object = loadAttachFixture(process.pid);
    const attach = () => object.program('on_raw_tp').attachRawTracepoint('sys_exit');
    const hits = risesWhile(object, 'by_raw_tp', attach, callKernel);
    assert.ok(hits >= calls, `${hits} hits`);
    const error = thrown('ENOENT', () =>
      object.program('on_raw_tp').attachRawTracepoint('no_such_tracepoint'),
    );
    assert.match(error.message, /on_raw_tp to raw tracepoint no_such_tracepoint/);
  });

  it('attaches to a classic tracepoint', async () => {
    const child = fileURLToPath(new URL('./tracepoint-child.js', import.meta.url));
    // tracefs is not mounted everywhere: where it is not, the child gets a mount of its own, which ends with it.
    // The sanitizers' libraries are for Node, not for what sh starts before.
    const script = `[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing || exit
      LD_PRELOAD="$PRELOAD" exec "$0" "$1"`;
    const { LD_PRELOAD: PRELOAD = '', ...env } = { ...process.env };
    const command = ['-m', 'sh', '-c', script, process.execPath, child];
    const run = await promisify(execFile)('unshare', command, { env: { ...env, PRELOAD } });
    const { calls: made, hits } = JSON.parse(run.stdout) as { calls: number; hits: number };
    assert.ok(hits >= made, `${hits} hits`);
  });

  it('says that a tracepoint does not exist', () => {
    const object = loadAttachFixture(process.pid);
    const error = thrown('ENOENT', () => object.program('on_tracepoint').attachTracepoint('no', 'such'));
    assert.match(error.message, /tracepoint no\/such/);
    assert.equal(error.syscall, 'attach');
  });

  it('attaches a uprobe by symbol', async () => {
    target = new UprobeProcess();
    const object = loadAttachFixture(target.pid);
    const { path } = target.first;
    object.program('on_uprobe').attachUprobe({ path, symbol: 'first_site', offset: 0 });
    await target.pass();
    assert.equal(readGlobal(object, 'by_uprobe'), 1n);
    assert.throws(() => object.program('on_uprobe').attachUprobe({ path, symbol: 'absent', offset: 0 }), {
      code: 'ENOENT',
    });
    assert.throws(
      () => object.program('on_uprobe').attachUprobeMulti([{ path, symbol: 'first_site', offset: 0 }]),
      /^RangeError: symbol/,
    );
  });

  it('attaches a uprobe by file and offset, raises its semaphore, and lowers it on detach', async () => {
    target = new UprobeProcess();
    const object = loadAttachFixture(target.pid);
    assert.deepEqual(await target.pass(), { first: 0, second: 0 });
    const link = object.program('on_uprobe').attachUprobe(target.first);
    assert.deepEqual(await target.pass(), { first: 1, second: 0 });
    await target.pass();
    assert.equal(readGlobal(object, 'by_uprobe'), 2n);
    link.detach();
    link.detach();
    assert.deepEqual(await target.pass(), { first: 0, second: 0 });
    assert.equal(readGlobal(object, 'by_uprobe'), 2n);
  });

  it('attaches a uprobe to one process only', async () => {
    target = new UprobeProcess();
    const other = new UprobeProcess();
    try {
      const object = loadAttachFixture(target.pid);
      object.program('on_uprobe').attachUprobe({ ...target.first, pid: other.pid });
      assert.equal((await target.pass()).first, 0);
      assert.equal((await other.pass()).first, 1);
      assert.equal(readGlobal(object, 'by_uprobe'), 0n);
      thrown('ERR_OUT_OF_RANGE', () => object.program('on_uprobe').attachUprobe({ ...other.first, pid: 0 }));
    } finally {
      await other.stop();
    }
  });

  it('attaches to many places by one uprobe.multi link', async function () {
    const answer = native().probeUprobeMulti();
    if (answer !== 'yes') {
      assert.ok(!kernelIsAtLeast(6, 6), `the kernel is ${release()}, and the probe says ${answer}`);
      console.log(`      skipped: no uprobe.multi link before Linux 6.6 (this is ${release()})`);
      this.skip();
    }
    target = new UprobeProcess();
    const object = loadAttachFixture(target.pid);
    const link = object.program('on_uprobe_multi').attachUprobeMulti([target.first, target.second]);
    assert.deepEqual(await target.pass(), { first: 1, second: 1 });
    assert.equal(readGlobal(object, 'by_uprobe_multi'), 2n);
    link.detach();
    assert.deepEqual(await target.pass(), { first: 0, second: 0 });
    assert.equal(readGlobal(object, 'by_uprobe_multi'), 2n);
  });

  it('refuses uprobe targets that no kernel can take', () => {
    const object = loadAttachFixture(process.pid);
    const multi = object.program('on_uprobe_multi');
    const place = { path: process.execPath, offset: 0 };
    thrown('ERR_OUT_OF_RANGE', () => multi.attachUprobeMulti([]));
    thrown('ERR_OUT_OF_RANGE', () => multi.attachUprobeMulti([place, { ...place, path: '/bin/true' }]));
    thrown('ERR_INVALID_ARG_TYPE', () => multi.attachUprobeMulti([{ path: '/bin/true' } as never]));
    thrown('ERR_OUT_OF_RANGE', () => multi.attachUprobeMulti([{ ...place, offset: -1 }]));
    const error = thrown('ENOENT', () =>
      object.program('on_uprobe').attachUprobe({ path: '/no/such/file', offset: 16 }),
    );
    assert.match(error.message, /\/no\/such\/file\+16/);
    thrown('ENOENT', () => multi.attachUprobeMulti([{ path: '/no/such/file', offset: 16 }]));
  });

  it('detaches everything when the object is closed', async () => {
    target = new UprobeProcess();
    const object = loadAttachFixture(target.pid);
    const links = [
      object.program('on_uprobe').attachUprobe(target.first),
      object.program('on_uprobe').attachUprobe(target.second),
      object.program('on_tp_btf').attach(),
    ];
    assert.deepEqual(await target.pass(), { first: 1, second: 1 });
    object.close();
    assert.deepEqual(await target.pass(), { first: 0, second: 0 });
    for (const link of links) link.detach();
  });
});
