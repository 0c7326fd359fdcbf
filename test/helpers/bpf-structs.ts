/** Where members of the BPF programs' own structures lie, from the object's BTF: tests put states into maps that no program would bring about at will. */
import { execFileSync } from 'node:child_process';

interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly members?: readonly { name: string; type_id: number; bits_offset: number }[];
}

export interface Struct {
  readonly size: number;
  /** Offset in bytes; `path` names members of members with dots. */
  at(path: string): number;
}

export function structsOf(object: string): (name: string) => Struct {
  const dump = execFileSync('bpftool', ['btf', 'dump', 'file', object, '-j'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  const { types } = JSON.parse(dump) as { types: BtfType[] };
  const byId = new Map(types.map((type) => [type.id, type]));
  const offsetIn = (type: BtfType, [name, ...rest]: readonly string[]): number => {
    const member = type.members?.find((candidate) => candidate.name === name);
    if (member === undefined) throw new Error(`${type.name} has no member ${name}`);
    const inner = byId.get(member.type_id);
    const offset = member.bits_offset / 8;
    return rest.length === 0 || inner === undefined ? offset : offset + offsetIn(inner, rest);
  };
  return (name) => {
    const type = types.find((candidate) => candidate.kind === 'STRUCT' && candidate.name === name);
    if (type?.size === undefined) throw new Error(`${object} has no struct ${name}`);
    return { size: type.size, at: (path) => offsetIn(type, path.split('.')) };
  };
}
