/** How much of an index the words of a text lead to: what it costs to go by them. */
import type { Words } from "@poeem/pq-core/words";
import { type Asked, readTextQuery } from "../text/text-query.ts";
import { LEAST_LIKE, MOST_BESIDE, MOST_NEAR } from "./alternatives.ts";
import { termsExcluded, termsRequired } from "./operators.ts";

/** What the words of a text are for: to search by, to say what must be there and what must not, or to be completed. */
export type WordUse = "search" | "mask" | "suggest";

/** What the words of a text lead to. */
export interface Reach {
  /** Words that are looked for. */
  readonly words: number;
  /** Terms whose postings are read. */
  readonly terms: number;
  /** Postings of all of them; an estimate for what an unfinished word may become. */
  readonly postings: number;
  /** Lists of terms that items must have or must not have. */
  readonly masks: number;
}

const HAS_DIGIT = /[0-9]/;
/** Terms that an unfinished word may become. */
const COMPLETIONS = 16;
/** Of all items those that have one of them, for a first letter; of each further letter a share of that. */
const BEGUN = 1 / 2;
const MORE_LETTERS = 1 / 3;

/** What is known of the reach of a text before any word of it is looked up: no postings, and terms of masks alone. */
export function leastReachOf(text: string, use: WordUse): Reach {
  const { words, codes, required, excluded } = readTextQuery(text);
  const lists = [...required.flatMap(termsRequired), ...excluded.flatMap(termsExcluded)];
  return {
    words: use === "mask" ? 0 : words.length + codes.length,
    terms: lists.flat().length,
    postings: 0,
    masks: lists.length,
  };
}

/**
 * Looks up the words of a text, those that are like them as far as a search does, which finds them again. Reads
 * nothing.
 */
export function reachOf(words: Words, text: string, use: WordUse): Reach {
  const query = readTextQuery(text);
  const sum = { words: 0, terms: 0, postings: 0, masks: 0 };
  const add = (term: string) => {
    sum.terms++;
    sum.postings += Math.min(words.count(term), words.numItems);
  };
  if (use !== "mask") addWords(words, query, use, sum, add);
  for (const asked of query.required) {
    const lists = termsRequired(asked);
    sum.masks += lists.length;
    for (const term of lists.flat()) add(term);
  }
  for (const asked of query.excluded) {
    const lists = termsExcluded(asked);
    sum.masks += lists.length;
    for (const term of lists.flat()) add(term);
  }
  return sum;
}

function addWords(
  words: Words,
  { words: asked, codes, last, isOpen }: Asked & { readonly isOpen: boolean },
  use: WordUse,
  sum: { words: number; terms: number; postings: number },
  add: (term: string) => void,
): void {
  sum.words += asked.length + codes.length;
  for (const { term } of codes) add(term);
  for (const [at, { term, isSpelled }] of asked.entries()) {
    const isKnown = words.count(term) > 0;
    const isNear = use === "search" && isSpelled && !HAS_DIGIT.test(term);
    const near = !isNear
      ? []
      : isKnown
        ? words.near(term, MOST_BESIDE, false, LEAST_LIKE)
        : words.near(term, MOST_NEAR, true);
    add(term);
    for (const other of near) if (other.term !== term) add(other.term);
    if (at !== last || !isOpen) continue;
    sum.terms += COMPLETIONS;
    sum.postings += words.numItems * BEGUN * MORE_LETTERS ** (term.length - 1);
  }
}
