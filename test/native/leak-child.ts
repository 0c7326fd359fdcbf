/**
 * Opens, loads, attaches, drains and closes many times over, also with failures; half of the links are left to close(). Prints the kernel's ids of the BPF objects that it had, and the numbers of its descriptors before and after.
 */
import { readdirSync } from 'node:fs';
import { presentFiles } from '../helpers/present-files.js';
import { native } from '../../agent/src/native.js';
import { fixturePath, u32, u64 } from './fixtures.js';

export interface LeakReport {
  rounds: number;
  descriptors: { before: number; after: number };
  ids: { prog: number[]; map: number[]; link: number[] };
}

const rounds = Number(process.argv[2] ?? '200');
const [maps, rejected, attach, ring] = (['maps', 'rejected', 'attach', 'ring'] as const).map(fixturePath) as [
  string,
  string,
  string,
  string,
];
const ids = { prog: new Set<number>(), map: new Set<number>(), link: new Set<number>() };
const descriptors = (): number => readdirSync('/proc/self/fd').length;

function noteIds(): void {
  for (const info of presentFiles('/proc/self/fdinfo')) {
    const found = /^(prog|map|link)_id:\s+(\d+)$/m.exec(info);
    if (found) ids[found[1] as keyof typeof ids].add(Number(found[2]));
  }
}

async function round(number: number): Promise<void> {
  const shared = native().open(maps);
  shared.setRodata('factor', u32(number));
  shared.load();
  shared.map('hash').set(u32(1), u64(1n));
  shared.map('hash').getBatch(8);
  shared.map('hash').keys();
  shared.map('.bss').mmap();
  const watching = native().open(attach);
  watching.program('on_uprobe_multi').setUprobeMulti();
  watching.load();
  const link = watching.program('on_raw_tp').attachRawTracepoint('sys_exit');
  watching.program('on_tp_btf').attach();
  const refused = native().open(rejected);
  try {
    refused.load();
  } catch {
    // refused, as it must be
  }
  try {
    native().open('/no/such/object');
  } catch {
    // not there, as it must be
  }
  const streaming = native().open(ring);
  streaming.load();
  const reader = native().drain(streaming.map('ring'), () => undefined, { batchMs: 1, batchBytes: 1024 });
  streaming.program('produce').testRun(u64(200n, 16n, 0n));
  if (number % 20 === 0) noteIds();
  await reader.close();
  if (number % 2 === 0) link.detach();
  for (const object of [shared, watching, refused, streaming]) object.close();
}

// The first round sets up what stays: libbpf's own feature probes, libuv's threads.
await round(0);
const before = descriptors();
for (let number = 1; number <= rounds; number++) await round(number);
const report: LeakReport = {
  rounds,
  descriptors: { before, after: descriptors() },
  ids: { prog: [...ids.prog], map: [...ids.map], link: [...ids.link] },
};
process.stdout.write(JSON.stringify(report));
