import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../agent/src/native.js';
import { requireRoot, thrown } from './fixtures.js';

const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
const BPF_PROG_TYPE_TRACING = 26;
const BPF_MAP_TYPE_RINGBUF = 27;
const BPF_FUNC_KTIME_GET_NS = 5;
const NO_SUCH_TYPE = 1000;

describe('addon: features and system calls', () => {
  before(requireRoot);

  it('says which program types, map types and helpers the kernel knows', () => {
    assert.equal(native().probeProgramType(BPF_PROG_TYPE_RAW_TRACEPOINT), 'yes');
    assert.equal(native().probeProgramType(NO_SUCH_TYPE), 'unknown');
    assert.equal(native().probeMapType(BPF_MAP_TYPE_RINGBUF), 'yes');
    assert.equal(native().probeHelper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_KTIME_GET_NS), 'yes');
    assert.equal(native().probeHelper(BPF_PROG_TYPE_RAW_TRACEPOINT, 10_000), 'no');
  });

  it('says unknown where libbpf cannot put the question', () => {
    assert.equal(native().probeHelper(BPF_PROG_TYPE_TRACING, BPF_FUNC_KTIME_GET_NS), 'unknown');
  });

  it('names the version of libbpf', () => assert.match(native().libbpfVersion(), /^1\.\d+$/));

  it('counts the possible CPUs as the kernel does', () => {
    const list = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim();
    const count = list.split(',').reduce((sum, range) => {
      const [low = 0, high = low] = range.split('-').map(Number);
      return sum + high - low + 1;
    }, 0);
    assert.equal(native().possibleCpus(), count);
  });

  it('reads both clocks close together', () => {
    const before = process.hrtime.bigint();
    const { monotonicNs, realtimeNs, uncertaintyNs } = native().clocks();
    const after = process.hrtime.bigint();
    assert.ok(before <= monotonicNs && monotonicNs <= after);
    assert.ok(Math.abs(Number(realtimeNs / 1_000_000n) - Date.now()) < 1000);
    assert.ok(uncertaintyNs >= 0n && uncertaintyNs < 1_000_000n);
  });

  it('reads the effective capabilities as /proc shows them', () => {
    const shown = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    assert.equal(native().effectiveCapabilities(), BigInt(`0x${shown ?? assert.fail('no CapEff')}`));
  });

  it('gives the id of a cgroup, and refuses what is none', () => {
    const mounts = readFileSync('/proc/self/mounts', 'utf8');
    const mount = / (\S+) cgroup2 /.exec(mounts)?.[1] ?? assert.fail('no cgroup v2 hierarchy is mounted');
    const folder = mkdtempSync(join(mount, 'slt-'));
    try {
      // On 64-bit kernels the inode number is the cgroup's id (Documentation/admin-guide/cgroup-v2.rst).
      assert.equal(native().cgroupId(folder), statSync(folder, { bigint: true }).ino);
    } finally {
      rmdirSync(folder);
    }
    thrown('EINVAL', () => native().cgroupId('/proc'));
    thrown('ENOENT', () => native().cgroupId('/no/such/cgroup'));
  });
});
