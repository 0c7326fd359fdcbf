import assert from 'node:assert/strict';
import { readdirSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { native } from '../../agent/src/native.js';
import {
  closeFixtures,
  fixturePath,
  loadFixture,
  openFixture,
  readGlobal,
  readU32,
  requireRoot,
  thrown,
  u32,
  u64,
} from './fixtures.js';

describe('addon: objects', () => {
  before(requireRoot);
  afterEach(closeFixtures);
  afterEach(() => native().setLog(undefined));

  it('sets const volatile globals before load, and the program sees them', () => {
    const object = openFixture('maps');
    object.setRodata('factor', u32(5));
    object.setRodata('summand', u64(100n));
    object.load();
    assert.equal(object.program('compute').testRun(u64(7n)), 135);
    assert.equal(readU32(object.map('.rodata').mmap(), object.variable('factor').offset), 5);
  });

  it('refuses a global that is not const, is not there, or has another size', () => {
    const object = openFixture('maps');
    assert.match(thrown('ERR_BPF_NOT_FOUND', () => object.setRodata('counted', u64(1n))).message, /counted/);
    assert.match(thrown('ERR_BPF_NOT_FOUND', () => object.setRodata('absent', u64(1n))).message, /absent/);
    const error = thrown('ERR_OUT_OF_RANGE', () => object.setRodata('factor', u64(1n)));
    assert.ok(error instanceof RangeError);
    assert.match(error.message, /^value: expected 4 bytes for factor, not 8/);
  });

  it('says where a global lies', () => {
    const object = loadFixture('maps');
    assert.deepEqual(object.variable('preset').map, '.data');
    assert.deepEqual(object.variable('counted').map, '.bss');
    assert.equal(object.variable('counted').size, 8);
    assert.equal(object.variable('preset').size, 4);
    thrown('ERR_BPF_NOT_FOUND', () => object.variable('absent'));
  });

  it('puts the verifier’s log into the error of a refused load, and names object and program', () => {
    const object = openFixture('rejected');
    const error = thrown('EACCES', () => object.load());
    assert.equal(error.errno, 13);
    assert.equal(error.syscall, 'load');
    assert.match(error.message, /rejected\.bpf\.o.*wild/);
    assert.match(error.log ?? '', /dereference of modified ctx ptr/);
    assert.match(error.log ?? '', /^processed \d+ insns/m);
  });

  it('leaves an object that failed to load with nothing but close()', () => {
    const object = openFixture('rejected');
    const program = object.program('tame');
    assert.throws(() => object.load());
    thrown('ERR_BPF_LOAD_FAILED', () => object.load());
    thrown('ERR_BPF_LOAD_FAILED', () => object.programs());
    thrown('ERR_BPF_LOAD_FAILED', () => program.attach());
    object.close();
    thrown('ERR_BPF_CLOSED', () => object.load());
  });

  it('loads an object whose refused program is switched off', () => {
    const object = openFixture('rejected');
    object.program('wild').setAutoload(false);
    object.load();
    assert.equal(object.program('tame').testRun(), 0);
    assert.match(thrown('ERR_BPF_NOT_LOADED', () => object.program('wild').testRun()).message, /autoload/);
  });

  it('says what is wrong with a file that cannot be opened', () => {
    const folder = mkdtempSync(join(tmpdir(), 'slt-'));
    try {
      const absent = join(folder, 'absent.o');
      const error = thrown('ENOENT', () => native().open(absent));
      assert.equal(error.syscall, 'open');
      assert.ok(error.message.includes(absent));
      const text = join(folder, 'text.o');
      writeFileSync(text, 'this is no ELF file');
      thrown('ERR_BPF_FORMAT', () => native().open(text));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('resizes maps and leaves maps out, before load only', () => {
    const object = openFixture('maps');
    object.setMaxEntries('hash', 3);
    object.setAutocreate('stacks', false);
    object.program('take_stack').setAutoload(false);
    object.load();
    const hash = object.map('hash');
    assert.equal(hash.maxEntries, 3);
    for (const key of [1, 2, 3]) hash.set(u32(key), u64(1n));
    thrown('E2BIG', () => hash.set(u32(4), u64(1n)));
    assert.match(thrown('ERR_BPF_NOT_LOADED', () => object.map('stacks').keys()).message, /autocreate/);
    thrown('ERR_BPF_LOADED', () => object.setMaxEntries('hash', 4));
    thrown('ERR_BPF_LOADED', () => object.setAutocreate('hash', false));
    thrown('ERR_BPF_LOADED', () => object.setRodata('factor', u32(1)));
    thrown('ERR_BPF_LOADED', () => object.program('compute').setAutoload(false));
    thrown('ERR_BPF_LOADED', () => object.program('compute').setUprobeMulti());
    thrown('ERR_BPF_LOADED', () => object.load());
  });

  it('refuses the use of programs and maps before load', () => {
    const object = openFixture('maps');
    thrown('ERR_BPF_NOT_LOADED', () => object.program('compute').attach());
    thrown('ERR_BPF_NOT_LOADED', () => object.program('compute').testRun());
    thrown('ERR_BPF_NOT_LOADED', () => object.map('hash').get(u32(1)));
    thrown('ERR_BPF_NOT_LOADED', () => object.map('.bss').mmap());
  });

  it('throws ERR_BPF_CLOSED from everything that belonged to a closed object', () => {
    const object = loadFixture('maps');
    const program = object.program('compute');
    const map = object.map('hash');
    object.close();
    object.close();
    const uses: (() => unknown)[] = [
      () => object.load(),
      () => object.program('compute'),
      () => object.programs(),
      () => object.map('hash'),
      () => object.maps(),
      () => object.variable('factor'),
      () => object.setRodata('factor', u32(1)),
      () => program.attach(),
      () => program.testRun(),
      () => program.stats(),
      () => program.setAutoload(true),
      () => map.get(u32(1)),
      () => map.keys(),
      () => map.mmap(),
      () => map.maxEntries,
    ];
    for (const use of uses) thrown('ERR_BPF_CLOSED', use);
    assert.equal(program.name, 'compute');
    assert.equal(map.valueSize, 8);
  });

  it('keeps objects of one file apart', () => {
    const [one, two] = [loadFixture('maps'), loadFixture('maps')];
    one.program('compute').testRun(u64(1n));
    one.program('compute').testRun(u64(1n));
    two.program('compute').testRun(u64(1n));
    assert.equal(readGlobal(one, 'counted'), 2n);
    one.close();
    assert.equal(readGlobal(two, 'counted'), 1n);
    assert.equal(two.program('compute').testRun(u64(4n)), 8);
  });

  it('lists programs and maps', () => {
    const object = loadFixture('maps');
    assert.deepEqual(
      object.programs().map((program) => `${program.section} ${program.name}`),
      ['raw_tp compute', 'raw_tp touch', 'raw_tp take_stack'],
    );
    const names = object.maps().map((map) => map.name);
    for (const name of ['hash', 'array', 'queue', 'maps.bss']) assert.ok(names.includes(name), name);
    const { name, type, keySize, valueSize, maxEntries } = object.map('hash');
    assert.deepEqual(
      { name, type, keySize, valueSize, maxEntries },
      { name: 'hash', type: 1, keySize: 4, valueSize: 8, maxEntries: 64 },
    );
    thrown('ERR_BPF_NOT_FOUND', () => object.program('absent'));
    thrown('ERR_BPF_NOT_FOUND', () => object.map('absent'));
  });

  it('names the argument that has a wrong type', () => {
    const object = loadFixture('maps');
    const untyped = object as unknown as Record<string, (...values: unknown[]) => unknown>;
    const map = object.map('hash') as unknown as Record<string, (...values: unknown[]) => unknown>;
    const addon = native() as unknown as Record<string, (...values: unknown[]) => unknown>;
    const cases: [string, () => unknown][] = [
      ['path', () => addon['open']?.(7)],
      ['path', () => addon['open']?.('with\0nul')],
      ['name', () => untyped['program']?.()],
      ['value', () => untyped['setRodata']?.('factor', 'text')],
      ['create', () => untyped['setAutocreate']?.('hash', 1)],
      ['key', () => map['get']?.([1, 2, 3, 4])],
      ['key', () => map['get']?.(new Uint16Array(2))],
      ['count', () => map['getBatch']?.('8')],
      ['map', () => addon['drain']?.({}, () => undefined)],
      ['map', () => addon['drain']?.(object, () => undefined)],
      ['listener', () => addon['setLog']?.('loud')],
    ];
    for (const [argument, call] of cases) {
      const error = thrown('ERR_INVALID_ARG_TYPE', call);
      assert.ok(error instanceof TypeError);
      assert.ok(error.message.startsWith(`${argument}: `), error.message);
    }
  });

  it('is not confused by foreign receivers, prototypes and constructors', () => {
    const object = loadFixture('maps');
    const map = object.map('hash');
    const constructor = map.constructor as unknown as new () => unknown;
    assert.throws(() => new constructor(), { name: 'TypeError', message: 'Illegal constructor' });
    assert.throws(() => map.get.call(object as never, u32(1)), TypeError);
    const program = object.program('compute');
    Object.setPrototypeOf(program, Object.getPrototypeOf(map) as object);
    assert.throws(() => (program as unknown as typeof map).get(u32(1)), TypeError);
    thrown('ERR_INVALID_ARG_TYPE', () => native().drain(program as never, () => undefined));
  });

  it('hands libbpf’s messages to the listener, and to nobody once it is gone', () => {
    const messages: { level: string; text: string }[] = [];
    native().setLog((level, text) => messages.push({ level, text }));
    loadFixture('maps');
    assert.ok(messages.some(({ level }) => level === 'debug'));
    assert.throws(() => openFixture('rejected').load());
    assert.ok(messages.some(({ level, text }) => level === 'warn' && text.includes("prog 'wild'")));
    native().setLog(undefined);
    const count = messages.length;
    assert.throws(() => openFixture('rejected').load());
    assert.equal(messages.length, count);
  });

  it('lets the listener close the very object that is being loaded', () => {
    const object = openFixture('maps');
    native().setLog(() => object.close());
    object.load();
    thrown('ERR_BPF_CLOSED', () => object.programs());
  });

  it('counts runs of a program while the kernel measures them, and recursion misses', () => {
    const object = loadFixture('maps');
    const stats = object.program('compute').stats();
    assert.equal(typeof stats.runTimeNs, 'bigint');
    assert.equal(typeof stats.runCount, 'bigint');
    // linux 5.12 and later count these.
    assert.equal(stats.recursionMisses, 0n);
  });

  it('frees descriptors on close', () => {
    const path = fixturePath('maps');
    const count = (): number => readdirSync('/proc/self/fd').length;
    const before = count();
    const object = native().open(path);
    object.load();
    assert.ok(count() > before);
    object.close();
    assert.equal(count(), before);
  });
});
