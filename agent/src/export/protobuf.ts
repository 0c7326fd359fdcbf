/** Writes protobuf messages (protobuf.dev/programming-guides/encoding) into one buffer that grows and is used again. */

const FIRST_BYTES = 64 * 1024;
/** A varint of a 64-bit number. */
const MOST_VARINT = 10;

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

  fixed64(field: number, value: bigint): void {
    this.#room(MOST_VARINT + 8);
    this.#varint((field << 3) | 1);
    this.#at = this.#buffer.writeBigUInt64LE(value, this.#at);
  }

  fixed32(field: number, value: number): void {
    this.#room(MOST_VARINT + 4);
    this.#varint((field << 3) | 5);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  string(field: number, text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#length(field, bytes);
    this.#at += this.#buffer.write(text, this.#at);
  }

  /** Bytes given as hexadecimal digits. */
  hex(field: number, digits: string): void {
    this.#length(field, digits.length / 2);
    this.#at += this.#buffer.write(digits, this.#at, 'hex');
  }

  /** Bytes that were written before, tags and all. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
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
