/** How a text could go on, or was meant. */
import type { Postings, Words } from "@poeem/pq-core/words";
import { SYLLABLES, UNSPACED } from "../text/rules-v2.ts";
import { nameForm } from "../text/terms.ts";
import { type Asked, readTextQuery } from "../text/text-query.ts";
import { termsExcluded } from "./operators.ts";
import { respelled } from "./respelled.ts";

/** A text that somebody may go on to type. */
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

/** What stands before the word that is completed: its text, terms that items must have, and what they must not. */
interface Head {
  readonly text: string;
  readonly terms: readonly string[];
  /** Lists of terms: no item has all of one. */
  readonly excluded: readonly (readonly string[])[];
}

/**
 * Completions of the last word of a text that items with the other words have, the most items first. Where the last
 * word is finished or nothing begins with it, the text with its misspelt words mended. Quotes and minuses stay as they
 * were typed, and what a minus leaves out is not counted; a last word that is to be left out has no completions.
 */
export async function suggestTexts(words: Words, text: string, most: number): Promise<readonly Suggestion[]> {
  const typed = LAST_WORD.exec(text)?.[0] ?? "";
  if (most < 1 || (typed !== "" && !readTextQuery(text).isOpen)) return [];
  const last = nameForm(typed);
  const head = headOf(words, text.slice(0, text.length - typed.length));
  if (head === undefined) return [];
  const isNew = (term: string): boolean => term !== last && !head.terms.includes(term);
  const longer = last === "" ? [] : words.completions(last, MOST_TRIED).filter(isNew);
  let found = await together(words, head, longer, most);
  if (found.length === 0) {
    const meant = last === "" ? [""] : words.count(last) > 0 ? [last] : correctionsOf(words, last);
    found = await together(words, head, meant, most);
  }
  return found
    .filter((suggestion) => suggestion.items > 0 && suggestion.text.trim() !== text.trim())
    .sort((a, b) => b.items - a.items || (a.text < b.text ? -1 : 1))
    .slice(0, most);
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
function headOf(words: Words, text: string): Head | undefined {
  const query = readTextQuery(text);
  const terms = termsOf(words, query);
  if (terms === undefined) return undefined;
  const { meant, found } = terms;
  const spelled = meant.size === 0 ? text : respelled(text, meant);
  return { text: spelled, terms: [...found], excluded: query.excluded.flatMap(termsExcluded) };
}

function termsOf(
  words: Words,
  asked: Asked,
): { readonly meant: ReadonlyMap<string, string>; readonly found: ReadonlySet<string> } | undefined {
  const meant = new Map<string, string>();
  const found = new Set<string>();
  for (const [at, { term }] of asked.words.entries()) {
    const isKnown = words.count(term) > 0;
    const code = isKnown ? undefined : asked.codes.find((one) => one.words.includes(at) && words.count(one.term) > 0);
    const best = isKnown ? term : (code?.term ?? correctionsOf(words, term)[0]);
    if (best === undefined) return undefined;
    found.add(best);
    if (!isKnown && code === undefined) meant.set(term, best);
  }
  return { meant, found };
}

/** A head with each of some ends, and how many items have both. @param ends the most frequent first */
async function together(words: Words, head: Head, ends: readonly string[], most: number): Promise<Suggestion[]> {
  if (ends.length === 0) return [];
  const { text, terms, excluded } = head;
  const isOut = await itemsOut(words, excluded);
  if (terms.length === 0) return alone(words, text, ends, isOut, most);
  const ordinals = await itemsWith(words, terms, isOut);
  if (ordinals.length === 0) return [];
  const postings = await words.postings(ends.filter((end) => end !== ""));
  let next = 0;
  return ends.map((end) => {
    const items = end === "" ? ordinals.length : numShared(ordinals, postings[next++]);
    return { text: text + end, items };
  });
}

/** The first ends that some item has: what a base counts may have been removed or left out. */
async function alone(
  words: Words,
  head: string,
  ends: readonly string[],
  isOut: Uint8Array | undefined,
  most: number,
): Promise<Suggestion[]> {
  const found: Suggestion[] = [];
  for (let from = 0; from < ends.length && found.length < most; from += most) {
    const some = ends.slice(from, from + most);
    const counts = isOut
      ? await Promise.all(some.map(async (end) => (await itemsWith(words, [end], isOut)).length))
      : await words.numLeft(some);
    for (const [i, end] of some.entries()) if (counts[i]! > 0) found.push({ text: head + end, items: counts[i]! });
  }
  return found;
}

/** Items that have all of some terms and are not left out, ascending; at most `MOST_ITEMS`. */
async function itemsWith(words: Words, terms: readonly string[], isOut: Uint8Array | undefined): Promise<Uint32Array> {
  const found = await words.postings(terms);
  const postings = found.filter((one) => one !== undefined).sort((a, b) => a.count - b.count);
  if (postings.length < terms.length) return new Uint32Array(0);
  const [rarest, ...others] = postings as [Postings, ...Postings[]];
  const all = rarest.all().ordinals;
  return having(others, (isOut ? all.filter((ordinal) => isOut[ordinal] === 0) : all).slice(0, MOST_ITEMS));
}

/** Those of ascending ordinals that have all of some terms. */
function having(terms: readonly Postings[], ordinals: Uint32Array): Uint32Array {
  let left = ordinals;
  for (const term of terms) {
    const impacts = term.at(left);
    left = left.filter((_, i) => impacts[i]! > 0);
  }
  return left;
}

/** (numItems) 1 for an item that has all terms of some list; undefined where there are no lists. */
async function itemsOut(words: Words, lists: Head["excluded"]): Promise<Uint8Array | undefined> {
  if (lists.length === 0) return undefined;
  const distinct = [...new Map(lists.map((terms) => [JSON.stringify(terms), terms])).values()];
  const isOut = new Uint8Array(words.numItems);
  for (const terms of distinct) {
    const found = await words.postings(terms);
    const postings = found.filter((one) => one !== undefined).sort((a, b) => a.count - b.count);
    if (postings.length < terms.length) continue;
    const [rarest, ...others] = postings as [Postings, ...Postings[]];
    for (const ordinal of having(others, rarest.all().ordinals)) isOut[ordinal] = 1;
  }
  return isOut;
}

/** How many of ascending ordinals have a term. */
function numShared(ordinals: Uint32Array, postings: Postings | undefined): number {
  let count = 0;
  if (postings !== undefined) for (const impact of postings.at(ordinals)) if (impact > 0) count++;
  return count;
}
