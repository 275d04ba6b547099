import { check, checkInteger, checkLength, rangeError, typeError } from "../errors.ts";
import { type ItemWords, MAX_TERM_BYTES } from "./item-words.ts";
import { MOST_IMPACT } from "./posting-list.ts";
import { sortBytes, sortWords } from "./sort-ids.ts";
import { utf8Length, writeUtf8 } from "./utf8.ts";

/** The words of items by term and by name, as an artifact has them. */
export interface InvertedWords {
  /** UTF-8 of all terms, one after another, as they were given. */
  readonly bytes: Uint8Array;
  /** (terms + 1) where each begins in `bytes`. */
  readonly offsets: Float64Array;
  /** Terms that some item has, in code point order. */
  readonly order: Uint32Array;
  /** (terms + 1) where the postings of each term begin. */
  readonly starts: Float64Array;
  /** Ascending in each term. */
  readonly ordinals: Uint32Array;
  readonly impacts: Uint8Array;
  /** Hashes of names, ascending, and the ordinal of each; ordinals of one hash ascend. */
  readonly names: Uint32Array;
  readonly named: Uint32Array;
}

/**
 * Words by item → by term.
 *
 * @param order (n) input position of each ordinal
 * @throws TypeError or RangeError that names the part which does not fit
 */
export function invertWords(words: ItemWords, order: Uint32Array): InvertedWords {
  const { terms, numbers, impacts, offsets: items } = words;
  checkRanges("words.offsets", items, order.length, numbers.length);
  checkLength("words.impacts", impacts, numbers.length);
  checkRanges("words.nameOffsets", words.nameOffsets, order.length, words.names.length);
  const counts = new Uint32Array(terms.length);
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i]! >= terms.length)
      throw rangeError(`words.numbers[${i}]`, `a number below ${terms.length}`, numbers[i]);
    if (impacts[i]! < 1 || impacts[i]! > MOST_IMPACT) checkInteger(`words.impacts[${i}]`, impacts[i], 1, MOST_IMPACT);
    counts[numbers[i]!]!++;
  }
  const starts = new Float64Array(terms.length + 1);
  for (let term = 0; term < terms.length; term++) starts[term + 1] = starts[term]! + counts[term]!;
  const ordinals = new Uint32Array(numbers.length);
  const own = new Uint8Array(numbers.length);
  const next = starts.slice();
  for (let ordinal = 0; ordinal < order.length; ordinal++) {
    const item = order[ordinal]!;
    for (let i = items[item]!; i < items[item + 1]!; i++) {
      const term = numbers[i]!;
      const at = next[term]!++;
      if (at > starts[term]! && ordinals[at - 1] === ordinal)
        throw rangeError(`words.numbers[${i}]`, `a term that item ${item} has once`, terms[term]);
      ordinals[at] = ordinal;
      own[at] = impacts[i]!;
    }
  }
  const sorted = sortTerms(terms);
  return {
    ...sorted,
    order: sorted.order.filter((term) => counts[term]! > 0),
    starts,
    ordinals,
    impacts: own,
    ...sortNames(words, order),
  };
}

/** @throws TypeError or RangeError unless there are n runs that fill `end` elements */
function checkRanges(name: string, offsets: Uint32Array, n: number, end: number): void {
  if (!(offsets instanceof Uint32Array)) throw typeError(name, "a Uint32Array", offsets);
  checkLength(name, offsets, n + 1);
  for (let i = 0; i < offsets.length; i++) {
    const least = i === 0 ? 0 : offsets[i - 1]!;
    const most = i === 0 ? 0 : end;
    if (offsets[i]! < least || offsets[i]! > most) checkInteger(`${name}[${i}]`, offsets[i], least, most);
  }
  check(offsets[n] === end, name, `to end at ${end}`, offsets[n]);
}

function sortTerms(terms: readonly string[]): Pick<InvertedWords, "bytes" | "offsets" | "order"> {
  const offsets = new Float64Array(terms.length + 1);
  for (let i = 0; i < terms.length; i++) {
    const term: unknown = terms[i];
    if (typeof term !== "string") throw typeError(`words.terms[${i}]`, "a string", term);
    const length = utf8Length(term);
    if (length < 1 || length > MAX_TERM_BYTES)
      throw rangeError(`words.terms[${i}]`, `1 to ${MAX_TERM_BYTES} bytes of UTF-8`, term);
    offsets[i + 1] = offsets[i]! + length;
  }
  const bytes = new Uint8Array(offsets[terms.length]!);
  for (let i = 0; i < terms.length; i++) writeUtf8(terms[i]!, bytes, offsets[i]!, offsets[i + 1]! - offsets[i]!);
  const order = sortBytes(bytes, offsets);
  for (let rank = 1; rank < order.length; rank++)
    if (terms[order[rank]!] === terms[order[rank - 1]!])
      throw rangeError(`words.terms[${order[rank]}]`, "distinct terms", terms[order[rank]!]);
  return { bytes, offsets, order };
}

/** A name that an item has twice counts once. */
function sortNames({ names, nameOffsets }: ItemWords, order: Uint32Array): Pick<InvertedWords, "names" | "named"> {
  const hashes = new Uint32Array(names.length);
  const ordinals = new Uint32Array(names.length);
  let at = 0;
  for (let ordinal = 0; ordinal < order.length; ordinal++) {
    const item = order[ordinal]!;
    for (let i = nameOffsets[item]!; i < nameOffsets[item + 1]!; i++) {
      hashes[at] = names[i]!;
      ordinals[at++] = ordinal;
    }
  }
  const byHash = sortWords(hashes, 1);
  const isNew = (position: number, rank: number): boolean => {
    const before = byHash[rank - 1];
    return before === undefined || hashes[before] !== hashes[position] || ordinals[before] !== ordinals[position];
  };
  const kept = byHash.filter(isNew);
  return { names: kept.map((i) => hashes[i]!), named: kept.map((i) => ordinals[i]!) };
}
