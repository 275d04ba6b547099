/** How a text could go on, or was meant. */
import type { Postings, Words } from "@poeem/pq-core/words";
import { SYLLABLES, UNSPACED } from "../text/rules-v2.ts";
import { nameForm } from "../text/terms.ts";
import { askedOf } from "../text/text-query.ts";

export interface Suggestion {
  /** The whole text, its last word completed or a misspelt word mended. */
  readonly text: string;
  /** How many items have all its words; of a text with frequent words, at least so many. */
  readonly items: number;
}

/** Terms that are tried for the last word. */
const MOST_TRIED = 64;
/** Items with the rarest of the other words that are looked at. */
const MOST_ITEMS = 1024;
/** A word of one writing at the end. */
const LAST_WORD = new RegExp(
  `[${SYLLABLES}\\p{M}]+$|[${UNSPACED}\\p{M}]+$|(?:(?![${SYLLABLES}${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+$`,
  "u",
);
const WORD = /[\p{L}\p{N}\p{M}]+/gu;

/**
 * Completions of the last word of a text that items with the other words have, the most items first. Where the last
 * word is finished or nothing begins with it, the text with its misspelt words mended.
 */
export async function suggestTexts(words: Words, text: string, most: number): Promise<readonly Suggestion[]> {
  const typed = LAST_WORD.exec(text)?.[0] ?? "";
  const last = nameForm(typed);
  const head = mended(words, text.slice(0, text.length - typed.length));
  if (head === undefined) return [];
  const isNew = (term: string): boolean => term !== last && !head.terms.includes(term);
  const longer = last === "" ? [] : words.completions(last, MOST_TRIED).filter(isNew);
  let found = await together(words, head.text, head.terms, longer);
  if (found.length === 0) {
    const meant = last === "" ? [""] : words.count(last) > 0 ? [last] : correctionsOf(words, last);
    found = await together(words, head.text, head.terms, meant);
  }
  return found
    .filter((suggestion) => suggestion.items > 0 && suggestion.text.trim() !== text.trim())
    .sort((a, b) => b.items - a.items || (a.text < b.text ? -1 : 1))
    .slice(0, Math.max(0, most));
}

/** Known terms one edit away, the most frequent first. */
function correctionsOf(words: Words, word: string): string[] {
  const edits = words.near(word, MOST_TRIED, true).flatMap(({ term, isEdit }) => (isEdit ? term : []));
  return edits.sort((a, b) => words.count(b) - words.count(a));
}

/**
 * The terms of a text, an unknown word replaced by the most frequent one that is one edit away; undefined where there
 * is none, so that no item has all the words.
 */
function mended(words: Words, text: string): { readonly text: string; readonly terms: readonly string[] } | undefined {
  const meant = new Map<string, string>();
  const terms = new Set<string>();
  const asked = askedOf(text);
  for (const [at, { term }] of asked.words.entries()) {
    const isKnown = words.count(term) > 0;
    const code = isKnown ? undefined : asked.codes.find((one) => one.words.includes(at) && words.count(one.term) > 0);
    const best = isKnown ? term : (code?.term ?? correctionsOf(words, term)[0]);
    if (best === undefined) return undefined;
    terms.add(best);
    if (!isKnown && code === undefined) meant.set(term, best);
  }
  const spelled = meant.size === 0 ? text : text.replace(WORD, (word) => meant.get(nameForm(word)) ?? word);
  return { text: spelled, terms: [...terms] };
}

/** A text with each of some terms at its end, and how many items have that and the terms of the text. */
async function together(
  words: Words,
  head: string,
  terms: readonly string[],
  ends: readonly string[],
): Promise<Suggestion[]> {
  if (ends.length === 0) return [];
  if (terms.length === 0) return ends.map((end) => ({ text: head + end, items: words.count(end) }));
  const ordinals = await itemsWith(words, terms);
  if (ordinals.length === 0) return [];
  const postings = await words.postings(ends.filter((end) => end !== ""));
  let next = 0;
  return ends.map((end) => {
    const items = end === "" ? ordinals.length : numShared(ordinals, postings[next++]);
    return { text: head + end, items };
  });
}

/** Items that have all of some terms, ascending; at most `MOST_ITEMS`. */
async function itemsWith(words: Words, terms: readonly string[]): Promise<Uint32Array> {
  const found = await words.postings(terms);
  const postings = found.filter((one) => one !== undefined).sort((a, b) => a.count - b.count);
  if (postings.length < terms.length) return new Uint32Array(0);
  const [rarest, ...others] = postings as [Postings, ...Postings[]];
  let ordinals = rarest.all().ordinals.slice(0, MOST_ITEMS);
  for (const other of others) {
    const impacts = other.at(ordinals);
    ordinals = ordinals.filter((_, i) => impacts[i]! > 0);
  }
  return ordinals;
}

/** How many of ascending ordinals have a term. */
function numShared(ordinals: Uint32Array, postings: Postings | undefined): number {
  let count = 0;
  if (postings !== undefined) for (const impact of postings.at(ordinals)) if (impact > 0) count++;
  return count;
}
