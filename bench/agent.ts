/**
 * The agent's own back end, with one switch that the product has no use for: its
 * programs can be taken off and put back between rounds. They are the same loaded
 * programs with the same state; only the link is made anew.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { BpfBackend } from '../agent/src/backend/bpf/bpf.js';
import type { BackendListener } from '../agent/src/backend/backend.js';
import { native, type BpfLink, type BpfObject, type BpfProgram, type Native } from '../agent/src/native.js';
import { configSchema } from '../schemas/config/schema.js';
import { root } from '../test/helpers/compile.js';

export type Capture = 'all' | 'blocking';

/** Process exit and exec, switch and wake-up; and with `all` system-call entry and exit. */
const TRACEPOINTS: Readonly<Record<Capture, number>> = { all: 6, blocking: 4 };
const PATIENCE_MS = 10_000;

/** A link that can be broken and made again; detached for good as any other. */
class SwitchedLink implements BpfLink {
  #link: BpfLink | undefined;

  constructor(
    readonly name: string,
    private readonly attach: () => BpfLink,
    private readonly gone: () => void,
  ) {
    this.on();
  }

  on(): void {
    this.#link ??= this.attach();
  }

  off(): void {
    this.#link?.detach();
    this.#link = undefined;
  }

  detach(): void {
    this.off();
    this.gone();
  }
}

/** The object `of`, with some members replaced. The addon's methods must be called on its own objects. */
function overlay<T extends object>(of: T, members: Partial<T>): T {
  return new Proxy(of, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in members ? members : target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

class Switchboard {
  readonly tracepoints = new Set<SwitchedLink>();
  readonly probes = new Set<SwitchedLink>();

  native(of: Native): Native {
    return overlay<Native>(of, { open: (path) => this.#object(of.open(path)) });
  }

  #object(object: BpfObject): BpfObject {
    return overlay<BpfObject>(object, { program: (name) => this.#program(object.program(name)) });
  }

  #program(program: BpfProgram): BpfProgram {
    return overlay<BpfProgram>(program, {
      attach: () => this.#add(this.tracepoints, program.name, () => program.attach()),
      attachUprobe: (target) => this.#add(this.probes, program.name, () => program.attachUprobe(target)),
      attachUprobeMulti: (targets) =>
        this.#add(this.probes, program.name, () => program.attachUprobeMulti(targets)),
    });
  }

  #add(links: Set<SwitchedLink>, name: string, attach: () => BpfLink): BpfLink {
    const link: SwitchedLink = new SwitchedLink(name, attach, () => links.delete(link));
    links.add(link);
    return link;
  }
}

const nobody: BackendListener = {
  batch: () => undefined,
  warning: (message) => process.stderr.write(`sltagent: ${message}\n`),
};

export class BenchAgent {
  readonly #switchboard = new Switchboard();
  readonly #backend: BpfBackend;
  readonly #tracepoints: number;

  /** libslt: the copy to probe. uid: whose processes it follows. objectPath: to hold a changed bpf/ against another. */
  constructor(
    libslt: string,
    uid: number,
    capture: Capture = 'all',
    objectPath = join(root, 'build', 'bpf', 'sltagent.bpf.o'),
  ) {
    this.#tracepoints = TRACEPOINTS[capture];
    this.#backend = new BpfBackend({
      native: this.#switchboard.native(native()),
      config: configSchema.parse({
        capture,
        filter: { users: [uid] },
        // A loop of nothing but spans; a service that made so many would be held back.
        limits: { spans_per_second: 10_000_000 },
      }),
      objectPath,
      libsltPath: libslt,
    });
  }

  start(): Promise<void> {
    return this.#backend.start(nobody);
  }

  get attached(): number {
    return this.#switchboard.tracepoints.size;
  }

  /** Attached as soon as the first process has told of itself. */
  async tracepointsAttached(): Promise<void> {
    for (let waited = 0; this.attached < this.#tracepoints; waited += 10) {
      if (waited > PATIENCE_MS)
        throw new Error('the agent tracks no process: its tracepoints are not attached');
      await sleep(10);
    }
    if (this.attached > this.#tracepoints)
      throw new Error('the agent has attached tracepoints that this capture does not need');
  }

  /** The tracepoint programs; only: the one to attach. */
  on(only?: string): void {
    for (const link of this.#switchboard.tracepoints) if (only === undefined || link.name === only) link.on();
  }

  off(): void {
    for (const link of this.#switchboard.tracepoints) link.off();
  }

  /** Also the probes: without them a process is as if no agent were there. */
  allOn(): void {
    this.on();
    for (const link of this.#switchboard.probes) link.on();
  }

  allOff(): void {
    for (const link of [...this.#switchboard.probes].reverse()) link.off();
    this.off();
  }

  stop(): Promise<void> {
    return this.#backend.stop();
  }
}
