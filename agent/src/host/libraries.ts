/** Finds copies of libslt that processes map, and where a language runtime keeps its own locks. */
import { readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { elfSegments, elfSymbols } from './elf.js';
import { mappedFiles, openablePath, processStart, processUser, type MappedFile } from './processes.js';
import { ProcessStarts } from './process-starts.js';

export interface MappedLibrary {
  /** As the agent can open it. */
  readonly path: string;
  readonly pid: number;
  /** The user of the process. */
  readonly uid: number;
}

/** A file for as long as it exists: device and inode as stat(2) tells them; those in /proc/PID/maps may be others (overlay, btrfs). */
export type FileKey = string & { readonly brand: 'FileKey' };

export function fileKey({ dev, ino }: { readonly dev: number; readonly ino: number }): FileKey {
  return `${dev}:${ino}` as FileKey;
}

/** Also one that was replaced since: a service that runs on keeps the former file. */
export function isLibslt({ path }: MappedFile): boolean {
  return /^libslt.*\.so( \(deleted\))?$/.test(basename(path));
}

/** Processes that were looked at: a library may be mapped late, but seldom long after the start. */
const YOUNG_NS = 60_000_000_000n;

/** Every libslt that a process maps, one entry for each process and file. Only new and young processes are looked at again. */
export class LibraryScan {
  readonly #starts = new ProcessStarts();
  readonly #old = new Set<string>();
  readonly #hidden = new Set<string>();
  /** What each process mapped when it was last looked at. */
  readonly #mapped = new Map<string, readonly FileKey[]>();

  /** Processes which may not be looked at (ptrace(2), "ptrace access mode checking"): their copies are not found. */
  get hidden(): number {
    return this.#hidden.size;
  }

  /** bootNs: CLOCK_BOOTTIME now. */
  find(bootNs: bigint): MappedLibrary[] {
    const found: MappedLibrary[] = [];
    const alive = new Set<string>();
    this.#starts.beginRound();
    for (const entry of readdirSync('/proc')) {
      const pid = Number(entry);
      if (!Number.isInteger(pid)) continue;
      const start = this.#starts.of(pid);
      if (start === undefined) continue;
      const id = `${pid} ${start}`;
      alive.add(id);
      if (this.#old.has(id)) continue;
      if (bootNs - start > YOUNG_NS) this.#old.add(id);
      const paths = this.#librariesOf(pid, id);
      const uid = paths.length === 0 ? undefined : processUser(pid);
      if (uid !== undefined) found.push(...paths.map((path) => ({ path, pid, uid })));
    }
    for (const known of [this.#old, this.#hidden, this.#mapped]) {
      for (const id of known.keys()) if (!alive.has(id)) known.delete(id);
    }
    return found;
  }

  /** The files that living processes mapped when find() looked at them last: cheap, and wrong for one that has replaced its program since. */
  mapped(): Set<FileKey> {
    return new Set([...this.#mapped.values()].flat());
  }

  /** As mapped(), after every process was looked at anew. */
  mappedNow(): Set<FileKey> {
    for (const entry of readdirSync('/proc')) {
      const pid = Number(entry);
      const start = Number.isInteger(pid) ? processStart(pid) : undefined;
      if (start !== undefined) this.#librariesOf(pid, `${pid} ${start}`);
    }
    return this.mapped();
  }

  /** As the agent can open them. */
  #librariesOf(pid: number, id: string): string[] {
    const libraries = this.#filesOf(pid, id)
      .filter(isLibslt)
      .map((file) => openablePath(pid, file))
      .flatMap((path) => keyed(path) ?? []);
    if (libraries.length > 0)
      this.#mapped.set(
        id,
        libraries.map(({ key }) => key),
      );
    else this.#mapped.delete(id);
    return libraries.map(({ path }) => path);
  }

  #filesOf(pid: number, id: string): MappedFile[] {
    try {
      return mappedFiles(pid);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EACCES' && code !== 'EPERM') throw error;
      this.#old.add(id);
      this.#hidden.add(id);
      return [];
    }
  }
}

/** undefined: nothing is found under the path. What it leads to is the process's to say, and no error of ours. */
function keyed(path: string): { path: string; key: FileKey } | undefined {
  try {
    return { path, key: fileKey(statSync(path)) };
  } catch {
    return undefined;
  }
}

export interface AddressRange {
  readonly low: bigint;
  readonly high: bigint;
}

function pageDown(address: bigint): bigint {
  return address & ~0xfffn;
}

/** Where a file's symbol lies in the memory of a process. */
function symbolRange(pid: number, file: MappedFile, name: string): AddressRange | undefined {
  const path = openablePath(pid, file);
  const symbol = elfSymbols(path, [name]).get(name);
  if (symbol === undefined) return undefined;
  const first = elfSegments(path).find(({ offset }) => pageDown(offset) === file.offset);
  if (first === undefined) return undefined;
  const base = file.start - pageDown(first.address);
  return { low: base + symbol.value, high: base + symbol.value + symbol.size };
}

export type RuntimeFound =
  { readonly runtime: 'python'; readonly words: AddressRange | undefined } | { readonly runtime: undefined };

/** A process may map anything under any name: a file that cannot be read as what it should be proves nothing. */
function rangeIn(pid: number, file: MappedFile): AddressRange | undefined {
  try {
    return symbolRange(pid, file, '_PyRuntime');
  } catch {
    return undefined;
  }
}

/**
 * Whether a process runs CPython, and where `_PyRuntime` lies: the interpreter's own state, with the GIL's lock and condition
 * (3.9 to 3.11 directly, from 3.12 in the main interpreter, which is part of it). Undefined words: the symbol was stripped.
 */
export function findRuntime(pid: number): RuntimeFound {
  const candidates = mappedFiles(pid).filter(({ path }) =>
    /^(?:libpython|python)3[^/]*$/.test(basename(path)),
  );
  for (const file of candidates) {
    const words = rangeIn(pid, file);
    if (words !== undefined) return { runtime: 'python', words };
  }
  return candidates.length > 0 ? { runtime: 'python', words: undefined } : { runtime: undefined };
}
