import { TopK } from "../kernel/top-k.ts";
import type { Postings, Reader } from "./postings.ts";

/** A known term that would do for a word. */
export interface Choice {
  readonly term: string;
  readonly postings: Postings;
  readonly weight: number;
  /** The same for the coverage, see `Alternative.certainty`. */
  readonly certain: number;
}

/** A term of a word that is being read. */
export interface ChoiceReader {
  readonly reader: Reader;
  readonly weight: number;
}

/** Items whose sums are kept at a time: these and the postings that make them stay in a core's own cache. */
export const SUMMED_TOGETHER = 65_536;

/** The best items so far, and those that tie with the last of them. */
export class Best {
  readonly #top: TopK;
  readonly #tied: TopK;

  /** @param mostTied of all together; of those that tie the ones with the smallest ordinals */
  constructor(most: number, mostTied: number) {
    this.#top = new TopK(most);
    this.#tied = new TopK(Math.max(most, mostTied));
  }

  /** Sum of the last of them; −∞ while there are too few. */
  get last(): number {
    return this.#top.threshold;
  }

  wants(ordinal: number, sum: number): boolean {
    // of a frequent word nearly all tie
    const least = this.#tied.threshold;
    return sum >= this.#top.threshold && (sum > least || (sum === least && ordinal < this.#tied.ordinals[0]!));
  }

  add(ordinal: number, sum: number): void {
    this.#top.push(sum, ordinal);
    this.#tied.push(sum, ordinal);
  }

