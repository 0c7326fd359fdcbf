/** BPF objects for the addon's tests. Each that is opened is closed after its test, also when the test fails. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { native, type BpfLink, type BpfObject, type NativeError } from '../../agent/src/native.js';
import { compileBpf } from '../helpers/compile.js';

const opened = new Set<BpfObject>();

export type Fixture = 'maps' | 'rejected' | 'attach' | 'ring';

export function fixturePath(name: Fixture): string {
  return compileBpf(join('test', 'native', 'bpf', `${name}.bpf.c`));
}

export function openFixture(name: Fixture): BpfObject {
  const object = native().open(fixturePath(name));
  opened.add(object);
  return object;
}

export function loadFixture(name: Fixture): BpfObject {
  const object = openFixture(name);
  object.load();
  return object;
}

/** The object of one program for each way of attaching, which counts what process `pid` does. */
export function loadAttachFixture(pid: number): BpfObject {
  const object = openFixture('attach');
  object.setRodata('pid', u32(pid));
  object.program('on_uprobe_multi').setUprobeMulti();
  object.load();
  return object;
}

/** Root hooks of a test file: `before(requireRoot)`, `afterEach(closeFixtures)`. */
export function closeFixtures(): void {
  for (const object of opened) object.close();
  opened.clear();
}

export function requireRoot(): void {
  assert.equal(process.geteuid?.(), 0, 'the tests of the addon load BPF programs: run them as root');
}

export function u32(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

export function u64(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer);
}

export function readU32(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

export function readU64(bytes: Uint8Array, offset = 0): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true);
}

/** A global variable of 8 bytes, read from the map it lies in. */
export function readGlobal(object: BpfObject, name: string): bigint {
  const { map, offset } = object.variable(name);
  return readU64(object.map(map).mmap(), offset);
}

/** How much a counter rises while `work` runs with `attach()` in force. */
export function risesWhile(
  object: BpfObject,
  counter: string,
  attach: () => BpfLink,
  work: () => void,
): bigint {
  const before = readGlobal(object, counter);
  const link = attach();
  try {
    work();
  } finally {
    link.detach();
  }
  return readGlobal(object, counter) - before;
}

/** What `call` throws, which must be an Error with this code. */
export function thrown(code: string, call: () => unknown): NativeError {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof Error, 'an Error is thrown');
    const native = error as NativeError;
    assert.equal(native.code, code, native.message);
    return native;
  }
  return assert.fail(`nothing was thrown, expected ${code}`);
}
