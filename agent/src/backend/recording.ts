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
  #failed = false;

  /** Throws where the file cannot be made. ended: called once, when it takes no more; what it has is kept. */
  constructor(
    private readonly path: string,
    private readonly ended: (why: string) => void,
  ) {
    // It holds what the application did: nobody else's business.
    this.#fd = openSync(path, 'w', 0o600);
    try {
      this.#write(MAGIC);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
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
    if (this.#failed) return;
    const header = Buffer.alloc(ENTRY_HEADER);
    header.writeUInt32LE(kind, 0);
    header.writeUInt32LE(bytes.byteLength, 4);
    try {
      this.#write(header);
      this.#write(bytes);
    } catch (error) {
      // The agent goes on. The reader takes an entry that was cut off for the end.
      this.#failed = true;
      this.ended(`${this.path} takes no more, the recording ends here: ${(error as Error).message}`);
    }
  }

  /** write(2) may take a part only, when the disk is nearly full. */
  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
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
