/** Texts cut to what one attribute may hold. */
import { MAX_ATTRIBUTE_BYTES } from '../../../schemas/evidence/attributes.js';

const ELLIPSIS = '…';
const ELLIPSIS_BYTES = Buffer.byteLength(ELLIPSIS);

/** At most `bytes` of UTF-8, cut at a character, well-formed. */
export function boundedText(text: string, bytes = MAX_ATTRIBUTE_BYTES): string {
  // No UTF-16 unit takes more than three bytes of UTF-8: most texts need not be encoded to know that they fit.
  if (text.length * 3 <= bytes) return text.toWellFormed();
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return encoded.toString();
  let end = Math.max(0, bytes - ELLIPSIS_BYTES);
  // Back over the continuation bytes (10xxxxxx) of a character that is cut through.
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--;
  return encoded.subarray(0, end).toString() + ELLIPSIS;
}

/** As many of the first items as fit together; where some do not, the last says so. */
export function boundedList(items: readonly string[], bytes = MAX_ATTRIBUTE_BYTES): string[] {
  const kept: string[] = [];
  let left = bytes - ELLIPSIS_BYTES;
  for (const item of items) {
    const text = boundedText(item, MAX_ATTRIBUTE_BYTES / 8);
    left -= Buffer.byteLength(text);
    if (left < 0) return [...kept, ELLIPSIS];
    kept.push(text);
  }
  return kept;
}
