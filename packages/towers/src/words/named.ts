/** Items that are called what was typed. */
import type { Index, Item } from "@poeem/pq-core";
import type { Postings, WordQuery, Words } from "@poeem/pq-core/words";
import { nameForm, nameHash } from "../text/terms.ts";
import type { Asked } from "../text/text-query.ts";
import { visibleText } from "../text/visible-text.ts";
import { beginningWith } from "./alternatives.ts";

/** Digits that are a code by themselves. */
const MIN_DIGITS = 3;
/** A beginning of a code that more items have names none of them. */
const MOST_IN_FAMILY = 1024;
/** A short code such as "kx48" is one where few items have it; "mp3" and "5kg" are words like others. */
const MOST_OF_SHORT = 8;
/** No part of a code that is written with blanks. */
const LONG_WORD = /^[^0-9]{4}/;
/** Items whose names are read. Of more, the hash is believed, unless punctuation counts, of which it says nothing. */
const MOST_READ = 64;

/**
 * Ordinals of the items whose id or title is the text, ascending. Where several are, those that spell it most alike: as
 * an id letter by letter, else as a title, else but for the case, else but for accents, blanks and punctuation.
 *
 * @param isLiteral whether punctuation counts
 */
export async function namedItems(index: Index, words: Words, text: string, isLiteral: boolean): Promise<Uint32Array> {
  const hash = nameHash(text);
  const ordinals = hash === undefined ? new Uint32Array(0) : words.named(hash);
  if (ordinals.length === 0) return ordinals;
  if (ordinals.length > MOST_READ) {
    const [own] = await index.ordinals([text.trim().normalize("NFC")]);
    if (own !== undefined && ordinals.includes(own)) return Uint32Array.of(own);
  }
  const likenessTo = likenessOf(text);
  const items = await index.items(ordinals.subarray(0, MOST_READ));
  const likenesses = items.map(likenessTo);
  const best = Math.max(isLiteral ? LIKENESS.butCase : LIKENESS.butSigns, ...likenesses);
  // one that is not read has as good a title as the best of those that are
  const unread = isLiteral || best === LIKENESS.id ? 0 : best;
  return ordinals.filter((_, i) => (likenesses[i] ?? unread) === best);
}

/** How much like a text an item is called. */
const LIKENESS = { not: 0, butSigns: 1, butCase: 2, title: 3, id: 4 };

function likenessOf(text: string): (item: Item) => number {
  const [exact, literal, name] = [text.trim().normalize("NFC"), literalForm(text), nameForm(text)];
  return ({ id, fields }) => {
    const titles = [fields?.["title"] ?? []].flat().map(String);
    const names = [String(id), ...titles];
    if (names[0]!.normalize("NFC") === exact) return LIKENESS.id;
    if (titles.some((title) => title.trim().normalize("NFC") === exact)) return LIKENESS.title;
    if (names.some((one) => literalForm(one) === literal)) return LIKENESS.butCase;
    return names.some((one) => nameForm(one) === name) ? LIKENESS.butSigns : LIKENESS.not;
  };
}

function literalForm(text: string): string {
  return visibleText(text).trim().replace(/\s+/g, " ");
}

/**
 * Where the whole text is a code: ordinals of the items that have it or, if none does, of its family, which has all of
 * its parts, or a code that begins with it; ascending. How near the vectors of codes are says nothing.
 *
 * @param found alternatives of each word of the text
 */
export async function itemsWithCode(
  words: Words,
  { words: asked, codes }: Asked,
  found: WordQuery["words"],
): Promise<Uint32Array> {
  const whole = codes.find((code) => code.words.length === asked.length);
  const count = whole === undefined ? 0 : words.count(whole.term);
  const isKnown = count > 0 && (whole!.isLong || (whole!.isClose && count <= MOST_OF_SHORT));
  const isNumber = asked.length === 1 && asked[0]!.term.length >= MIN_DIGITS && /^[0-9]+$/.test(asked[0]!.term);
  // "red 2025 calendar" is no code, though somebody may write one that way
  const isPart = whole?.isLong && (whole.isClose || !asked.some(({ term }) => LONG_WORD.test(term)));
  const isBeginning = count === 0 && whole?.isClose === true && beginningWith(whole.term, words).length > 0;
  if (!isKnown && !isNumber && !isPart && !isBeginning) return new Uint32Array(0);
  const lists = isKnown ? [[whole!.term]] : asked.map((_, at) => found[at]!.alternatives.map(({ term }) => term));
  const postings = await words.postings(lists.flat());
  let next = 0;
  const sets = lists.map((list) => list.flatMap(() => postings[next++] ?? [])).sort((a, b) => sizeOf(a) - sizeOf(b));
  if (sizeOf(sets[0]!) > MOST_IN_FAMILY) return new Uint32Array(0);
  const items = new Set(sets[0]!.flatMap((one) => [...one.all().ordinals]));
  return sets.slice(1).reduce((left, set) => left.filter(having(set, left)), Uint32Array.from(items).sort());
}

function sizeOf(set: readonly Postings[]): number {
  return set.reduce((sum, { count }) => sum + count, 0);
}

/** Whether an item has one of some terms, by its place in the ordinals. */
function having(set: readonly Postings[], ordinals: Uint32Array): (ordinal: number, place: number) => boolean {
  const impacts = set.map((one) => one.at(ordinals));
  return (_, place) => impacts.some((of) => of[place]! > 0);
}
