/** What the agent said, read from the file that `run --json-to` appends to. */
import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The part of the object of `--json` that the demo needs; see agent/src/export/console-json.ts. */
export interface Explanation {
  readonly traceId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly wallMs: number;
  readonly cause: { readonly type: string; readonly text: string };
  /** Why it is not whole; none: it is. */
  readonly gaps: readonly string[];
}

const POLL_MS = 20;
const READ_BYTES = 64 * 1024;

export class Explanations {
  private readonly descriptor: number;
  private readonly told: Explanation[] = [];
  private unfinished = '';
  private readonly decoder = new TextDecoder();

  constructor(path: string) {
    this.descriptor = openSync(path, 'a+');
  }

  /** The first one, also of those that came before, that is the wanted one; undefined when the time is over. */
  async find(
    wanted: (explanation: Explanation) => boolean,
    milliseconds: number,
  ): Promise<Explanation | undefined> {
    const deadline = Date.now() + milliseconds;
    for (;;) {
      // Asked before it is read: what was written until the deadline counts.
      const over = Date.now() >= deadline;
      this.read();
      const found = this.told.find(wanted);
      if (found !== undefined || over) return found;
      await sleep(POLL_MS);
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private read(): void {
    const chunk = Buffer.alloc(READ_BYTES);
    for (let size = readSync(this.descriptor, chunk); size > 0; size = readSync(this.descriptor, chunk)) {
      this.unfinished += this.decoder.decode(chunk.subarray(0, size), { stream: true });
    }
    const lines = this.unfinished.split('\n');
    this.unfinished = lines.pop() ?? '';
    this.told.push(...lines.map(explanationOf));
  }
}

/** Throws TypeError where a line is not what the agent promises: then the demo must fail and not pass by luck. */
function explanationOf(line: string): Explanation {
  const span = objectOf(JSON.parse(line));
  const cause = objectOf(span['cause']);
  const parent = span['parent_span_id'];
  return {
    traceId: textOf(span, 'trace_id'),
    parentSpanId: parent === null ? undefined : textOf(span, 'parent_span_id'),
    name: textOf(span, 'name'),
    wallMs: numberOf(span, 'wall_ms'),
    cause: { type: textOf(cause, 'type'), text: textOf(cause, 'text') },
    gaps: textsOf(span, 'gaps'),
  };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new TypeError(`not an object: ${String(value)}`);
  return value as Readonly<Record<string, unknown>>;
}

function textOf(object: Readonly<Record<string, unknown>>, key: string): string {
  const value = object[key];
  if (typeof value !== 'string') throw new TypeError(`${key} of a slow span is no text: ${String(value)}`);
  return value;
}

function textsOf(object: Readonly<Record<string, unknown>>, key: string): readonly string[] {
  const value = object[key];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw new TypeError(`${key} of a slow span is no list of texts: ${String(value)}`);
  return value;
}

function numberOf(object: Readonly<Record<string, unknown>>, key: string): number {
  const value = object[key];
  if (typeof value !== 'number') throw new TypeError(`${key} of a slow span is no number: ${String(value)}`);
  return value;
}
