/** The programs that ours are held against (empty.bpf.c). */
import { elfSymbols } from '../agent/src/host/elf.js';
import { PROBES } from '../agent/src/backend/bpf/load.js';
import { native, type BpfLink, type BpfObject } from '../agent/src/native.js';
import { compileBpf } from '../test/helpers/compile.js';

/** SLT_PROBE_NOP1_OFFSET: where the agent attaches too. */
const NOP1_OFFSET = 15;

/** clock: they do nothing but read it. */
export type Kind = 'empty' | 'clock';

export class EmptyPrograms {
  readonly #object: BpfObject;
  readonly #multi: boolean;
  readonly #links: BpfLink[] = [];

  constructor() {
    this.#object = native().open(compileBpf('bench/empty.bpf.c'));
    this.#multi = native().probeUprobeMulti() === 'yes';
    if (this.#multi) this.#object.program('empty_probe').setUprobeMulti();
    this.#object.load();
  }

  /** `measure` with them on both system-call tracepoints. */
  with(kind: Kind, measure: () => Promise<number>): () => Promise<number> {
    return async () => {
      try {
        this.on(kind);
        return await measure();
      } finally {
        this.off();
      }
    };
  }

  /** Those of `kind` on both system-call tracepoints, until off(). */
  on(kind: Kind): void {
    for (const name of [`${kind}_exit`, `${kind}_enter`])
      this.#links.push(this.#object.program(name).attach());
  }

  off(): void {
    for (const link of this.#links.splice(0)) link.detach();
  }

  /** On every probe site of this libslt, until close(), in the way that the agent attaches there. */
  probe(libslt: string): void {
    const program = this.#object.program('empty_probe');
    for (const site of PROBES.map((name) => `slt_${name}`)) {
      const symbols = elfSymbols(libslt, [site, `${site}_semaphore`]);
      const code = symbols.get(site);
      const semaphore = symbols.get(`${site}_semaphore`);
      if (code === undefined || semaphore === undefined) throw new Error(`${libslt} has no site ${site}`);
      const target = {
        path: libslt,
        offset: code.fileOffset + NOP1_OFFSET,
        refCounterOffset: semaphore.fileOffset,
      };
      if (this.#multi) program.attachUprobeMulti([target]);
      else program.attachUprobe(target);
    }
  }

  close(): void {
    this.off();
    this.#object.close();
  }
}
