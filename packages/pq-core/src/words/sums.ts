import { TopK } from "../kernel/top-k.ts";
import { lowerBoundFrom } from "../sorted.ts";
import type { Decoded, Postings } from "./words.ts";

/** A known term that would do for a word. */
export interface Choice {
  readonly term: string;
  readonly postings: Postings;
  readonly weight: number;
  /** The same for the coverage, see `Alternative.certainty`. */
  readonly certain: number;
}

/** Room for a sum of every item, which one search after the other uses: each leaves it empty. */
export class Scratch {
  readonly #numItems: number;
  #sums: Sums | undefined;

  constructor(numItems: number) {
    this.#numItems = numItems;
  }

  /** @param use must not wait for anything */
  use<T>(use: (sums: Sums) => T): T {
    this.#sums ??= new Sums(this.#numItems);
    try {
      return use(this.#sums);
    } finally {
      this.#sums.clear();
    }
  }
}

/** Arrays for decoded postings, used again and again. */
class Room {
  #room = { ordinals: new Uint32Array(0), impacts: new Uint8Array(0) };

  of(count: number): Decoded {
    if (this.#room.ordinals.length < count) {
      const size = 2 ** Math.ceil(Math.log2(count));
      this.#room = { ordinals: new Uint32Array(size), impacts: new Uint8Array(size) };
    }
    return this.#room;
  }
}

/** Sums by item, and which items have one. */
export class Sums {
  readonly #sums: Float32Array;
  readonly #touched: Uint32Array;
  /** Of the word that is being added, the best so far, but for what only its first term gave; 0 between two words. */
  readonly #best: Float32Array;
  /** Which items have one. */
  readonly #inWord: number[] = [];
  /** For the first term of a word, and for one after the other of the rest. */
  readonly #rooms = [new Room(), new Room()];
  #numTouched = 0;
  /** Of the touched items, in their order, unless more was added since. */
  #gathered = new Float32Array(0);
  #isStale = false;

  constructor(numItems: number) {
    this.#sums = new Float32Array(numItems);
    this.#best = new Float32Array(numItems);
    this.#touched = new Uint32Array(numItems);
  }

