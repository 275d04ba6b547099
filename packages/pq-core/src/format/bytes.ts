import { check, FormatError } from "../errors.ts";
import { align } from "./constants.ts";

/** Arrays one after another, each at a multiple of 16 bytes. Little-endian, as every JS engine in use is. */
export class SectionWriter {
  #parts: { at: number; bytes: Uint8Array }[] = [];
  #length = 0;

  add(array: Uint8Array | Uint32Array | Float32Array | Float64Array | BigUint64Array | Int8Array): void {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    this.#length = align(this.#length);
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
    return this.#view(Uint8Array, name, length);
  }

  i8(name: string, length: number): Int8Array {
    return this.#view(Int8Array, name, length);
  }

  u32(name: string, length: number): Uint32Array {
    return this.#view(Uint32Array, name, length);
  }

  u64(name: string, length: number): BigUint64Array {
    return this.#view(BigUint64Array, name, length);
  }

  f32(name: string, length: number): Float32Array {
    return this.#view(Float32Array, name, length);
  }

  f64(name: string, length: number): Float64Array {
    return this.#view(Float64Array, name, length);
  }

  /** Passes over sections of so many bytes in all, with what aligns those behind the first. */
  skip(name: string, bytes: number): void {
    if (bytes > 0) this.#view(Uint8Array, name, bytes);
  }

  /** All sections read: nothing may follow. */
  end(): void {
    checkPayload(this.#where, this.#at, this.#bytes);
  }

  #view<T>(
    type: { new (buffer: ArrayBufferLike, at: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
    name: string,
    length: number,
  ): T {
    const { buffer, byteOffset, byteLength } = this.#bytes;
    const bytes = length * type.BYTES_PER_ELEMENT;
    const start = align(this.#at);
    check(
      start + bytes <= byteLength,
      name,
      `${bytes} bytes at ${start}`,
      Math.max(0, byteLength - start),
      this.#where,
    );
    this.#at = start + bytes;
    return new type(buffer, byteOffset + start, length);
  }
}

/** @throws FormatError unless a payload has `expected` bytes */
export function checkPayload(where: string, expected: number, { length }: Uint8Array): void {
  if (length !== expected) throw new FormatError(where, `expected ${expected} payload bytes, got ${length}`);
}

/** Throws unless offsets start at 0, never fall and end at `end`: then every slice between two of them is inside. */
export function checkOffsets(where: string, name: string, offsets: Uint32Array, end: number): void {
  for (let i = 0, low = 0; i < offsets.length; low = offsets[i++]!) {
    const high = i === 0 ? 0 : end;
    if (offsets[i]! < low || offsets[i]! > high)
      check(false, `${name}[${i}]`, `from ${low} to ${high}`, offsets[i], where);
  }
  check(offsets.at(-1) === end, name, `to end at ${end}`, offsets.at(-1), where);
}
