/** Prints slow spans, for a reader or, with json, one object a line for a program. */
import type { Writable } from 'node:stream';
import type { AnnotatedSpan } from '../annotate/annotated.js';
import { jsonObject } from './console-json.js';
import { harmless, styleOf, type Style } from './console-style.js';
import { textOf } from './console-text.js';

export interface ConsoleOptions {
  readonly json: boolean;
  /** See wantsColour(). Nothing is coloured in JSON. */
  readonly colour: boolean;
}

/** A reader who is this far behind misses spans rather than fill the agent's memory. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export class ConsoleExporter {
  readonly #stream: Writable;
  readonly #json: boolean;
  readonly #style: Style;
  #exported = 0;
  #dropped = 0;

  constructor(stream: Writable, { json, colour }: ConsoleOptions) {
    this.#stream = stream;
    this.#json = json;
    this.#style = styleOf(colour);
  }

  /** Never waits, and never throws on account of the stream: its errors are events of the stream. */
  export(span: AnnotatedSpan): void {
    if (!this.#stream.writable || this.#stream.writableLength > MAX_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    this.#stream.write(
      this.#json ? `${harmless(JSON.stringify(jsonObject(span)))}\n` : textOf(span, this.#style),
    );
    this.#exported++;
  }

  /** Spans written, and spans left out since the stream was closed or its reader was behind. */
  get counts(): { readonly exported: number; readonly dropped: number } {
    return { exported: this.#exported, dropped: this.#dropped };
  }
}
