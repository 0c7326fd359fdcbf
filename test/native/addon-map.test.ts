import assert from 'node:assert/strict';
import { native } from '../../agent/src/native.js';
import {
  closeFixtures,
  loadFixture,
  readGlobal,
  readU32,
  readU64,
  requireRoot,
  thrown,
  u32,
  u64,
} from './fixtures.js';

const BPF_NOEXIST = 1;
const BPF_EXIST = 2;

describe('addon: maps', () => {
  before(requireRoot);
  afterEach(closeFixtures);

  it('sets, gets and deletes entries of a hash', () => {
    const hash = loadFixture('maps').map('hash');
    assert.equal(hash.get(u32(9)), undefined);
    hash.set(u32(9), u64(123n));
    assert.deepEqual(hash.get(u32(9)), u64(123n));
    hash.set(u32(9), u64(124n), BPF_EXIST);
    thrown('EEXIST', () => hash.set(u32(9), u64(1n), BPF_NOEXIST));
    thrown('ENOENT', () => hash.set(u32(10), u64(1n), BPF_EXIST));
    assert.equal(hash.delete(u32(9)), true);
    assert.equal(hash.delete(u32(9)), false);
    assert.equal(hash.get(u32(9)), undefined);
  });

  it('refuses keys and values of another size, and says which size they have', () => {
    const hash = loadFixture('maps').map('hash');
    assert.match(
      thrown('ERR_OUT_OF_RANGE', () => hash.get(u64(1n))).message,
      /^key: expected 4 bytes, not 8/,
    );
    assert.match(
      thrown('ERR_OUT_OF_RANGE', () => hash.set(u32(1), u32(1))).message,
      /^value: expected 8 bytes, not 4/,
    );
    thrown('ERR_OUT_OF_RANGE', () => hash.setBatch(u32(1, 2), u64(1n), 2));
  });

  it('names map and attempt when the kernel refuses', () => {
    const array = loadFixture('maps').map('array');
    const error = thrown('E2BIG', () => array.set(u32(8), u32(1)));
    assert.equal(error.syscall, 'set');
    assert.match(error.message, /set on map array/);
    thrown('EINVAL', () => array.delete(u32(0)));
  });

  it('lists the keys that are present', () => {
    const hash = loadFixture('maps').map('hash');
    assert.deepEqual(hash.keys(), []);
    for (let key = 0; key < 50; key++) hash.set(u32(key), u64(0n));
    const keys = hash.keys().map((key) => readU32(key));
    assert.deepEqual(
      keys.sort((a, b) => a - b),
      [...Array(50).keys()],
    );
  });

  it('writes and reads many entries in one call', () => {
    const hash = loadFixture('maps').map('hash');
    const numbers = [...Array(40).keys()];
    hash.setBatch(u32(...numbers), u64(...numbers.map((number) => BigInt(number * number))), 40);
    const { keys, values, count } = hash.getBatch(1000);
    assert.equal(count, 40);
    assert.equal(keys.length, 40 * 4);
    assert.equal(values.length, 40 * 8);
    for (let i = 0; i < count; i++) assert.equal(readU64(values, i * 8), BigInt(readU32(keys, i * 4) ** 2));
    assert.equal(hash.getBatch(0).count, 0);
    for (const limit of [1, 2, 7]) {
      const part = hash.getBatch(limit);
      assert.equal(part.count, limit);
      assert.equal(part.values.length, limit * 8);
    }
  });

  it('reads a type that has no batch call entry by entry', () => {
    const object = loadFixture('maps');
    const key = object.program('take_stack').testRun(u64(0n));
    const stacks = object.map('stacks');
    const { keys, values, count } = stacks.getBatch(16);
    assert.equal(count, 1);
    assert.equal(readU32(keys), key);
    assert.equal(values.length, 64);
    assert.notEqual(readU64(values), 0n);
  });

  it('pushes to a queue, which the program pops in order', () => {
    const object = loadFixture('maps');
    const queue = object.map('queue');
    for (const value of [10, 20, 30, 40]) queue.push(u32(value));
    thrown('E2BIG', () => queue.push(u32(50)));
    object.program('touch').testRun(u64(0n));
    // 77 is added by the program, from .data.
    assert.equal(readGlobal(object, 'popped'), 87n);
    object.program('touch').testRun(u64(0n));
    assert.equal(readGlobal(object, 'popped'), 87n + 97n);
  });

  it('gives one value for each possible CPU of a per-CPU map', () => {
    const object = loadFixture('maps');
    const perCpu = object.map('per_cpu');
    const cpus = native().possibleCpus();
    const slots = (): number[] => {
      const values = perCpu.get(u32(0));
      assert.equal(values?.length, cpus * 8);
      return [...Array(cpus).keys()].map((cpu) => readU32(values, cpu * 8));
    };
    perCpu.set(u32(0), u64(...Array.from({ length: cpus }, (_, cpu) => BigInt(cpu + 1))));
    assert.deepEqual(
      slots(),
      [...Array(cpus).keys()].map((cpu) => cpu + 1),
    );
    const before = slots().reduce((sum, value) => sum + value);
    for (let i = 0; i < 25; i++) object.program('touch').testRun(u64(0n));
    assert.equal(slots().reduce((sum, value) => sum + value) - before, 25);
    thrown('ERR_OUT_OF_RANGE', () => perCpu.set(u32(0), u32(1)));
  });

  it('shares the memory of an mmapable map with the kernel, both ways', () => {
    const object = loadFixture('maps');
    const shared = object.map('shared');
    const memory = shared.mmap();
    assert.equal(memory.length, 1000 * 8);
    memory.set(u64(41n), 7 * 8);
    object.program('touch').testRun(u64(0n));
    assert.equal(readU64(memory, 7 * 8), 42n);
    assert.deepEqual(shared.get(u32(7)), u64(42n));
    shared.set(u32(999), u64(5n));
    assert.equal(readU64(memory, 999 * 8), 5n);
  });

  it('shares .bss and .data, and copies .rodata, which nobody can write any more', () => {
    const object = loadFixture('maps');
    object.map('.data').mmap().set(u32(1000), object.variable('preset').offset);
    object.map('queue').push(u32(1));
    object.program('touch').testRun(u64(0n));
    assert.equal(readGlobal(object, 'popped'), 1001n);
    const constants = object.map('.rodata').mmap();
    const { offset } = object.variable('factor');
    assert.equal(readU32(constants, offset), 2);
    constants.set(u32(99), offset);
    assert.equal(readU32(object.map('.rodata').mmap(), offset), 2);
  });

  it('keeps shared memory valid after close', () => {
    const object = loadFixture('maps');
    const memory = object.map('shared').mmap();
    memory.set(u64(3n));
    object.close();
    memory.set(u64(readU64(memory) + 1n));
    assert.equal(readU64(memory), 4n);
  });

  it('refuses mmap of a map that was not made for it', () => {
    const object = loadFixture('maps');
    assert.equal(thrown('ENOTSUPP', () => object.map('hash').mmap()).syscall, 'mmap');
    thrown('EINVAL', () => object.map('array').mmap());
  });
});
