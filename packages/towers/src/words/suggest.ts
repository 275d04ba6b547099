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
  /** Lists of terms: no item has all of one. */
  readonly excluded: readonly (readonly string[])[];
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
  const head = headOf(words, text.slice(0, text.length - typed.length));
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

/** Words that begin with a last one. Of writings without blanks whole runs: a part of one is half a word. */
async function completed(index: Index, words: Words, head: Head, last: string, most: number): Promise<End[]> {
  const isRun = IS_RUN.test(last);
  const longer = words.completions(last, isRun ? MOST_RUNS : MOST_TRIED + 1).filter((term) => term !== last);
  const whole = isRun ? longer.filter((term) => !PART_OF_RUN.test(term)) : longer;
  const found = await together(words, head, whole.slice(0, MOST_TRIED), most);
  if (found.filter(({ items }) => items > 0).length >= most) return found;
  const parts = isRun ? askedOf(last).words.map(({ term }) => term) : [];
  const few = await itemsWith(words, [...head.terms, ...parts], head.excluded);
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
  const ordinals = head.terms.length > 0 ? await itemsWith(words, head.terms, head.excluded) : undefined;
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
function headOf(words: Words, text: string): Head | undefined {
  const query = readTextQuery(text);
  const terms = termsOf(words, query);
  if (terms === undefined) return undefined;
  const { meant, found } = terms;
  return { text, meant, terms: [...found], excluded: query.excluded.flatMap(termsExcluded) };
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
  const { terms, excluded } = head;
  if (terms.length === 0 && excluded.length === 0) return alone(words, ends, most);
  if (terms.length === 0) {
    const counts = ends.map(async (end) => (await itemsWith(words, [end], excluded)).length);
    return (await Promise.all(counts)).map((items, i) => ({ term: ends[i]!, items }));
  }
  const ordinals = await itemsWith(words, terms, excluded);
  if (ordinals.length === 0) return [];
  const postings = await words.postings(ends.filter((end) => end !== ""));
  let next = 0;
  return ends.map((end) => {
    const items = end === "" ? ordinals.length : numShared(ordinals, postings[next++]);
    return { term: end, items };
  });
}

/** The first ends that some item has: what a base counts may have been removed. */
async function alone(words: Words, ends: readonly string[], most: number): Promise<End[]> {
  const found: End[] = [];
  for (let from = 0; from < ends.length && found.length < most; from += most) {
    const some = ends.slice(from, from + most);
    const counts = await words.numLeft(some);
    for (const [i, end] of some.entries()) if (counts[i]! > 0) found.push({ term: end, items: counts[i]! });
  }
  return found;
}

/** Items that have all of some terms and of no excluded list all, ascending; at most `MOST_ITEMS`. */
async function itemsWith(words: Words, terms: readonly string[], excluded: Head["excluded"]): Promise<Uint32Array> {
  const found = await words.postings(terms);
  const postings = found.filter((one) => one !== undefined).sort((a, b) => a.count - b.count);
  if (postings.length < terms.length || postings.length === 0) return new Uint32Array(0);
  const [rarest, ...others] = postings as [Postings, ...Postings[]];
  let ordinals = rarest.all().ordinals;
  const isOut = await without(words, excluded);
  // of many items the first ones that are not left out, looked at in pieces
  const kept: number[] = [];
  for (let from = 0; from < ordinals.length && kept.length < MOST_ITEMS; from += MOST_ITEMS) {
    const some = ordinals.slice(from, from + MOST_ITEMS);
    const out = isOut(some);
    for (let i = 0; i < some.length && kept.length < MOST_ITEMS; i++) if (out[i] === 0) kept.push(some[i]!);
  }
  ordinals = Uint32Array.from(kept);
  for (const other of others) {
    const impacts = other.at(ordinals);
    ordinals = ordinals.filter((_, i) => impacts[i]! > 0);
  }
  return ordinals;
}

/** Tells which of ascending ordinals have all terms of some list: 1, else 0. */
async function without(words: Words, lists: Head["excluded"]): Promise<(ordinals: Uint32Array) => Uint8Array> {
  const terms = [...new Set(lists.flat())];
  const postings = await words.postings(terms);
  const known = new Map(terms.map((term, i) => [term, postings[i]]));
  return (ordinals) => {
    const impacts = new Map(terms.map((term) => [term, known.get(term)?.at(ordinals)]));
    return new Uint8Array(ordinals.length).map((_, i) =>
      Number(lists.some((list) => list.every((term) => (impacts.get(term)?.[i] ?? 0) > 0))),
    );
  };
}

/** How many of ascending ordinals have a term. */
function numShared(ordinals: Uint32Array, postings: Postings | undefined): number {
  let count = 0;
  if (postings !== undefined) for (const impact of postings.at(ordinals)) if (impact > 0) count++;
  return count;
}
