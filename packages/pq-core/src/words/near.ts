import { FormatError } from "../errors.ts";
import { gramsOf } from "../format/grams.ts";
import { compareIds } from "../format/ids.ts";
import { MAX_TERM_BYTES } from "../format/item-words.ts";
import { partition } from "../sorted.ts";
import { isOneEdit, swaps } from "./edits.ts";
import type { WordPart } from "./part.ts";

/** A term that is like a word, and how many items have it. */
export interface CountedTerm {
  readonly term: string;
  readonly number: number;
  /** 1 for the word itself, else below. */
  readonly likeness: number;
  readonly isEdit: boolean;
  readonly count: number;
}

/** Dice coefficient of 3-grams from which on a term is like a word. */
const MIN_DICE = 0.5;
/** Of sums and roots; more than it can be. */
const ROUNDING = 1e-9;
/** Bytes for each term of a list of terms with a 3-gram that is not gone through where it can be helped. */
const LONG_LIST = 1 / 16;
/** Below that of the word itself, even for a term that has the same 3-grams in another order. */
const MAX_LIKENESS = 0.99;
/** What a term that is one edit away is worth at least: of a short word few 3-grams are left. */
const EDIT_LIKENESS = 0.5;
/** Of fewer letters one edit makes just another word. */
const MIN_EDITED = 4;

/** Finds terms of a part that are like a word, which may be anything: words are what people type. */
export class Matcher {
  readonly #part: WordPart;
  /** (numTerms) 3-grams that each term shares with the word; 0 between two searches. */
  #shared = new Uint16Array(0);
  #reached = new Uint32Array(0);

  constructor(part: WordPart) {
    this.#part = part;
  }

  /** See `Words.near`: all of them, best first. */
  near(word: string, edits: boolean, least: number): CountedTerm[] {
    const part = this.#part;
    const { vocabulary } = part;
    const { grams: table } = vocabulary;
    if (word === "" || part.numTerms === 0) return [];
    const grams = gramsOf(word);
    // Terms of less than a third of its 3-grams share too few.
    if (grams.size > 3 * MAX_TERM_BYTES) return [];
    const isEdited = edits && word.length >= MIN_EDITED;
    const minDice = Math.max(MIN_DICE, Math.cbrt(least) - ROUNDING);
    // A letter is part of three 3-grams. Two that change places may be part of all of them: those are looked up.
    const edited = Math.max(1, grams.size - 3);
    // A Dice coefficient of ½ takes a third of the word's 3-grams, even where the term has no others.
    const alike = Math.ceil((minDice * grams.size) / (2 - minDice) - ROUNDING);
    const fewest = Math.min(alike, isEdited ? edited : Infinity);
    const found = new Map<number, CountedTerm>();
    this.#count(grams, fewest, (t, atMost) => {
      const size = table.sizeOf(t);
      const both = grams.size + size;
      // An edit makes at most one letter more, and a term has no more 3-grams than letters.
      const canEdit = isEdited && atMost >= edited && size <= word.length + 1;
      if (2 * atMost < minDice * both && !canEdit) return;
      const term = part.termAt(t);
      const isEdit = isEdited && isOneEdit(word, term);
      const own = gramsOf(term);
      if (own.size !== size) throw new FormatError("words", `"terms[${t}]" expected ${own.size} 3-grams, got ${size}`);
      const dice = (2 * countShared(grams, own)) / both;
      if (dice < MIN_DICE && !isEdit) return;
      const likeness = term === word ? 1 : likenessOf(dice, isEdit);
      if (likeness < least) return;
      found.set(t, { term, number: t, likeness, isEdit, count: vocabulary.countOf(t) });
    });
    if (isEdited && EDIT_LIKENESS >= least)
      for (const term of swaps(word)) {
        const t = part.find(term);
        if (t < 0 || found.has(t)) continue;
        const count = vocabulary.countOf(t);
        found.set(t, { term, number: t, likeness: EDIT_LIKENESS, isEdit: true, count });
      }
    return [...found.values()].sort(byLikeness);
  }

  /** Gives the terms that share at least `fewest` of some 3-grams, and others; and how many at most. */
  #count(grams: ReadonlySet<number>, fewest: number, take: (term: number, atMost: number) => void): void {
    const { numTerms, vocabulary } = this.#part;
    const table = vocabulary.grams;
    if (this.#shared.length === 0) {
      this.#shared = new Uint16Array(numTerms);
      this.#reached = new Uint32Array(numTerms);
    }
    const [shared, reached] = [this.#shared, this.#reached];
    const lists = Array.from(grams, (gram) => ({ gram, bytes: table.bytesOf(gram) })).sort((a, b) => a.bytes - b.bytes);
    // Who shares enough has one of the others too: it is cheaper to look at more terms than to go through these.
    let read = lists.length;
    while (lists.length - read < fewest - 1 && lists[read - 1]!.bytes > numTerms * LONG_LIST) read--;
    const unread = lists.length - read;
    try {
      let n = 0;
      for (let i = 0; i < read; i++) n = table.countTerms(lists[i]!.gram, shared, fewest - unread, reached, n);
      for (let i = 0; i < n; i++) take(reached[i]!, shared[reached[i]!]! + unread);
    } finally {
      shared.fill(0);
    }
  }
}

function likenessOf(dice: number, isEdit: boolean): number {
  const likeness = Math.min(dice ** 3, MAX_LIKENESS);
  return isEdit ? Math.max(likeness, EDIT_LIKENESS) : likeness;
}

function countShared(grams: ReadonlySet<number>, own: ReadonlySet<number>): number {
  let count = 0;
  for (const gram of own) if (grams.has(gram)) count++;
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
export function mostFrequent(countOf: (term: number) => number, from: number, to: number, most: number): number[] {
  const best: { readonly term: number; readonly count: number }[] = [];
  const isBetter = (count: number, place: number): boolean => count > best[place]!.count;
  for (let term = from; term < to; term++) {
    const count = countOf(term);
    if (best.length < most) {
      best.push({ term, count });
      // kept in order only once there are too many
      if (best.length === most) best.sort((a, b) => b.count - a.count || a.term - b.term);
      continue;
    }
    if (most === 0 || !isBetter(count, most - 1)) continue;
    const at = partition(most, (place) => !isBetter(count, place));
    best.splice(at, 0, { term, count });
    best.pop();
  }
  if (best.length < most) best.sort((a, b) => b.count - a.count || a.term - b.term);
  return best.map(({ term }) => term);
}
