/** Writes protobuf messages (protobuf.dev/programming-guides/encoding) into one buffer that grows and is used again. */

const FIRST_BYTES = 64 * 1024;
/** A varint of a 64-bit number. */
const MOST_VARINT = 10;

/** Up to here bytes are copied one by one: a call of the buffer's own methods costs more than that. */
const SHORT = 127;

/** The value of a hexadecimal digit, by its character code. */
const DIGIT_VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 0 : value;
});

function digitAt(digits: string, place: number): number {
  return DIGIT_VALUES[digits.charCodeAt(place)] ?? 0;
}

function varintSize(value: number): number {
  let size = 1;
  for (; value >= 128; value /= 128) size++;
  return size;
}

export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;

  /** What was written since the last call, as a copy. */
  take(): Uint8Array {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#at));
    this.#at = 0;
    return bytes;
  }

  /** A field of wire type 0; negative numbers as int64. */
  integer(field: number, value: number): void {
    this.#room(2 * MOST_VARINT);
    this.#varint(field << 3);
    if (value >= 0) this.#varint(value);
    else this.#negative(value);
  }

  boolean(field: number, value: boolean): void {
    this.integer(field, value ? 1 : 0);
  }

  double(field: number, value: number): void {
    this.#room(MOST_VARINT + 8);
    this.#varint((field << 3) | 1);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** high · 2³² + low, two words of 32 bits: no bigint is made to be taken apart again. */
  fixed64(field: number, high: number, low: number): void {
    this.#room(MOST_VARINT + 8);
    this.#varint((field << 3) | 1);
    this.#word(low);
    this.#word(high);
  }

  fixed32(field: number, value: number): void {
    this.#room(MOST_VARINT + 4);
    this.#varint((field << 3) | 5);
    this.#word(value);
  }

  string(field: number, text: string): void {
    if (text.length <= SHORT && this.#shortAscii(field, text)) return;
    const bytes = Buffer.byteLength(text);
    this.#length(field, bytes);
    this.#at += this.#buffer.write(text, this.#at);
  }

  /** Bytes given as hexadecimal digits. */
  hex(field: number, digits: string): void {
    this.#length(field, digits.length / 2);
    const buffer = this.#buffer;
    for (let place = 0; place < digits.length; place += 2)
      buffer[this.#at++] = (digitAt(digits, place) << 4) | digitAt(digits, place + 1);
  }

  /** Bytes that were written before, tags and all. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    if (bytes.length > SHORT) this.#buffer.set(bytes, this.#at);
    // By index: the iterator of a typed array is slower.
    else for (let i = 0; i < bytes.length; i++) this.#buffer[this.#at + i] = bytes[i] ?? 0;
    this.#at += bytes.length;
  }

  /** Begins a message; `expected`: how many bytes its length will probably take. What it returns is for end(). */
  begin(field: number, expected: 1 | 2 | 3): number {
    this.#room(MOST_VARINT + expected);
    this.#varint((field << 3) | 2);
    this.#at += expected;
    return this.#at;
  }

  end(start: number, expected: 1 | 2 | 3): void {
    const length = this.#at - start;
    const shift = varintSize(length) - expected;
    if (shift !== 0) {
      this.#room(MOST_VARINT);
      this.#buffer.copyWithin(start + shift, start, this.#at);
    }
    this.#at = start - expected;
    this.#varint(length);
    this.#at += length;
  }

  /** The head of a field of this many bytes, and room for them. */
  #length(field: number, bytes: number): void {
    this.#room(2 * MOST_VARINT + bytes);
    this.#varint((field << 3) | 2);
    this.#varint(bytes);
  }

  /** Whether all of it is ASCII; then it has been written. */
  #shortAscii(field: number, text: string): boolean {
    const start = this.#at;
    this.#length(field, text.length);
    const buffer = this.#buffer;
    let at = this.#at;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = start;
        return false;
      }
      buffer[at++] = code;
    }
    this.#at = at;
    return true;
  }

  #word(value: number): void {
    const buffer = this.#buffer;
    buffer[this.#at++] = value;
    buffer[this.#at++] = value >>> 8;
    buffer[this.#at++] = value >>> 16;
    buffer[this.#at++] = value >>> 24;
  }

  #varint(value: number): void {
    let left = value;
    // Above 31 bits the operators on bits do not hold.
    for (; left > 0x7fff_ffff; left = Math.floor(left / 128)) this.#buffer[this.#at++] = (left % 128) | 0x80;
    for (; left > 0x7f; left >>>= 7) this.#buffer[this.#at++] = (left & 0x7f) | 0x80;
    this.#buffer[this.#at++] = left;
  }

  #negative(value: number): void {
    let left = BigInt.asUintN(64, BigInt(value));
    for (; left > 0x7fn; left >>= 7n) this.#buffer[this.#at++] = Number(left & 0x7fn) | 0x80;
    this.#buffer[this.#at++] = Number(left);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
