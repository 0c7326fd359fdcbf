/**
 * Writes agent/src/wire/layout.ts from the BTF that the compiler makes of the C
 * headers here, so that the decoder cannot disagree with the kernel side.
 *
 *   node dist/schemas/wire/generate.js           writes the file
 *   node dist/schemas/wire/generate.js --check   exit status 1 when it is out of date
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

/** bpftool's rendering of one BTF type; the members depend on its kind. */
interface BtfType {
  id: number;
  kind: string;
  name: string;
  size?: number;
  type_id?: number;
  nr_elems?: number;
  encoding?: string;
  members?: { name: string; type_id: number; bits_offset: number }[];
  values?: { name: string; val: number }[];
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const target = join(root, 'agent', 'src', 'wire', 'layout.ts');

/** Structures that user space writes as well; all others are only read. */
const written = new Set([
  'slt_control',
  'slt_operation',
  'slt_threshold',
  'slt_syscall_rule',
  'slt_span_key',
  'slt_runtime',
  'slt_capture',
]);

/** What is cut off an enumerator's name; the rest of the enum's name tells it. */
const prefixes: Record<string, string[]> = {
  slt_record_type: ['SLT_RECORD_'],
  slt_class: ['SLT_CLASS_', 'SLT_'],
  slt_wait: ['SLT_WAIT_'],
  slt_capture_mode: ['SLT_CAPTURE_'],
  slt_fd_kind: ['SLT_FD_'],
  slt_calls_order: ['SLT_CALLS_'],
  slt_call_flag: ['SLT_CALL_'],
  slt_part_flag: ['SLT_PART_'],
  slt_record_span_flag: ['SLT_SPAN_'],
  slt_syscall_flag: ['SLT_SYSCALL_'],
  slt_counter: ['SLT_'],
};

function describe(): BtfType[] {
  const folder = mkdtempSync(join(tmpdir(), 'sltagent-wire-'));
  try {
    const object = join(folder, 'wire.o');
    execFileSync(
      'clang',
      [
        '-g',
        '-O2',
        '-target',
        'bpf',
        `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
        '-c',
        join(root, 'schemas', 'wire', 'wire.c'),
        '-o',
        object,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const dump = execFileSync('bpftool', ['btf', 'dump', 'file', object, '-j'], { encoding: 'utf8' });
    return (JSON.parse(dump) as { types: BtfType[] }).types;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

class Layout {
  readonly #types: Map<number, BtfType>;

  constructor(types: BtfType[]) {
    this.#types = new Map(types.map((type) => [type.id, type]));
  }

  type(id: number | undefined): BtfType {
    const type = this.#types.get(id ?? -1);
    if (type === undefined) throw new Error(`BTF type ${id} is not described`);
    return type;
  }

  /** The type behind typedefs, and the names that were passed. */
  behind(id: number | undefined): { type: BtfType; names: string[] } {
    const names: string[] = [];
    let type = this.type(id);
    while (type.kind === 'TYPEDEF') {
      names.push(type.name);
      type = this.type(type.type_id);
    }
    return { type, names };
  }

  size(id: number | undefined): number {
    const { type } = this.behind(id);
    return type.kind === 'ARRAY' ? (type.nr_elems ?? 0) * this.size(type.type_id) : (type.size ?? 0);
  }

  all(kind: string): BtfType[] {
    return [...this.#types.values()].filter((type) => type.kind === kind && type.name !== '(anon)');
  }
}

const camel = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const pascal = (name: string): string => camel(`_${name.replace(/^slt_/, '')}`);
const upper = (name: string): string => name.replace(/^slt_/, '').toUpperCase();

interface Scalar {
  typescript: string;
  read: (at: string) => string;
  write: (at: string, value: string) => string;
}

function scalar(layout: Layout, id: number | undefined): Scalar {
  const { type, names } = layout.behind(id);
  if (type.kind !== 'INT') throw new Error(`no scalar: ${type.kind} ${type.name}`);
  const signed = type.encoding === 'SIGNED';
  if (type.size === 8) {
    const small = names.includes('slt_duration_ns') || names.includes('slt_count');
    const call = signed ? 'BigInt64' : 'BigUint64';
    return small
      ? {
          typescript: 'number',
          read: (at) => `view.getUint32(${at}, true) + view.getUint32(${at} + 4, true) * 0x100000000`,
          write: (at, value) => `view.setBigUint64(${at}, BigInt(${value}), true)`,
        }
      : {
          typescript: 'bigint',
          read: (at) => `view.get${call}(${at}, true)`,
          write: (at, value) => `view.set${call}(${at}, ${value}, true)`,
        };
  }
  const call = `${signed ? 'Int' : 'Uint'}${(type.size ?? 0) * 8}`;
  const endian = type.size === 1 ? '' : ', true';
  return {
    typescript: 'number',
    read: (at) => `view.get${call}(${at}${endian})`,
    write: (at, value) => `view.set${call}(${at}, ${value}${endian})`,
  };
}

function structure(layout: Layout, struct: BtfType): string {
  const name = pascal(struct.name);
  const fields: string[] = [];
  const reads: string[] = [];
  const writes: string[] = [];
  const tables: string[] = [];
  for (const member of struct.members ?? []) {
    if (member.name.startsWith('reserved')) continue;
    const offset = member.bits_offset / 8;
    const key = camel(member.name);
    const { type } = layout.behind(member.type_id);
    const at = `at + ${offset}`;
    if (type.kind === 'STRUCT') {
      fields.push(`${key}: ${pascal(type.name)};`);
      reads.push(`${key}: read${pascal(type.name)}(view, ${at}),`);
    } else if (type.kind === 'ARRAY') {
      const element = layout.behind(type.type_id).type;
      const length = type.nr_elems ?? 0;
      if (element.kind === 'STRUCT') {
        tables.push(
          `/** Where ${struct.name}.${member.name} lies; read its elements with read${pascal(element.name)}. */`,
          `export const ${upper(struct.name)}_${member.name.toUpperCase()} = { offset: ${offset}, length: ${length}, stride: ${element.size ?? 0} } as const;`,
        );
      } else if (element.size === 1) {
        fields.push(`/** ${length} bytes; when read, a view into the record. */`, `${key}: Uint8Array;`);
        reads.push(`${key}: new Uint8Array(view.buffer, view.byteOffset + ${at}, ${length}),`);
        writes.push(`new Uint8Array(view.buffer, ${offset}, ${length}).set(value.${key});`);
      } else {
        const item = scalar(layout, type.type_id);
        fields.push(`/** ${length} elements. */`, `${key}: ${item.typescript}[];`);
        const places = Array.from({ length }, (_, i) =>
          item.read(`at + ${offset + i * (element.size ?? 0)}`),
        );
        reads.push(`${key}: [${places.join(', ')}],`);
      }
    } else {
      const item = scalar(layout, member.type_id);
      fields.push(`${key}: ${item.typescript};`);
      reads.push(`${key}: ${item.read(at)},`);
      writes.push(`${item.write(String(offset), `value.${key}`)};`);
    }
  }
  const size = `${upper(struct.name)}_SIZE`;
  const parts = [
    `/** struct ${struct.name} */`,
    `export interface ${name} { ${fields.join('\n')} }`,
    `export const ${size} = ${struct.size ?? 0};`,
    ...tables,
    `export function read${name}(view: DataView, at: number): ${name} { return { ${reads.join('\n')} }; }`,
  ];
  if (written.has(struct.name)) {
    parts.push(
      `export function write${name}(value: ${name}): Uint8Array { const view = new DataView(new ArrayBuffer(${size})); ${writes.join('\n')} return new Uint8Array(view.buffer); }`,
    );
  }
  return parts.join('\n');
}

function enumeration(type: BtfType): string {
  const cut = prefixes[type.name];
  if (cut === undefined)
    throw new Error(`generate.ts does not say what to cut off the names of enum ${type.name}`);
  const values = (type.values ?? []).map(({ name, val }) => {
    const prefix = cut.find((text) => name.startsWith(text)) ?? '';
    return `${name.slice(prefix.length)}: ${val},`;
  });
  return `/** enum ${type.name} */\nexport const ${pascal(type.name)} = { ${values.join('\n')} } as const;`;
}

async function generate(): Promise<string> {
  const layout = new Layout(describe());
  const named = (type: BtfType): boolean => type.name.startsWith('slt_');
  const text = [
    `/**
      * Generated by schemas/wire/generate.ts from schemas/wire/*.h. Do not edit.
      * Points in time, arguments and serial numbers are bigint; lengths of time (ns) and counts are number.
      */`,
    ...layout.all('ENUM').filter(named).map(enumeration),
    ...layout
      .all('STRUCT')
      .filter(named)
      .map((struct) => structure(layout, struct)),
  ].join('\n\n');
  return format(text, { ...(await resolveConfig(target)), parser: 'typescript' });
}

const text = await generate();
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error(`${target} is out of date: run \`node dist/schemas/wire/generate.js\` and commit it`);
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
