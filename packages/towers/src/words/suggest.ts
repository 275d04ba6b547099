/** How a text could go on, or was meant. */
import type { Index } from "@poeem/pq-core";
import type { Postings, Words } from "@poeem/pq-core/words";
import { SYLLABLES, UNSPACED } from "../text/rules-v2.ts";
import { nameForm } from "../text/terms.ts";
import { type Asked, askedOf, readTextQuery } from "../text/text-query.ts";
import { termsExcluded } from "./operators.ts";
import { respelled } from "./respelled.ts";
import { spelledWords, spellingIn } from "./spellings.ts";

/** A text that somebody may go on to type. */
export interface Suggestion {
  /** The whole text, its last word completed or a misspelt word mended, as an item spells it, in lower case. */
  readonly text: string;
  /** How many items have all its words; of a text with frequent words, at least so many. */
  readonly items: number;
}

/** Terms that are tried for the last word. */
const MOST_TRIED = 64;
/** Items with the rarest of the other words that are looked at. */
const MOST_ITEMS = 1024;
/** So few items with the other words are read themselves: the most frequent completions may not be theirs. */
const MOST_FEW = 256;
const MOST_READ = 32;
/** Pairs that begin with a syllable, of which items are read. */
const MOST_BEGUN = 8;
/** Of writings without blanks, completions among which whole runs are looked for; and what is but a part of a run. */
const MOST_RUNS = 4096;
const PART_OF_RUN = new RegExp(`^(?:[${SYLLABLES}\\p{M}]{1,2}|[${UNSPACED}\\p{M}]{1,3})$`, "u");
const IS_RUN = new RegExp(`^[${SYLLABLES}${UNSPACED}]`, "u");
/** A term that so many items have is looked for among the first ones. */
const FREQUENT = 8192;

/** A word of one writing at the end. */
const LAST_WORD = new RegExp(
  `[${SYLLABLES}\\p{M}]+$|[${UNSPACED}\\p{M}]+$|(?:(?![${SYLLABLES}${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+$`,
  "u",
);

/** What stands before the word that is completed: its text, terms that items must have, and what they must not. */
interface Head {
  readonly text: string;
  /** What misspelt words of it are taken for. */
  readonly meant: ReadonlyMap<string, string>;
  readonly terms: readonly string[];
  /** (numItems) 1 for an item that is left out; undefined where none is. */
  readonly isOut: Uint8Array | undefined;
}

/** A last word, and how many items have it and the head. */
interface End {
  readonly term: string;
  readonly items: number;
}

/**
 * Completions of the last word of a text that items with the other words have, the most items first. Where the last
 * word is finished or nothing begins with it, the text with its misspelt words mended. Quotes and minuses stay as they
 * were typed, and what a minus leaves out is not counted; a last word that is to be left out has no completions.
 */
export async function suggestTexts(
  index: Index,
  words: Words,
  text: string,
  most: number,
): Promise<readonly Suggestion[]> {
  const typed = LAST_WORD.exec(text)?.[0] ?? "";
  if (most < 1 || (typed !== "" && !readTextQuery(text).isOpen)) return [];
  const last = nameForm(typed);
  const head = await headOf(words, text.slice(0, text.length - typed.length));
  if (head === undefined) return [];
  const isNew = ({ term }: End): boolean => term !== last && !head.terms.includes(term);
  let found = last === "" ? [] : (await completed(index, words, head, last, most)).filter(isNew);
  if (found.length === 0) {
    const isMeant = last === "" || words.count(last) > 0;
    if (isMeant && head.meant.size === 0) return [];
    found = await together(words, head, isMeant ? [last] : correctionsOf(words, last), most);
  }
  const best = found
    .filter(({ items }) => items > 0)
    .sort((a, b) => b.items - a.items || (a.term < b.term ? -1 : 1))
    .slice(0, most);
  return spelled(index, words, head, best);
}

/** How many items have all words of a text; of a text with frequent words, at least so many. */
export async function numWithAll(words: Words, text: string): Promise<number> {
  const head = await headOf(words, text);
  if (head === undefined || head.terms.length === 0) return 0;
  const [end] = await together(words, head, [""], 1);
  return end?.items ?? 0;
}

