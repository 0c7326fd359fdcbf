/** Just enough of ELF (64 bit, little endian; System V ABI, chapters 4 and 5) to find symbols and where they lie in the file. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

export interface ElfSymbol {
  readonly name: string;
  /** Virtual address as linked. */
  readonly value: bigint;
  readonly size: bigint;
  /** Offset in the file of that address, which is what a uprobe wants. */
  readonly fileOffset: number;
}

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const PT_LOAD = 1;
const EHDR_SIZE = 64;
/** The largest symbol table that is read; that of node itself has 20 MB. */
const MOST_BYTES = 256 * 2 ** 20;
const SYM_SIZE = 24;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

export interface Segment {
  readonly offset: bigint;
  readonly address: bigint;
  readonly fileSize: bigint;
}

class ElfFile {
  readonly #header: Buffer;

  constructor(
    private readonly fd: number,
    private readonly path: string,
  ) {
    this.#header = this.read(0, EHDR_SIZE);
    if (this.#header.readUInt32BE(0) !== 0x7f454c46 || this.#header[4] !== 2 || this.#header[5] !== 1) {
      throw new Error(`${path} is not a 64-bit little-endian ELF file`);
    }
  }

  read(offset: number, size: number): Buffer {
    if (size > MOST_BYTES) throw new Error(`${this.path} has a part of ${size} bytes, more than is read`);
    const bytes = Buffer.alloc(size);
    const got = readSync(this.fd, bytes, 0, size, offset);
    if (got !== size) throw new Error(`${this.path} ends before ${offset + size} bytes`);
    return bytes;
  }

  sections(): Section[] {
    const at = Number(this.#header.readBigUInt64LE(40));
    const stride = this.#header.readUInt16LE(58);
    const count = this.#header.readUInt16LE(60);
    const table = this.read(at, stride * count);
    return Array.from({ length: count }, (_, i) => {
      const entry = table.subarray(i * stride);
      return {
        type: entry.readUInt32LE(4),
        offset: Number(entry.readBigUInt64LE(24)),
        size: Number(entry.readBigUInt64LE(32)),
        link: entry.readUInt32LE(40),
      };
    });
  }

  segments(): Segment[] {
    const at = Number(this.#header.readBigUInt64LE(32));
    const stride = this.#header.readUInt16LE(54);
    const count = this.#header.readUInt16LE(56);
    const table = this.read(at, stride * count);
    return Array.from({ length: count }, (_, i) => table.subarray(i * stride))
      .filter((entry) => entry.readUInt32LE(0) === PT_LOAD)
      .map((entry) => ({
        offset: entry.readBigUInt64LE(8),
        address: entry.readBigUInt64LE(16),
        fileSize: entry.readBigUInt64LE(32),
      }));
  }
}

function within<T>(path: string, use: (file: ElfFile) => T): T {
  // What is opened belongs to the process that maps it: a pipe must not block us.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`${path} is no regular file`);
    return use(new ElfFile(fd, path));
  } finally {
    closeSync(fd);
  }
}

function fileOffset(segments: readonly Segment[], value: bigint): number {
  const segment = segments.find(({ address, fileSize }) => value >= address && value < address + fileSize);
  return segment === undefined ? 0 : Number(value - segment.address + segment.offset);
}

/** The first address that the file's segments map, which a load base is told against. */
export function elfSegments(path: string): Segment[] {
  return within(path, (file) => file.segments());
}

function startsWith(text: Buffer, at: number, label: Buffer): boolean {
  return (
    at + label.length <= text.length && text.compare(label, 0, label.length, at, at + label.length) === 0
  );
}

/** Those of the named symbols that .dynsym or .symtab defines. Throws where the file is no ELF file or cannot be read. */
export function elfSymbols(path: string, names: readonly string[]): Map<string, ElfSymbol> {
  return within(path, (file) => {
    const labels = names.map((name) => ({ name, label: Buffer.from(`${name}\0`, 'latin1') }));
    const found = new Map<string, ElfSymbol>();
    const sections = file.sections();
    const segments = file.segments();
    // A linker writes at most one of each. More would be there to keep us busy: the file is another user's.
    const tables = [SHT_DYNSYM, SHT_SYMTAB].flatMap(
      (type) => sections.find((each) => each.type === type) ?? [],
    );
    for (const table of tables) {
      const strings = sections[table.link];
      if (strings === undefined) continue;
      const text = file.read(strings.offset, strings.size);
      const symbols = file.read(table.offset, table.size);
      for (let at = 0; at + SYM_SIZE <= symbols.length; at += SYM_SIZE) {
        const start = symbols.readUInt32LE(at);
        const name = labels.find(({ label }) => startsWith(text, start, label))?.name;
        // Section 0 is an undefined symbol.
        if (name === undefined || found.has(name) || symbols.readUInt16LE(at + 6) === 0) continue;
        const value = symbols.readBigUInt64LE(at + 8);
        const size = symbols.readBigUInt64LE(at + 16);
        found.set(name, { name, value, size, fileOffset: fileOffset(segments, value) });
      }
    }
    return found;
  });
}
