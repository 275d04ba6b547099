import { compareIds } from "../format/ids.ts";
import { isOneEdit, swaps } from "./edits.ts";
import { GramTable, gramsOf } from "./grams.ts";
import type { WordPart } from "./part.ts";

/** A term that is like a word, and how many items have it. */
export interface CountedTerm {
  readonly term: string;
  /** 1 for the word itself, else below. */
  readonly likeness: number;
  readonly isEdit: boolean;
  readonly count: number;
}

/** Dice coefficient of 3-grams from which on a term is like a word. */
const MIN_DICE = 0.5;
/** Below that of the word itself, even for a term that has the same 3-grams in another order. */
const MAX_LIKENESS = 0.99;
/** What a term that is one edit away is worth at least: of a short word few 3-grams are left. */
const EDIT_LIKENESS = 0.5;
/** Of fewer letters one edit makes just another word. */
const MIN_EDITED = 4;

/** Finds terms of a part that are like a word, which may be anything: words are what people type. */
export class Matcher {
  readonly #part: WordPart;
  #table: GramTable | undefined;
  /** (numTerms) 3-grams that each term shares with the word; 0 between two searches. */
  #shared = new Uint16Array(0);
  #reached = new Uint32Array(0);

  constructor(part: WordPart) {
    this.#part = part;
  }

  /** See `Words.near`: all of them, best first. */
  near(word: string, edits: boolean): CountedTerm[] {
    const part = this.#part;
    const { starts, counts } = part.vocabulary;
    if (word === "" || part.numTerms === 0) return [];
    const table = this.#open();
    const grams = gramsOf(word);
    // Terms of less than a third of its 3-grams share too few.
    if (grams.size > 3 * table.maxSize) return [];
    const isEdited = edits && word.length >= MIN_EDITED;
    // A letter is part of three 3-grams. Two that change places may be part of all of them: those are looked up.
    const least = Math.max(1, grams.size - 3);
    // A Dice coefficient of ½ takes a third of the word's 3-grams, even where the term has no others.
    const fewest = Math.min(Math.ceil(grams.size / 3), isEdited ? least : Infinity);
    const [shared, reached] = [this.#shared, this.#reached];
    let n = 0;
    for (const gram of grams) {
      const terms = table.termsWith(gram);
      for (let i = 0; i < terms.length; i++) {
        const t = terms[i]!;
        if (++shared[t]! === fewest) reached[n++] = t;
      }
    }
    const found = new Map<number, CountedTerm>();
    for (let i = 0; i < n; i++) {
      const t = reached[i]!;
      const atMost = shared[t]!;
      const both = grams.size + table.sizes[t]!;
      const canEdit = isEdited && atMost >= least && Math.abs(starts[t + 1]! - starts[t]! - word.length) <= 1;
      if (2 * atMost < MIN_DICE * both && !canEdit) continue;
      const term = part.termAt(t);
      const isEdit = canEdit && isOneEdit(word, term);
      const dice = (2 * countShared(grams, term)) / both;
      if (dice < MIN_DICE && !isEdit) continue;
      found.set(t, { term, likeness: term === word ? 1 : likenessOf(dice, isEdit), isEdit, count: counts[t]! });
    }
    shared.fill(0);
    if (isEdited)
      for (const term of swaps(word)) {
        const t = part.find(term);
        if (t >= 0 && !found.has(t)) found.set(t, { term, likeness: EDIT_LIKENESS, isEdit: true, count: counts[t]! });
      }
    return [...found.values()].sort(byLikeness);
  }

  /** Built when it is first asked for. */
  #open(): GramTable {
    if (this.#table === undefined) {
      this.#table = new GramTable(this.#part.vocabulary);
      this.#shared = new Uint16Array(this.#part.numTerms);
      this.#reached = new Uint32Array(this.#part.numTerms);
    }
    return this.#table;
  }
}

function likenessOf(dice: number, isEdit: boolean): number {
  const likeness = Math.min(dice ** 3, MAX_LIKENESS);
  return isEdit ? Math.max(likeness, EDIT_LIKENESS) : likeness;
}

function countShared(grams: ReadonlySet<number>, term: string): number {
  let count = 0;
  for (const gram of gramsOf(term)) if (grams.has(gram)) count++;
  return count;
}

/** The most alike first; of equal ones the most frequent, then by code point. */
export function byLikeness(a: CountedTerm, b: CountedTerm): number {
  return b.likeness - a.likeness || byCount(a, b);
}

/** The most frequent first, then by code point. */
export function byCount(a: Pick<CountedTerm, "term" | "count">, b: Pick<CountedTerm, "term" | "count">): number {
  return b.count - a.count || compareIds(a.term, b.term);
}

/** Of the numbers [from, to) the `most` with the largest counts, the smaller number first where they are equal. */
export function mostFrequent(counts: Uint32Array, from: number, to: number, most: number): number[] {
  const best: number[] = [];
  for (let t = from; t < to; t++) {
    if (best.length >= most && !(counts[t]! > counts[best[most - 1]!]!)) continue;
    let at = best.length;
    while (at > 0 && counts[best[at - 1]!]! < counts[t]!) at--;
    best.splice(at, 0, t);
    if (best.length > most) best.pop();
  }
  return best;
}
