import { partition } from "../sorted.ts";
import { isOneEdit, swaps } from "./edits.ts";
import { GramTable, gramsOf } from "./grams.ts";

/** The terms of an index, or of a part of one, in the order of their UTF-8 bytes, which is that of code points. */
export interface Vocabulary {
  readonly numTerms: number;
  /** All terms, one after another. */
  readonly text: string;
  /** (numTerms + 1) where each begins in the text. */
  readonly starts: Uint32Array;
  /** (numTerms) items that have each. */
  readonly counts: Uint32Array;
}

/** A term that is like a word, and how often there is such a term. */
export interface NearTermCount {
  readonly term: string;
  /** Likeness and count: see `Words`. */
  readonly likeness: number;
  readonly isEdit: boolean;
  readonly count: number;
}

/** Dice coefficient of 3-grams from which on a term is like a word. */
const MIN_DICE = 0.5;
/** What a term that is one edit away is worth at least: not many grams are left of a short word. */
const EDIT_LIKENESS = 0.5;
/** One edit makes another word of a shorter one. */
const MIN_EDITED = 4;

/** Finds terms of a vocabulary. Of words it takes anything: they are what people type. */
export class Lexicon {
  readonly #vocabulary: Vocabulary;
  #table: GramTable | undefined;
  /** (numTerms) grams that each term shares with the word; 0 between two searches. */
  #shared: Uint16Array | undefined;
  #touched: Uint32Array | undefined;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  term(number: number): string {
    const { text, starts } = this.#vocabulary;
    return text.slice(starts[number], starts[number + 1]);
  }

  /** The number of a term; −1 for an unknown one. */
  find(term: string): number {
    const at = this.#before(term);
    return at < this.#vocabulary.numTerms && this.term(at) === term ? at : -1;
  }

  /** How many terms come before a text. */
  #before(term: string): number {
    return partition(this.#vocabulary.numTerms, (t) => this.#compare(t, term) < 0);
  }

  /** Below 0 where a term comes before a text. */
  #compare(t: number, other: string): number {
    const { text, starts } = this.#vocabulary;
    const start = starts[t]!;
    const size = starts[t + 1]! - start;
    const n = Math.min(size, other.length);
    for (let i = 0; i < n; i++) {
      const a = text.charCodeAt(start + i);
      const b = other.charCodeAt(i);
      if (a !== b) return byCodePoint(a) - byCodePoint(b);
    }
    return size - other.length;
  }

  /** Terms that begin with a prefix: the most frequent first, ties in the order of the vocabulary. */
  completions(prefix: string, most: number): { term: string; count: number }[] {
    const { numTerms, text, starts, counts } = this.#vocabulary;
    const first = this.#before(prefix);
    const end = first + partition(numTerms - first, (i) => text.startsWith(prefix, starts[first + i]) && this.#isWithin(first + i, prefix));
    const best = bestOf(most, first, end, counts);
    return best.map((t) => ({ term: this.term(t), count: counts[t]! }));
  }

  #isWithin(t: number, prefix: string): boolean {
    const { starts } = this.#vocabulary;
    return starts[t + 1]! - starts[t]! >= prefix.length;
  }

  /** See `Words.near`; of equal likeness the more frequent first, then in the order of the vocabulary. */
  near(word: string, most: number, edits: boolean): NearTermCount[] {
    const { numTerms, starts, counts } = this.#vocabulary;
    if (word === "" || numTerms === 0 || most < 1) return [];
    this.#table ??= new GramTable(this.#vocabulary);
    const table = this.#table;
    const grams = gramsOf(word);
    // More than three times the grams of the longest term: the two share too few of them.
    if (grams.size > 3 * table.maxSize) return [];
    const shared = (this.#shared ??= new Uint16Array(numTerms));
    const touched = (this.#touched ??= new Uint32Array(numTerms));
    let n = 0;
    for (const gram of grams) {
      const terms = table.termsWith(gram);
      for (let i = 0; i < terms.length; i++) {
        const t = terms[i]!;
        if (shared[t]!++ === 0) touched[n++] = t;
      }
    }
    const isEdited = edits && word.length >= MIN_EDITED;
    // One letter is part of three grams. Two letters that change places may be part of all: they are looked up.
    const least = Math.max(1, grams.size - 3);
    const found = new Map<number, NearTermCount>();
    const add = (t: number, likeness: number, isEdit: boolean): void => {
      found.set(t, { term: this.term(t), likeness, isEdit, count: counts[t]! });
    };
    for (let i = 0; i < n; i++) {
      const t = touched[i]!;
      const atMost = shared[t]!;
      shared[t] = 0;
      const both = grams.size + table.sizes[t]!;
      const canBeLike = 2 * atMost >= MIN_DICE * both;
      const canBeEdit = isEdited && atMost >= least && Math.abs(starts[t + 1]! - starts[t]! - word.length) <= 1;
      if (!canBeLike && !canBeEdit) continue;
      const term = this.term(t);
      const isEdit = canBeEdit && isOneEdit(word, term);
      const dice = term === word ? 1 : (2 * countShared(grams, term)) / both;
      if (dice >= MIN_DICE || isEdit) add(t, likenessOf(dice, isEdit, term === word), isEdit);
    }
    if (isEdited)
      for (const other of swaps(word)) {
        const t = this.find(other);
        if (t >= 0 && !found.has(t)) add(t, EDIT_LIKENESS, true);
      }
    return sortNear([...found.values()]).slice(0, most);
  }
}

/** Below 1 for any term but the word itself, even one with the same grams in another order. */
function likenessOf(dice: number, isEdit: boolean, isSame: boolean): number {
  if (isSame) return 1;
  const likeness = Math.min(dice ** 3, 0.99);
  return isEdit ? Math.max(likeness, EDIT_LIKENESS) : likeness;
}

function countShared(grams: ReadonlySet<number>, term: string): number {
  let count = 0;
  for (const gram of gramsOf(term)) if (grams.has(gram)) count++;
  return count;
}

/** The best first. */
export function sortNear<T extends NearTermCount>(terms: T[]): T[] {
  return terms.sort((a, b) => b.likeness - a.likeness || b.count - a.count || compareTerms(a.term, b.term));
}

/** Terms by code point, the order of a vocabulary. */
export function compareTerms(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return byCodePoint(x) - byCodePoint(y);
  }
  return a.length - b.length;
}

/** A code unit by where its code point stands: those of pairs behind all others. */
function byCodePoint(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x1_0000 : unit;
}

/** Of the numbers [first, end) those of the largest counts, the smaller number first where they are equal. */
function bestOf(most: number, first: number, end: number, counts: Uint32Array): number[] {
  const best: number[] = [];
  for (let t = first; t < end; t++) {
    if (best.length === most && counts[best[most - 1]!]! >= counts[t]!) continue;
    let at = best.length;
    while (at > 0 && counts[best[at - 1]!]! < counts[t]!) at--;
    best.splice(at, 0, t);
    if (best.length > most) best.pop();
  }
  return best;
}
