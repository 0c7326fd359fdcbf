/** Attaches the uprobes to each copy of libslt that is found: an attachment binds an inode, and a copy has one of its own. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { elfSymbols } from '../../host/elf.js';
import { fileKey, type FileKey } from '../../host/libraries.js';
import type { BpfLink, BpfObject, UprobeTarget } from '../../native.js';
import { BackendError } from '../backend.js';
import { JOURNAL_PROBE, PROBES } from './load.js';

/**
 * The nop1 of a site (SLT_PROBE_NOP1_OFFSET in schemas/wire/probe.h). The nop5 and the nop10 before it are cheaper
 * only where the kernel makes a call of them, which it does not while system-call tracepoints are attached.
 */
const NOP_OFFSET = 15;
/** A whole site: nop10, nop5, nop1, ret. */
const SITE = Buffer.from('662e0f1f8400000000000f1f44000090c3', 'hex');
/** Copies that are attached at once: each costs descriptors, and anybody can make more. */
const MOST_FILES = 256;
/** Of those, for one user: a host often runs everything as one, and still nobody can take the last. */
const MOST_FILES_OF_USER = 192;
/** Files that nobody maps stay attached for so long: a service that is started again is seen from its first span on. */
const UNUSED_MS = 600_000;

/** The site that journals need. */
interface JournalSite {
  /** Open as long as the file is attached, for the target's path. */
  readonly fd: number;
  readonly target: UprobeTarget;
  /** Attached while journals are wanted. */
  link: BpfLink | undefined;
}

/** One copy of libslt, or a file of that name that cannot be attached and is not tried again. */
interface Site {
  readonly links: readonly BpfLink[];
  /** undefined: the file cannot be attached. */
  readonly journal: JournalSite | undefined;
  /** Whose process mapped it first. */
  readonly uid: number;
  /** Since when no process maps it (performance.now()); undefined: one does. */
  unusedSince: number | undefined;
}

export interface ProbeSiteLimits {
  readonly files: number;
  readonly filesOfUser: number;
  readonly unusedMs: number;
}

export class ProbeSites {
  readonly #sites = new Map<FileKey, Site>();
  /** Files that found no room, with the user for whom: told once each. */
  readonly #refused = new Map<FileKey, Set<number>>();
  /** The agent's own, which stays. */
  #own: FileKey | undefined;
  #refusals = 0;
  #journals = false;

  constructor(
    private readonly object: BpfObject,
    private readonly uprobeMulti: boolean,
    private readonly limits: ProbeSiteLimits = {
      files: MOST_FILES,
      filesOfUser: MOST_FILES_OF_USER,
      unusedMs: UNUSED_MS,
    },
  ) {}

  /** Copies that are attached. */
  get files(): number {
    return this.#attached().length;
  }

  /** Copies that were left out since there are too many, counted once for each user who maps one. */
  get refusals(): number {
    return this.#refusals;
  }

  /** The library that `sltagent exec` hands out: attached until the end, also while nobody maps it. */
  attachOwn(path: string): void {
    this.attach(path, 0);
    this.#own = fileKey(statSync(path));
  }

  /**
   * True when it was not attached before. Throws BackendError, once for each file (and, where it found no room, user),
   * when it is no libslt or cannot be attached. The path is another process's to change, so the file is opened once and
   * all else goes by the descriptor.
   */
  attach(path: string, uid: number): boolean {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    let attached: Site | undefined;
    try {
      const key = fileKey(fstatSync(fd));
      if (this.#sites.has(key) || !this.#hasRoom(key, uid)) return false;
      const site = { uid, unusedSince: undefined };
      // Also when it fails: it would fail again.
      this.#sites.set(key, { ...site, links: [], journal: undefined });
      attached = { ...site, ...this.#attachAll(fd, path) };
      this.#sites.set(key, attached);
      this.#followJournals(attached);
      return true;
    } finally {
      if (attached === undefined) closeSync(fd);
    }
  }

  /**
   * Whether threads may write down what they would trap for (struct slt_journal in schemas/wire/probe.h). What one has
   * written before it is told not to is caught up with at its next trap or switch. Where it cannot be allowed, they trap;
   * told again, it is tried again.
   */
  setJournals(wanted: boolean): void {
    this.#journals = wanted;
    for (const site of this.#sites.values()) this.#followJournals(site);
  }

  /** Takes note of what is mapped. The files that nobody has mapped for a while. */
  unused(mapped: ReadonlySet<FileKey>, nowMs: number): FileKey[] {
    const idle: FileKey[] = [];
    for (const [key, site] of this.#sites) {
      if (mapped.has(key) || key === this.#own) site.unusedSince = undefined;
      else site.unusedSince ??= nowMs;
      if (site.unusedSince !== undefined && nowMs - site.unusedSince >= this.limits.unusedMs) idle.push(key);
    }
    for (const key of this.#refused.keys()) if (!mapped.has(key)) this.#refused.delete(key);
    return idle;
  }

  /** Detaches a file and forgets it: mapped again, it is found again. */
  release(key: FileKey): void {
    const site = this.#sites.get(key);
    // Before the others: what is written down is of use only to those who trap as well.
    site?.journal?.link?.detach();
    for (const link of site?.links ?? []) link.detach();
    if (site?.journal !== undefined) closeSync(site.journal.fd);
    this.#sites.delete(key);
  }

  detach(): void {
    for (const key of [...this.#sites.keys()]) this.release(key);
  }

  #attached(): Site[] {
    return [...this.#sites.values()].filter(({ links }) => links.length > 0);
  }

  /** False: none, which has been told already. Asked again while the process is young, for others may go. */
  #hasRoom(key: FileKey, uid: number): boolean {
    const attached = this.#attached();
    const full = attached.length >= this.limits.files;
    if (!full && attached.filter((site) => site.uid === uid).length < this.limits.filesOfUser) return true;
    const users = this.#refused.get(key) ?? new Set();
    if (users.has(uid)) return false;
    this.#refused.set(key, users.add(uid));
    this.#refusals++;
    throw new BackendError(
      'ERR_PROBE_FILES',
      full
        ? `${this.limits.files} copies of libslt are attached already, and no more may be.`
        : `${this.limits.filesOfUser} copies of libslt of user ${uid} are attached already, and no more of one user may be.`,
      `Let services share one. A copy that nobody maps is let go after ${this.limits.unusedMs / 60_000} minutes.`,
    );
  }

  #attachAll(fd: number, name: string): Pick<Site, 'links' | 'journal'> {
    const path = `/proc/self/fd/${fd}`;
    const targets = PROBES.map((program) => [program, target(fd, path, name, `slt_${program}`)] as const);
    const journal = target(fd, path, name, `slt_${JOURNAL_PROBE}`);
    const links: BpfLink[] = [];
    try {
      for (const [program, target] of targets) links.push(this.#attachProbe(program, target));
    } catch (error) {
      for (const link of links) link.detach();
      throw error;
    }
    return { links, journal: { fd, target: journal, link: undefined } };
  }

  #attachProbe(program: string, target: UprobeTarget): BpfLink {
    const probe = this.object.program(program);
    return this.uprobeMulti ? probe.attachUprobeMulti([target]) : probe.attachUprobe(target);
  }

  #followJournals({ journal }: Site): void {
    if (journal === undefined) return;
    if (!this.#journals) {
      journal.link?.detach();
      journal.link = undefined;
      return;
    }
    try {
      journal.link ??= this.#attachProbe(JOURNAL_PROBE, journal.target);
    } catch (error) {
      // Nothing is lost but what journals save. An error of our own has no code.
      if (!('code' in (error as Error))) throw error;
    }
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
