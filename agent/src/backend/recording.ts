/**
 * A recorded stream (`run --record FILE`): what the back end delivered, with what
 * the host knew of its processes, so that it can be explained again elsewhere.
 *
 * The file: the line `sltagent recording 1`, then entries of a u32 kind, a u32 length (host order, little endian) and
 * that many bytes. Kinds: 1, a batch in the framing of wire/decode.ts; 2, facts as JSON.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

const MAGIC = Buffer.from('sltagent recording 1\n');
const KIND_BATCH = 1;
const KIND_FACTS = 2;
const ENTRY_HEADER = 8;

export class RecordingError extends Error {
  override readonly name = 'RecordingError';
  readonly code = 'ERR_RECORDING';
}

export class Recorder {
  readonly #fd: number;

  /** Throws where the file cannot be made. */
  constructor(path: string) {
    // It holds what the application did: nobody else's business.
    this.#fd = openSync(path, 'w', 0o600);
    writeSync(this.#fd, MAGIC);
  }

  batch(bytes: Uint8Array): void {
    this.#entry(KIND_BATCH, bytes);
  }

  /** bigint becomes {"$bigint": "…"}. */
  facts(value: unknown): void {
    const text = JSON.stringify(value, (_, item: unknown) =>
      typeof item === 'bigint' ? { $bigint: String(item) } : item,
    );
    this.#entry(KIND_FACTS, Buffer.from(text));
  }

  close(): void {
    closeSync(this.#fd);
  }

  #entry(kind: number, bytes: Uint8Array): void {
    const header = Buffer.alloc(ENTRY_HEADER);
    header.writeUInt32LE(kind, 0);
    header.writeUInt32LE(bytes.byteLength, 4);
    writeSync(this.#fd, header);
    writeSync(this.#fd, bytes);
  }
}

export type RecordedEntry =
  | { readonly kind: 'batch'; readonly bytes: Uint8Array }
  | { readonly kind: 'facts'; readonly value: unknown };

/** Throws RecordingError where the file is no recording. One that was cut off in the middle of an entry ends before it. */
export function readRecording(path: string): RecordedEntry[] {
  const file = readFileSync(path);
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new RecordingError(
      `${path} is no recording of sltagent, or of another version; make one with \`sltagent run --record FILE\``,
    );
  }
  const entries: RecordedEntry[] = [];
  for (let at = MAGIC.length; at + ENTRY_HEADER <= file.length;) {
    const kind = file.readUInt32LE(at);
    const length = file.readUInt32LE(at + 4);
    at += ENTRY_HEADER;
    if (at + length > file.length) break;
    const bytes = file.subarray(at, at + length);
    at += length;
    if (kind === KIND_BATCH) entries.push({ kind: 'batch', bytes });
    else if (kind === KIND_FACTS) entries.push({ kind: 'facts', value: parseFacts(bytes) });
    else throw new RecordingError(`${path} holds an entry of kind ${kind}, which this version does not know`);
  }
  return entries;
}

function parseFacts(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString(), (_, item: unknown) => {
    if (typeof item === 'object' && item !== null && '$bigint' in item) return BigInt(String(item.$bigint));
    return item;
  });
}
