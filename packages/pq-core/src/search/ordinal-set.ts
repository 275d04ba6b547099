import { lowerBound } from "../sorted.ts";

/** Ordinals that are listed one by one; more of them take a bit for each item. */
const LISTED = 4096;

/** Ordinals, each once: a few in a list, many as bits, so that it never takes more than an eighth of a byte an item. */
export class OrdinalSet {
  #list = new Uint32Array(16);
  #size = 0;
  #isSorted = true;
  #bits: Uint32Array | undefined;

  add(ordinal: number): void {
    if (this.#size === LISTED) this.#toBits();
    if (this.#bits !== undefined) {
      this.#mark(ordinal);
      return;
    }
    if (this.#size === this.#list.length) {
      const longer = new Uint32Array(this.#size * 2);
      longer.set(this.#list);
      this.#list = longer;
    }
    this.#list[this.#size++] = ordinal;
    this.#isSorted = false;
  }

  /** Adds those of another. */
  addAll(other: OrdinalSet): void {
    const bits = other.#bits;
    if (bits === undefined) {
      for (const ordinal of other) this.add(ordinal);
      return;
    }
    this.#toBits();
    this.#room(bits.length);
    for (let i = 0; i < bits.length; i++) this.#bits![i]! |= bits[i]!;
  }

  /** The smallest that is `from` or larger; −1 where there is none. */
  next(from: number): number {
    const bits = this.#bits;
    if (bits === undefined) {
      const list = this.#sorted();
      return list[lowerBound(list, from)] ?? -1;
    }
    let at = from >>> 5;
    if (at >= bits.length) return -1;
    let word = bits[at]! & (-1 << (from & 31));
    while (word === 0) {
      if (++at >= bits.length) return -1;
      word = bits[at]!;
    }
    return at * 32 + 31 - Math.clz32(word & -word);
  }

  has(ordinal: number): boolean {
    const bits = this.#bits;
    if (bits === undefined) return this.next(ordinal) === ordinal;
    return (((bits[ordinal >>> 5] ?? 0) >>> (ordinal & 31)) & 1) === 1;
  }

  /** How many there are. */
  count(): number {
    return this.#bits?.reduce((sum, word) => sum + countBits(word), 0) ?? [...this].length;
  }

  /** All of them, ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (let ordinal = this.next(0); ordinal >= 0; ordinal = this.next(ordinal + 1)) yield ordinal;
  }

  /** The `most` smallest that are `from` or larger, ascending. */
  slice(from: number, most: number): Uint32Array {
    const slice: number[] = [];
    for (let at = this.next(from); at >= 0 && slice.length < most; at = this.next(at + 1)) slice.push(at);
    return Uint32Array.from(slice);
  }

  #sorted(): Uint32Array {
    const list = this.#list.subarray(0, this.#size);
    if (!this.#isSorted) list.sort();
    this.#isSorted = true;
    return list;
  }

  #toBits(): void {
    if (this.#bits !== undefined) return;
    const list = this.#sorted();
    this.#bits = new Uint32Array(0);
    for (const ordinal of list) this.#mark(ordinal);
  }

  #mark(ordinal: number): void {
    const at = ordinal >>> 5;
    this.#room(at + 1);
    this.#bits![at]! |= 1 << (ordinal & 31);
  }

  #room(words: number): void {
    const bits = this.#bits!;
    if (words <= bits.length) return;
    this.#bits = new Uint32Array(Math.max(words, bits.length * 2));
    this.#bits.set(bits);
  }
}

/** Bits of a word that are set. */
export function countBits(word: number): number {
  let count = 0;
  for (let bits = word; bits !== 0; bits &= bits - 1) count++;
  return count;
}