  /** Adds the best of a word's terms. */
  add(choices: readonly Choice[]): void {
    if (choices.length === 0) return;
    this.#isStale = true;
    const longest = choices.reduce((a, b) => (b.postings.count > a.postings.count ? b : a));
    const first = longest.postings.all(this.#rooms[0]!.of(longest.postings.count));
    this.#addAll(first, longest.weight);
    if (choices.length === 1) return;
    const others = choices.filter((choice) => choice !== longest);
    for (const { postings, weight } of others)
      this.#addBetter(postings.all(this.#rooms[1]!.of(postings.count)), weight, first, longest.weight);
    this.#endWord();
  }

  #addAll({ ordinals, impacts }: Decoded, weight: number): void {
    const [sums, touched] = [this.#sums, this.#touched];
    let n = this.#numTouched;
    for (let i = 0; i < ordinals.length; i++) {
      const ordinal = ordinals[i]!;
      const sum = sums[ordinal]!;
      if (sum === 0) touched[n++] = ordinal;
      sums[ordinal] = sum + weight * impacts[i]!;
    }
    this.#numTouched = n;
  }

  /** Adds by how much each item has more of a term than of those of the word before, the first of them among these. */
  #addBetter({ ordinals, impacts }: Decoded, weight: number, first: Decoded, firstWeight: number): void {
    const [sums, best, touched, inWord] = [this.#sums, this.#best, this.#touched, this.#inWord];
    let n = this.#numTouched;
    for (let i = 0, at = 0; i < ordinals.length; i++) {
      const ordinal = ordinals[i]!;
      const value = weight * impacts[i]!;
      let before = best[ordinal]!;
      if (before === 0) {
        at = lowerBoundFrom(at, first.ordinals, ordinal);
        if (first.ordinals[at] === ordinal) before = firstWeight * first.impacts[at]!;
        inWord.push(ordinal);
        best[ordinal] = Math.max(before, value);
      } else if (value > before) best[ordinal] = value;
      if (value <= before) continue;
      const sum = sums[ordinal]!;
      if (sum === 0) touched[n++] = ordinal;
      sums[ordinal] = sum + value - before;
    }
    this.#numTouched = n;
  }

  #endWord(): void {
    for (let i = 0; i < this.#inWord.length; i++) this.#best[this.#inWord[i]!] = 0;
    this.#inWord.length = 0;
  }

  /** Items that have a sum. */
  get size(): number {
    return this.#numTouched;
  }

  /** The sum of the n-th best that pass; −∞ where there are fewer. */
  nth(n: number, passes?: (ordinal: number) => boolean): number {
    const values = this.#gather();
    const top = new TopK(n);
    let { threshold } = top;
    for (let i = 0; i < values.length; i++) {
      const sum = values[i]!;
      if (sum <= threshold) continue;
      const ordinal = this.#touched[i]!;
      if (passes !== undefined && !passes(ordinal)) continue;
      top.push(sum, ordinal);
      threshold = top.threshold;
    }
    return threshold;
  }

  /**
   * Ordinals of the items that have a sum of at least `floor` and pass, ascending.
   *
   * @returns undefined where there are more than `atMost`
   */
  from(floor: number, atMost: number, passes?: (ordinal: number) => boolean): Uint32Array | undefined {
    const values = this.#gather();
    const found: number[] = [];
    for (let i = 0; i < values.length && found.length <= atMost; i++) {
      if (values[i]! < floor) continue;
      const ordinal = this.#touched[i]!;
      if (passes === undefined || passes(ordinal)) found.push(ordinal);
    }
    return found.length > atMost ? undefined : Uint32Array.from(found).sort();
  }

  /** The sums of the items that have one: side by side they are read in no time. */
  #gather(): Float32Array {
    if (this.#gathered.length !== this.#numTouched || this.#isStale) {
      const [sums, touched] = [this.#sums, this.#touched];
      const gathered = new Float32Array(this.#numTouched);
      for (let i = 0; i < gathered.length; i++) gathered[i] = sums[touched[i]!]!;
      this.#gathered = gathered;
      this.#isStale = false;
    }
    return this.#gathered;
  }

  /**
   * The ordinals of the best, and of those that tie with the last of them; of these the smaller ones. Ascending.
   *
   * @param mostTied of all together
   */
  best(most: number, mostTied: number, passes?: (ordinal: number) => boolean): Uint32Array {
    const values = this.#gather();
    const top = new TopK(Math.max(most, mostTied));
    for (let i = 0; i < values.length; i++) {
      const sum = values[i]!;
      const { threshold } = top;
      if (sum < threshold) continue;
      const ordinal = this.#touched[i]!;
      // of a frequent word nearly all tie
      if (sum === threshold && ordinal > top.ordinals[0]!) continue;
      if (passes === undefined || passes(ordinal)) top.push(sum, ordinal);
    }
    const { ordinals, scores } = top.take();
    const last = scores[most - 1] ?? -Infinity;
    return ordinals.filter((_, i) => scores[i]! >= last).sort();
  }

  of(ordinals: Uint32Array): Float32Array {
    return new Float32Array(ordinals.length).map((_, i) => this.#sums[ordinals[i]!]!);
  }

  clear(): void {
    // Memory that lies together is cleared sooner than much of it one by one.
    if (this.#numTouched > this.#sums.length / 8) this.#sums.fill(0);
    else for (let i = 0; i < this.#numTouched; i++) this.#sums[this.#touched[i]!] = 0;
    this.#numTouched = 0;
    this.#isStale = true;
  }
}

/** Both, ascending, each once. */
export function union(a: Uint32Array, b: readonly number[]): Uint32Array {
  const all = new Uint32Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  all.sort();
  let n = 0;
  for (let i = 0; i < all.length; i++) if (i === 0 || all[i] !== all[i - 1]) all[n++] = all[i]!;
  return all.slice(0, n);
}