/** Words that begin with a last one. Of writings without blanks whole runs: a part of one is half a word. */
async function completed(index: Index, words: Words, head: Head, last: string, most: number): Promise<End[]> {
  const isRun = IS_RUN.test(last);
  const longer = words.completions(last, isRun ? MOST_RUNS : MOST_TRIED + 1).filter((term) => term !== last);
  const whole = isRun ? longer.filter((term) => !PART_OF_RUN.test(term)) : longer;
  const found = await together(words, head, whole.slice(0, MOST_TRIED), most);
  if (found.filter(({ items }) => items > 0).length >= most) return found;
  const parts = isRun ? askedOf(last).words.map(({ term }) => term) : [];
  if (head.terms.length + parts.length === 0) return found;
  // one syllable of Hangul or Kana is no term: what begins with it is
  const isTerm = parts.every((part) => words.count(part) > 0);
  const begun = isTerm ? [parts] : longer.slice(0, MOST_BEGUN).map((term) => [term]);
  const lists: Uint32Array[] = [];
  for (const terms of begun) lists.push(await itemsWith(words, [...head.terms, ...terms], head.isOut));
  const few = isTerm ? lists[0]! : Uint32Array.from(new Set(lists.flatMap((list) => [...list.subarray(0, MOST_READ)])));
  if (!isRun && few.length > MOST_FEW) return found;
  const counts = new Map<string, number>();
  for (const item of await index.items(few.subarray(0, MOST_READ))) {
    const own = new Set(Array.from(spelledWords(item), ({ plain }) => plain));
    for (const term of own) if (term.startsWith(last) && term !== last) counts.set(term, (counts.get(term) ?? 0) + 1);
  }
  const others = [...counts.keys()].filter((term) => !PART_OF_RUN.test(term) && words.count(term) > 0);
  const known = await together(words, head, others, most);
  // what is part of a longer run elsewhere has fewer items as a term
  for (const { term, items } of [...found, ...known]) counts.set(term, Math.max(items, counts.get(term) ?? 0));
  return Array.from(counts, ([term, items]) => ({ term, items }));
}

/** A head with each of some ends, spelled as an item does that has both. */
async function spelled(index: Index, words: Words, head: Head, ends: readonly End[]): Promise<Suggestion[]> {
  const ordinals = head.terms.length > 0 ? await itemsWith(words, head.terms, head.isOut) : undefined;
  const postings = await words.postings(ends.map(({ term }) => term));
  const examples = ends.map((_, i) => exampleOf(words, ordinals, postings[i]));
  const known = [...new Set(examples.filter((ordinal) => ordinal !== undefined))];
  const items = new Map((await index.items(known)).map((item, i) => [known[i]!, item]));
  return ends.map(({ term, items: count }, i) => {
    const item = items.get(examples[i] ?? -1);
    const spell = (plain: string): string => (item === undefined ? plain : spellingIn(item, plain));
    const meant = new Map(Array.from(head.meant, ([word, best]) => [word, spell(best)]));
    return { text: respelled(head.text, meant) + spell(term), items: count };
  });
}

/** An item with a term, of some or of all. */
function exampleOf(
  { numItems }: Words,
  ordinals: Uint32Array | undefined,
  postings: Postings | undefined,
): number | undefined {
  if (postings === undefined) return ordinals?.[0];
  if (ordinals === undefined && postings.count <= FREQUENT) return postings.all().ordinals[0];
  const some = ordinals ?? Uint32Array.from({ length: Math.min(numItems, FREQUENT) }, (_, i) => i);
  const at = postings.at(some).findIndex((impact) => impact > 0);
  return at < 0 ? undefined : some[at];
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
async function headOf(words: Words, text: string): Promise<Head | undefined> {
  const query = readTextQuery(text);
  const terms = termsOf(words, query);
  if (terms === undefined) return undefined;
  const { meant, found } = terms;
  return { text, meant, terms: [...found], isOut: await itemsOut(words, query.excluded.flatMap(termsExcluded)) };
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

/** How many items have a head and each of some ends. @param ends the most frequent first; "" is no word */
async function together(words: Words, head: Head, ends: readonly string[], most: number): Promise<End[]> {
  if (ends.length === 0) return [];
  const { terms, isOut } = head;
  if (terms.length === 0) return alone(words, ends, isOut, most);
  const ordinals = await itemsWith(words, terms, isOut);
  if (ordinals.length === 0) return [];
  const postings = await words.postings(ends.filter((end) => end !== ""));
  let next = 0;
  return ends.map((end) => {
    const items = end === "" ? ordinals.length : numShared(ordinals, postings[next++]);
    return { term: end, items };
  });
}

/** The first ends that some item has: what a base counts may have been removed or left out. */
async function alone(words: Words, ends: readonly string[], isOut: Head["isOut"], most: number): Promise<End[]> {
  const found: End[] = [];
  for (let from = 0; from < ends.length && found.length < most; from += most) {
    const some = ends.slice(from, from + most);
    const counts = isOut
      ? await Promise.all(some.map(async (end) => (await itemsWith(words, [end], isOut)).length))
      : await words.numLeft(some);
    for (const [i, end] of some.entries()) if (counts[i]! > 0) found.push({ term: end, items: counts[i]! });
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
async function itemsOut(words: Words, lists: readonly (readonly string[])[]): Promise<Uint8Array | undefined> {
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
