import { entriesOf, joinParts, MAX_FETCHES, type NumberedEntry } from "../format/chunk-cache.ts";
import type { ItemWords } from "../format/item-words.ts";
import { checkPostings, decodePostings } from "../format/posting-list.ts";
import { Vocabulary } from "../format/vocabulary.ts";
import { mapLimited } from "../limited.ts";
import type { PqIndex } from "../search/pq-index.ts";

/** Of no items. */
const NO_WORDS: ItemWords = {
  terms: [],
  offsets: new Uint32Array(1),
  numbers: new Uint32Array(0),
  impacts: new Uint8Array(0),
  nameOffsets: new Uint32Array(1),
  names: new Uint32Array(0),
};

/**
 * Reads the words of items back as they were written: postings by term → terms by item.
 *
 * @param ordinals of the part, each once
 * @throws FormatError
 */
export async function readWordRows({ manifest, parts }: PqIndex, ordinals: Uint32Array): Promise<ItemWords> {
  if (ordinals.length === 0) return NO_WORDS;
  const rows = new Int32Array(manifest.numItems).fill(-1);
  for (let row = 0; row < ordinals.length; row++) rows[ordinals[row]!] = row;
  const { cache } = parts;
  const pages = entriesOf(manifest, "postings");
  const payload = (await joinParts(cache, manifest, "words"))!;
  const vocabulary = new Vocabulary(payload, manifest.numItems, pages);
  const { names } = vocabulary;
  const named = vocabulary.allNamed();
  const lists = await mapLimited(pages, MAX_FETCHES, async (page) => {
    const payload = await cache.fetch(page);
    try {
      return readLists(vocabulary, page, payload);
    } finally {
      cache.release(payload);
    }
  });
  const ofLists = lists.map((list) => list.ordinals);
  const offsets = countRows(rows, ofLists, ordinals.length);
  const numbers = new Uint32Array(offsets[ordinals.length]!);
  const impacts = new Uint8Array(numbers.length);
  const next = offsets.slice();
  for (const { first, starts, ordinals, impacts: ofItems } of lists)
    for (let t = 0; t + 1 < starts.length; t++)
      for (let i = starts[t]!; i < starts[t + 1]!; i++) {
        const row = rows[ordinals[i]!]!;
        if (row < 0) continue;
        impacts[next[row]!] = ofItems[i]!;
        numbers[next[row]!++] = first + t;
      }
  const nameOffsets = countRows(rows, [named], ordinals.length);
  const ownNames = new Uint32Array(nameOffsets[ordinals.length]!);
  const nextName = nameOffsets.slice();
  for (let i = 0; i < named.length; i++) {
    const row = rows[named[i]!]!;
    if (row >= 0) ownNames[nextName[row]!++] = names[i]!;
  }
  return { terms: [...vocabulary.all()], offsets, numbers, impacts, nameOffsets, names: ownNames };
}

/** Postings of the terms of a page, one list behind the other. */
interface PageLists {
  /** Number of the first term. */
  readonly first: number;
  /** (terms + 1) where the list of each begins. */
  readonly starts: Uint32Array;
  readonly ordinals: Uint32Array;
  readonly impacts: Uint8Array;
}

/** What it takes is within what the page has: a count has a byte for each posting. @throws FormatError */
function readLists(vocabulary: Vocabulary, page: NumberedEntry, payload: Uint8Array): PageLists {
  vocabulary.checkPage(page, payload);
  const { key, first, count } = page.entry;
  const starts = new Uint32Array(count + 1);
  const places = Array.from({ length: count }, (_, t) => {
    starts[t + 1] = starts[t]! + vocabulary.countOf(first + t);
    return vocabulary.placeIn(page, first + t);
  });
  const ordinals = new Uint32Array(starts[count]!);
  const impacts = new Uint8Array(starts[count]!);
  for (const [t, place] of places.entries()) {
    const bytes = payload.subarray(place.from, place.to);
    const [from, to] = [starts[t]!, starts[t + 1]!];
    checkPostings(`chunk ${key}`, bytes, to - from, vocabulary.numItems);
    decodePostings(bytes, to - from, ordinals.subarray(from, to), impacts.subarray(from, to));
  }
  return { first, starts, ordinals, impacts };
}

/** (numRows + 1) where the entries of each row begin. */
function countRows(rows: Int32Array, lists: readonly Uint32Array[], numRows: number): Uint32Array {
  const offsets = new Uint32Array(numRows + 1);
  for (const ordinals of lists)
    for (let i = 0; i < ordinals.length; i++) {
      const row = rows[ordinals[i]!]!;
      if (row >= 0) offsets[row + 1]!++;
    }
  for (let row = 0; row < numRows; row++) offsets[row + 1]! += offsets[row]!;
  return offsets;
}

/** The words of one list of items, then those of another. */
export function joinWords(a: ItemWords, b: ItemWords): ItemWords {
  const terms = [...a.terms];
  const known = new Map(terms.map((term, number) => [term, number]));
  const numbersOfB = Uint32Array.from(b.terms, (term) => {
    const number = known.get(term);
    return number ?? terms.push(term) - 1;
  });
  return {
    terms,
    offsets: joinOffsets(a.offsets, b.offsets),
    numbers: joinArrays(
      a.numbers,
      b.numbers.map((number) => numbersOfB[number]!),
    ),
    impacts: joinArrays(a.impacts, b.impacts),
    nameOffsets: joinOffsets(a.nameOffsets, b.nameOffsets),
    names: joinArrays(a.names, b.names),
  };
}

function joinOffsets(a: Uint32Array, b: Uint32Array): Uint32Array {
  const end = a.at(-1) ?? 0;
  return joinArrays(
    a,
    b.subarray(1).map((offset) => end + offset),
  );
}

/** One array behind the other. */
export function joinArrays<T extends Uint8Array | Uint32Array | Float32Array>(a: T, b: T): T {
  const all = new (a.constructor as new (length: number) => T)(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
