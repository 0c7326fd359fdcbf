/** Which BPF objects a process holds, and which of them still exist in the kernel. */
import { execFileSync } from 'node:child_process';
import { presentFiles } from './present-files.js';

type Kind = 'prog' | 'map' | 'link';

export type BpfObjects = Readonly<Record<Kind, readonly number[]>>;

/** From the descriptors of the process: others on this machine may have objects of the same names. */
export function bpfObjectsOf(pid: number): BpfObjects {
  const infos = presentFiles(`/proc/${pid}/fdinfo`);
  const ids = (kind: Kind): number[] =>
    infos.flatMap((info) => {
      // A link's descriptor names its program too.
      const isOf = kind === 'link' || !info.includes('link_id:');
      const id = new RegExp(`^${kind}_id:\\s*(\\d+)`, 'm').exec(info)?.[1];
      return isOf && id !== undefined ? [Number(id)] : [];
    });
  return { prog: ids('prog'), map: ids('map'), link: ids('link') };
}

/** The keys of the first of these maps that has that name. */
export function keysOfMap({ map }: BpfObjects, name: string): Buffer[] {
  const bpftool = (...words: string[]): unknown =>
    JSON.parse(execFileSync('bpftool', ['-j', ...words], { encoding: 'utf8', maxBuffer: 2 ** 26 }));
  const id = map.find((id) => (bpftool('map', 'show', 'id', String(id)) as { name: string }).name === name);
  if (id === undefined) throw new Error(`there is no map ${name} among ${map.join()}`);
  const entries = bpftool('map', 'dump', 'id', String(id)) as { key: string[] }[];
  return entries.map(({ key }) => Buffer.from(key.map(Number)));
}

/** Those which are there still. Ids are given out upwards: one that is gone does not come again soon. */
export function remaining(objects: BpfObjects): BpfObjects {
  const still = (kind: Kind): number[] => {
    const shown = execFileSync('bpftool', ['-j', kind, 'show'], { encoding: 'utf8', maxBuffer: 2 ** 26 });
    const now = new Set((JSON.parse(shown) as { id: number }[]).map(({ id }) => id));
    return objects[kind].filter((id) => now.has(id));
  };
  return { prog: still('prog'), map: still('map'), link: still('link') };
}