  copyTop(): TopK {
    const copy = new TopK(this.#top.scores.length);
    for (let i = 0; i < this.#top.size; i++) copy.push(this.#top.scores[i]!, this.#top.ordinals[i]!);
    return copy;
  }

  /** Empties it: sums by ordinal. */
  take(): Map<number, number> {
    const { last } = this;
    const { ordinals, scores } = this.#tied.take();
    const found = new Map<number, number>();
    for (let i = 0; i < ordinals.length; i++) if (scores[i]! >= last) found.set(ordinals[i]!, scores[i]!);
    return found;
  }
}

/** 1 for 0, and 0 for what is above, without a branch: which of them comes next nothing can guess. */
function isZero(sum: number): number {
  return (sum - 1) >>> 31;
}

/** Sums of the items of one window, and which items have one. Sums are whole numbers: see `AskedWords`. */
export class Sums {
  readonly #sums: Int32Array;
  /** Of the word that is being added, the best so far of all its terms but the last one; 0 between two words. */
  readonly #best: Int32Array;
  readonly #inWord: Uint32Array;
  /** Places in the window of items that have a sum. */
  readonly #touched: Uint32Array;
  readonly #ordinals: Uint32Array;
  readonly #impacts: Uint8Array;
  #from = 0;
  #to = 0;
  #numTouched = 0;

  /** Items of a window. */
  readonly window: number;

  /**
   * @param numItems of the catalogue
   * @param window default `SUMMED_TOGETHER`; for tests
   */
  constructor(numItems: number, window = SUMMED_TOGETHER) {
    const size = Math.min(numItems, window);
    this.window = window;
    this.#sums = new Int32Array(size);
    this.#best = new Int32Array(size);
    this.#inWord = new Uint32Array(size);
    // one more: what has a sum already is written behind the last, and then over
    this.#touched = new Uint32Array(size + 1);
    // one more than the stretch, as a reader wants it
    this.#ordinals = new Uint32Array(size + 1);
    this.#impacts = new Uint8Array(size + 1);
  }

  /** Begins a window. @param to behind its last item, at most `window` from the first */
  open(from: number, to: number): void {
    this.#from = from;
    this.#to = to;
  }

  /** Adds what the best of a word's terms gives each item. @param terms that with the most items last, for speed */
  add(terms: readonly ChoiceReader[]): void {
    const [ordinals, impacts] = [this.#ordinals, this.#impacts];
    const last = terms.length - 1;
    let numInWord = 0;
    for (let t = 0; t < last; t++) {
      const { reader, weight } = terms[t]!;
      const n = reader.read(this.#from, this.#to, ordinals, impacts);
      if (n > 0) numInWord = this.#addKept(n, weight, numInWord);
    }
    if (last >= 0) {
      const { reader, weight } = terms[last]!;
      const n = reader.read(this.#from, this.#to, ordinals, impacts);
      if (numInWord === 0) this.#addAll(n, weight);
      else this.#addBetter(n, weight);
    }
    for (let i = 0; i < numInWord; i++) this.#best[this.#inWord[i]!] = 0;
  }

  /** Of a word's only term. */
  #addAll(n: number, weight: number): void {
    const [sums, touched, ordinals, impacts, from] = [
      this.#sums,
      this.#touched,
      this.#ordinals,
      this.#impacts,
      this.#from,
    ];
    let numTouched = this.#numTouched;
    for (let i = 0; i < n; i++) {
      const at = ordinals[i]! - from;
      const sum = sums[at]!;
      touched[numTouched] = at;
      numTouched += isZero(sum);
      sums[at] = sum + Math.imul(weight, impacts[i]!);
    }
    this.#numTouched = numTouched;
  }

  /** By how much each item has more of a word's last term than of those before it. */
  #addBetter(n: number, weight: number): void {
    const [sums, touched, best] = [this.#sums, this.#touched, this.#best];
    const [ordinals, impacts, from] = [this.#ordinals, this.#impacts, this.#from];
    let numTouched = this.#numTouched;
    for (let i = 0; i < n; i++) {
      const at = ordinals[i]! - from;
      const more = Math.imul(weight, impacts[i]!) - best[at]!;
      const sum = sums[at]!;
      touched[numTouched] = at;
      numTouched += isZero(sum);
      sums[at] = sum + (more & ~(more >> 31));
    }
    this.#numTouched = numTouched;
  }

  /** The same of one of those before it, which is remembered. @returns how many items are */
  #addKept(n: number, weight: number, numInWord: number): number {
    const [sums, touched, best, inWord] = [this.#sums, this.#touched, this.#best, this.#inWord];
    const [ordinals, impacts, from] = [this.#ordinals, this.#impacts, this.#from];
    let numTouched = this.#numTouched;
    let kept = numInWord;
    for (let i = 0; i < n; i++) {
      const at = ordinals[i]! - from;
      const value = Math.imul(weight, impacts[i]!);
      const before = best[at]!;
      if (value <= before) continue;
      if (before === 0) inWord[kept++] = at;
      best[at] = value;
      const sum = sums[at]!;
      if (sum === 0) touched[numTouched++] = at;
      sums[at] = sum + value - before;
    }
    this.#numTouched = numTouched;
    return kept;
  }

  /** Items that have a sum. */
  get size(): number {
    return this.#numTouched;
  }

  of(ordinal: number): number {
    return this.#sums[ordinal - this.#from]!;
  }

  /** What the last of the best would be, if the items of the window were among them with the sums that they have. */
  lastOf(best: Best, passes?: (ordinal: number) => boolean): number {
    const [sums, touched, from] = [this.#sums, this.#touched, this.#from];
    const top = best.copyTop();
    let { threshold } = top;
    for (let i = 0; i < this.#numTouched; i++) {
      const at = touched[i]!;
      const sum = sums[at]!;
      if (sum <= threshold || (passes !== undefined && !passes(from + at))) continue;
      top.push(sum, from + at);
      threshold = top.threshold;
    }
    return threshold;
  }

  /** Offers all items that pass. */
  offerTo(best: Best, passes?: (ordinal: number) => boolean): void {
    const [sums, touched, from] = [this.#sums, this.#touched, this.#from];
    let { last } = best;
    for (let i = 0; i < this.#numTouched; i++) {
      const at = touched[i]!;
      const sum = sums[at]!;
      if (sum < last || !best.wants(from + at, sum) || (passes !== undefined && !passes(from + at))) continue;
      best.add(from + at, sum);
      last = best.last;
    }
  }

  /**
   * Items that have a sum of at least `floor` and pass, ascending.
   *
   * @returns undefined where there are more than `atMost`
   */
  from(floor: number, atMost: number, passes?: (ordinal: number) => boolean): Uint32Array | undefined {
    const [sums, touched, from] = [this.#sums, this.#touched, this.#from];
    const found: number[] = [];
    for (let i = 0; i < this.#numTouched; i++) {
      const at = touched[i]!;
      if (sums[at]! < floor || (passes !== undefined && !passes(from + at))) continue;
      // not ===: a bound need not be whole
      if (found.length >= atMost) return undefined;
      found.push(from + at);
    }
    return Uint32Array.from(found).sort();
  }

  clear(): void {
    // Memory that lies together is cleared sooner than much of it one by one.
    if (this.#numTouched > this.#sums.length / 8) this.#sums.fill(0);
    else for (let i = 0; i < this.#numTouched; i++) this.#sums[this.#touched[i]!] = 0;
    this.#numTouched = 0;
  }
}
