/** 3-grams of terms, and which terms have one: a table in the artifact, of which a search reads a few lists. */
import { check, FormatError } from "../errors.ts";
import { ByteWriter } from "./byte-writer.ts";

/** Stand before and after a term; no code unit is so large. */
const START = 0x1_0000;
const END = 0x1_0001;
const TERMS_PER_BUCKET = 4;
const MOST_BUCKETS = 2 ** 18;

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

/** @param buckets a power of two */
function bucketOf(gram: number, buckets: number): number {
  const c = gram % 0x2_0000;
  const rest = (gram - c) / 0x2_0000;
  const b = rest % 0x2_0000;
  const a = (rest - b) / 0x2_0000;
  const hash = Math.imul(Math.imul(Math.imul(a, 0x9e37_79b1) + b, 0x85eb_ca6b) + c, 0xc2b2_ae35);
  return (hash ^ (hash >>> 15)) & (buckets - 1);
}

/** A table as it is stored. */
export interface GramSections {
  /** (terms) distinct 3-grams of each. */
  readonly sizes: Uint8Array;
  /** (buckets + 1) where the list of each begins. */
  readonly starts: Uint32Array;
  readonly lists: Uint8Array;
}

/** Lists by the hash of a gram, so that a list may also have terms of another gram; as gaps. */
export function writeGrams(numTerms: number, termAt: (term: number) => string): GramSections {
  let buckets = 1;
  while (buckets * TERMS_PER_BUCKET < numTerms && buckets < MOST_BUCKETS) buckets *= 2;
  const sizes = new Uint8Array(numTerms);
  const ends = new Float64Array(buckets + 1);
  const bucketsOf = Array.from({ length: numTerms }, (_, term) => {
    const grams = gramsOf(termAt(term));
    sizes[term] = grams.size;
    const own = new Set(Array.from(grams, (gram) => bucketOf(gram, buckets)));
    for (const bucket of own) ends[bucket + 1]!++;
    return [...own];
  });
  for (let bucket = 0; bucket < buckets; bucket++) ends[bucket + 1]! += ends[bucket]!;
  const next = ends.slice();
  const terms = new Uint32Array(ends[buckets]!);
  for (const [term, own] of bucketsOf.entries()) for (const bucket of own) terms[next[bucket]!++] = term;
  const starts = new Uint32Array(buckets + 1);
  const lists = new ByteWriter(2 * terms.length);
  for (let bucket = 0; bucket < buckets; bucket++) {
    let before = -1;
    for (let i = ends[bucket]!; i < ends[bucket + 1]!; i++) {
      lists.varint(terms[i]! - before - 1);
      before = terms[i]!;
    }
    starts[bucket + 1] = lists.length;
  }
  return { sizes, starts, lists: lists.written };
}

/** Which terms have a 3-gram. Nothing is decoded but what is asked for. */
export class GramTable {
  readonly #sections: GramSections;
  readonly #where: string;

  /** @throws FormatError */
  constructor(where: string, sections: GramSections) {
    const { starts, lists } = sections;
    const buckets = starts.length - 1;
    check(buckets >= 1 && (buckets & (buckets - 1)) === 0, "buckets", "a power of two", buckets, where);
    check(starts[buckets] === lists.length, "buckets", `to end at ${lists.length}`, starts[buckets], where);
    this.#sections = sections;
    this.#where = where;
  }

  /** Distinct 3-grams of a term. */
  sizeOf(term: number): number {
    return this.#sections.sizes[term]!;
  }

  /** Of the list that `countTerms` goes through. */
  bytesOf(gram: number): number {
    const { starts } = this.#sections;
    const bucket = bucketOf(gram, starts.length - 1);
    return starts[bucket + 1]! - starts[bucket]!;
  }

  /**
   * Counts one more for each term that has a gram, or maybe another one.
   *
   * @param shared (terms) the counts
   * @param reached gets the terms whose count becomes `fewest`, behind the n that are there
   * @returns how many are there then
   * @throws FormatError
   */
  countTerms(gram: number, shared: Uint16Array, fewest: number, reached: Uint32Array, n: number): number {
    const { starts, lists } = this.#sections;
    const bucket = bucketOf(gram, starts.length - 1);
    const end = starts[bucket + 1]!;
    let found = n;
    let at = starts[bucket]!;
    if (end > lists.length) this.#fail(bucket);
    for (let term = -1; at < end; ) {
      let gap = lists[at++]!;
      if (gap > 127) {
        let byte = lists[at++]!;
        gap = (gap & 127) | ((byte & 127) << 7);
        for (let scale = 128 * 128; byte > 127; scale *= 128) {
          byte = lists[at++]!;
          gap += (byte & 127) * scale;
        }
      }
      term += gap + 1;
      // of a number that is none this is not true either
      if (!(term < shared.length)) this.#fail(bucket);
      if (++shared[term]! === fewest) reached[found++] = term;
    }
    if (at !== end) this.#fail(bucket);
    return found;
  }

  #fail(bucket: number): never {
    throw new FormatError(this.#where, `"grams[${bucket}]" expected terms in order, within their bytes`);
  }
}
