import type { Vocabulary } from "../format/words-reader.ts";

/** Stand before and after a term; no code unit is so large. */
const START = 0x1_0000;
const END = 0x1_0001;
/** More of them make buckets shorter, and the table slower to build. */
const MIN_BUCKETS = 1 << 8;
const MAX_BUCKETS = 1 << 18;

/** Distinct 3-grams of a word with a mark at either end, each a whole number. One of n letters has at most n. */
export function gramsOf(word: string): Set<number> {
  const grams = new Set<number>();
  for (let i = 0, n = word.length, a = START, b = n > 0 ? word.charCodeAt(0) : END; i < n; i++) {
    const c = i + 1 < n ? word.charCodeAt(i + 1) : END;
    grams.add(numberOf(a, b, c));
    a = b;
    b = c;
  }
  return grams;
}

/** A whole number for three code units or marks, below 2^51. */
function numberOf(a: number, b: number, c: number): number {
  return (a * 0x2_0000 + b) * 0x2_0000 + c;
}

function hashOf(a: number, b: number, c: number): number {
  const hash = Math.imul(Math.imul(Math.imul(a, 0x9e37_79b1) + b, 0x85eb_ca6b) + c, 0xc2b2_ae35);
  return hash ^ (hash >>> 15);
}

/**
 * Which terms have a 3-gram: lists by its hash, so that a list may also have terms of another gram. Built in two passes
 * over all terms: one counts, one fills.
 */
export class GramTable {
  /** (numTerms) distinct 3-grams of each term. */
  readonly sizes: Uint16Array;
  /** Of any term. */
  readonly maxSize: number;
  readonly #mask: number;
  /** (buckets + 1) where the terms of each begin. */
  readonly #starts: Uint32Array;
  readonly #terms: Uint32Array;

  constructor({ counts: { length: numTerms }, text, starts }: Pick<Vocabulary, "text" | "starts" | "counts">) {
    let buckets = MIN_BUCKETS;
    while (buckets < numTerms * 2 && buckets < MAX_BUCKETS) buckets *= 2;
    this.#mask = buckets - 1;
    this.sizes = new Uint16Array(numTerms);
    const ends = new Uint32Array(buckets + 1);
    // Of each gram of each term its bucket, or one that none is for a gram that came before in the term.
    const bucketOf = new Uint32Array(starts[numTerms]!);
    /** The last term of each bucket: where it is the same again, the gram may be. */
    const lastOf = new Uint32Array(buckets);
    let maxSize = 0;
    let total = 0;
    for (let t = 0; t < numTerms; t++) {
      const start = starts[t]!;
      const end = starts[t + 1]!;
      let size = 0;
      let a = START;
      let b = start < end ? text.charCodeAt(start) : END;
      for (let i = start; i < end; i++) {
        const c = i + 1 < end ? text.charCodeAt(i + 1) : END;
        const bucket = hashOf(a, b, c) & this.#mask;
        if (lastOf[bucket] === t + 1 && isRepeated(text, start, end, i)) bucketOf[i] = buckets;
        else {
          lastOf[bucket] = t + 1;
          bucketOf[i] = bucket;
          ends[bucket]!++;
          size++;
        }
        a = b;
        b = c;
      }
      this.sizes[t] = Math.min(size, 0xffff);
      if (size > maxSize) maxSize = size;
      total += size;
    }
    this.maxSize = maxSize;
    for (let bucket = 0, sum = 0; bucket <= buckets; bucket++) {
      sum += ends[bucket]!;
      ends[bucket] = sum;
    }
    this.#terms = new Uint32Array(total);
    // Backwards, so that where a list ends becomes where it begins.
    for (let t = numTerms - 1; t >= 0; t--) {
      for (let i = starts[t + 1]! - 1; i >= starts[t]!; i--) {
        const bucket = bucketOf[i]!;
        if (bucket !== buckets) this.#terms[--ends[bucket]!] = t;
      }
    }
    this.#starts = ends;
  }

  /** Terms that have a gram, and maybe others. */
  termsWith(gram: number): Uint32Array {
    const c = gram % 0x2_0000;
    const rest = (gram - c) / 0x2_0000;
    const b = rest % 0x2_0000;
    const bucket = hashOf((rest - b) / 0x2_0000, b, c) & this.#mask;
    return this.#terms.subarray(this.#starts[bucket]!, this.#starts[bucket + 1]!);
  }
}

/** Whether the gram whose middle is unit i of a term stands further ahead in the term as well. */
function isRepeated(text: string, start: number, end: number, i: number): boolean {
  if (i === start) return false;
  const a = text.charCodeAt(i - 1);
  const b = text.charCodeAt(i);
  const c = i + 1 < end ? text.charCodeAt(i + 1) : END;
  for (let j = start + 1; j < i; j++)
    if (text.charCodeAt(j) === b && text.charCodeAt(j - 1) === a && text.charCodeAt(j + 1) === c) return true;
  return false;
}
