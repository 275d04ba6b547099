import { FormatError } from "../errors.ts";
import { ALIGNMENT } from "./constants.ts";

/** Arrays one after another, each at a multiple of 16 bytes. The format is little-endian; so is every JS engine in use. */
export class SectionWriter {
  #parts: { at: number; bytes: Uint8Array }[] = [];
  #length = 0;

  add(array: Uint8Array | Uint32Array | Float32Array | Float64Array | BigUint64Array | Int8Array): void {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    this.#length = Math.ceil(this.#length / ALIGNMENT) * ALIGNMENT;
    this.#parts.push({ at: this.#length, bytes });
    this.#length += bytes.length;
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#length);
    for (const { at, bytes } of this.#parts) all.set(bytes, at);
    return all;
  }
}

/** Reads what {@link SectionWriter} wrote, checking each length before it makes a view. */
export class SectionReader {
  readonly #bytes: Uint8Array;
  readonly #where: string;
  #at = 0;

  /** @param bytes must start at a multiple of 16 bytes of its buffer */
  constructor(where: string, bytes: Uint8Array) {
    this.#where = where;
    this.#bytes = bytes;
  }

  u8(name: string, length: number): Uint8Array {
    return this.#bytes.subarray(this.#take(name, length), this.#at);
  }

  i8(name: string, length: number): Int8Array {
    return new Int8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#take(name, length), length);
  }

  u32(name: string, length: number): Uint32Array {
    return new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#take(name, length * 4), length);
  }

  u64(name: string, length: number): BigUint64Array {
    return new BigUint64Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#take(name, length * 8), length);
  }

  f32(name: string, length: number): Float32Array {
    return new Float32Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#take(name, length * 4), length);
  }

  f64(name: string, length: number): Float64Array {
    return new Float64Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#take(name, length * 8), length);
  }

  /** All sections read: nothing may follow. */
  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw new FormatError(this.#where, `expected ${this.#at} payload bytes, got ${this.#bytes.length}`);
    }
  }

  #take(name: string, bytes: number): number {
    const start = Math.ceil(this.#at / ALIGNMENT) * ALIGNMENT;
    if (start + bytes > this.#bytes.length) {
      throw new FormatError(
        this.#where,
        `"${name}" expected ${bytes} bytes at ${start}, got ${Math.max(0, this.#bytes.length - start)}`,
      );
    }
    this.#at = start + bytes;
    return start;
  }
}

/** Throws unless offsets start at 0, never fall and end at `end`: then every slice between two of them is inside. */
export function checkOffsets(where: string, name: string, offsets: Uint32Array, end: number): void {
  for (let i = 0; i < offsets.length; i++) {
    const low = i === 0 ? 0 : offsets[i - 1]!;
    if (offsets[i]! < low || offsets[i]! > end || (i === 0 && offsets[0] !== 0)) {
      throw new FormatError(where, `"${name}[${i}]" expected from ${low} to ${i === 0 ? 0 : end}, got ${offsets[i]}`);
    }
  }
  if (offsets.at(-1) !== end)
    throw new FormatError(where, `"${name}" expected to end at ${end}, got ${offsets.at(-1)}`);
}
