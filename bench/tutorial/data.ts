import { Random } from "@poeem/indexing-layer";

/**
 * The synthetic tutorial of the original release. Items are the numbers 0..9999. A pair draws an item uniformly, two
 * different positions of its four digits, and the query whose last two digits are those digits; the query's first two
 * digits mean nothing.
 */
export const numItems = 10_000;
export const numQueries = 10_000;
export const numPairs = 1_000_000;

export interface Pairs {
  readonly queries: Uint16Array;
  readonly items: Uint16Array;
}

export function makePairs(seed: number): Pairs {
  const random = new Random(seed);
  const queries = new Uint16Array(numPairs);
  const items = new Uint16Array(numPairs);
  for (let i = 0; i < numPairs; i++) {
    const item = random.integer(numItems);
    const digits = digitsOf(item);
    const first = random.integer(4);
    const second = (first + 1 + random.integer(3)) % 4;
    items[i] = item;
    queries[i] = random.integer(100) * 100 + 10 * digits[first]! + digits[second]!;
  }
  return { queries, items };
}

export function digitsOf(item: number): [number, number, number, number] {
  return [Math.floor(item / 1000), Math.floor(item / 100) % 10, Math.floor(item / 10) % 10, item % 10];
}

/**
 * The tutorial's check counts an item when two of its digits are in {x, y}, so for x != y two x's pass too (lenient);
 * the task itself asks for both (strict). -> (100, numItems) of 0 and 1, row 10x + y.
 */
export function relevance(kind: "lenient" | "strict"): Uint8Array {
  const relevant = new Uint8Array(100 * numItems);
  for (let item = 0; item < numItems; item++) {
    const digits = digitsOf(item);
    for (let x = 0; x < 10; x++) {
      for (let y = 0; y < 10; y++) {
        const xs = digits.filter((digit) => digit === x).length;
        const ys = digits.filter((digit) => digit === y).length;
        const strict = x === y ? xs >= 2 : xs >= 1 && ys >= 1;
        const lenient = (x === y ? xs : xs + ys) >= 2;
        if (kind === "strict" ? strict : lenient) relevant[(10 * x + y) * numItems + item] = 1;
      }
    }
  }
  return relevant;
}

/** Batches of pair numbers over `epochs` passes through a shuffle buffer of 1,000 pairs, as in the tutorial. */
export class Batches {
  readonly #random: Random;
  readonly #epochs: number;
  readonly #waiting: number[] = [];
  #next = 0;

  constructor(seed: number, epochs: number) {
    this.#random = new Random(seed);
    this.#epochs = epochs;
  }

  /** Up to `size` pair numbers; fewer at the very end. */
  take(size: number): Int32Array {
    const batch: number[] = [];
    while (batch.length < size) {
      while (this.#waiting.length < 1000 && this.#next < this.#epochs * numPairs)
        this.#waiting.push(this.#next++ % numPairs);
      if (this.#waiting.length === 0) break;
      const at = this.#random.integer(this.#waiting.length);
      batch.push(this.#waiting[at]!);
      this.#waiting[at] = this.#waiting[this.#waiting.length - 1]!;
      this.#waiting.pop();
    }
    return Int32Array.from(batch);
  }

  /** A second reader that goes on from here. */
  fork(): Batches {
    const copy = new Batches(0, this.#epochs);
    copy.#random.state = this.#random.state;
    copy.#waiting.push(...this.#waiting);
    copy.#next = this.#next;
    return copy;
  }
}
