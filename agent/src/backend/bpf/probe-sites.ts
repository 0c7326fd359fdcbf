/** Attaches the uprobes to each copy of libslt that is found: an attachment binds an inode, and a copy has one of its own. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { elfSymbols } from '../../host/elf.js';
import type { BpfLink, BpfObject, UprobeTarget } from '../../native.js';
import { BackendError } from '../backend.js';
import { PROBES } from './load.js';

/**
 * The nop1 of a site (SLT_PROBE_NOP1_OFFSET in schemas/wire/probe.h). The nop5 and the nop10 before it are cheaper
 * only where the kernel makes a call of them, which it does not while system-call tracepoints are attached.
 */
const NOP_OFFSET = 15;
/** A whole site: nop10, nop5, nop1, ret. */
const SITE = Buffer.from('662e0f1f8400000000000f1f44000090c3', 'hex');
/** Copies that are attached at once: each costs descriptors, and anybody can make more. */
const MOST_FILES = 256;

export class ProbeSites {
  /** Links by device and inode. */
  readonly #links = new Map<string, BpfLink[]>();

  constructor(
    private readonly object: BpfObject,
    private readonly uprobeMulti: boolean,
  ) {}

  get files(): number {
    return this.#links.size;
  }

  /**
   * True when it was not attached before. Throws BackendError, once for each file, when it is no libslt or cannot be
   * attached. The path is another process's to change, so the file is opened once and all else goes by the descriptor.
   */
  attach(path: string): boolean {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { dev, ino } = fstatSync(fd);
      const key = `${dev}:${ino}`;
      if (this.#links.has(key)) return false;
      // Also when it fails: it would fail again.
      this.#links.set(key, []);
      if (this.#links.size > MOST_FILES) {
        throw new BackendError(
          'ERR_PROBE_FILES',
          `More than ${MOST_FILES} copies of libslt were found.`,
          'Let services share one, or restart the agent when old ones have gone.',
        );
      }
      this.#links.set(key, this.#attachAll(fd, path));
      return true;
    } finally {
      closeSync(fd);
    }
  }

  #attachAll(fd: number, name: string): BpfLink[] {
    const path = `/proc/self/fd/${fd}`;
    const targets = PROBES.map((program) => [program, target(fd, path, name, `slt_${program}`)] as const);
    const links: BpfLink[] = [];
    try {
      for (const [program, target] of targets) {
        const probe = this.object.program(program);
        links.push(this.uprobeMulti ? probe.attachUprobeMulti([target]) : probe.attachUprobe(target));
      }
    } catch (error) {
      for (const link of links) link.detach();
      throw error;
    }
    return links;
  }

  detach(): void {
    for (const links of this.#links.values()) for (const link of links) link.detach();
    this.#links.clear();
  }
}

/** Everybody can map a file of this name, and a trap in the midst of other code would harm all that run it: only our own bytes are probed. */
function target(fd: number, path: string, name: string, site: string): UprobeTarget {
  const semaphore = `${site}_semaphore`;
  const symbols = elfSymbols(path, [site, semaphore]);
  const code = symbols.get(site);
  const word = symbols.get(semaphore);
  const found = Buffer.alloc(SITE.length);
  if (code !== undefined) readSync(fd, found, 0, SITE.length, code.fileOffset);
  if (code === undefined || word === undefined || word.fileOffset === 0 || !found.equals(SITE)) {
    throw new BackendError(
      'ERR_PROBE_SITE',
      `${name} has no probe site ${site} with a semaphore.`,
      'Is it a libslt of this version? Build it: npm run setup && npm run build.',
    );
  }
  return { path, offset: code.fileOffset + NOP_OFFSET, refCounterOffset: word.fileOffset };
}
