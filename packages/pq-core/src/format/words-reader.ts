import { check, FormatError } from "../errors.ts";
import { checkPayload, SectionReader } from "./bytes.ts";
import type { NumberedEntry } from "./chunk-cache.ts";
import { align, HEADER_BYTES } from "./constants.ts";
import { MAX_TERM_BYTES } from "./item-words.ts";
import { leastPostingBytes } from "./posting-list.ts";

/** All terms and names of an index or of the items beside it, and where postings lie. Terms are in code point order. */
export interface Vocabulary {
  /** All terms, one after another. */
  readonly text: string;
  /** (terms + 1) where each begins in `text`. */
  readonly starts: Uint32Array;
  /** (terms) how many items have each. */
  readonly counts: Uint32Array;
  /** (terms) where the postings of each begin in their page, and how many bytes they take. */
  readonly places: Uint32Array;
  readonly sizes: Uint32Array;
  /** Hashes of names, ascending, and the ordinal of each; ordinals of one hash ascend. */
  readonly names: Uint32Array;
  readonly named: Uint32Array;
}

/** A term by its number. */
export function termOf({ text, starts }: Vocabulary, term: number): string {
  return text.slice(starts[term], starts[term + 1]);
}

const WHERE = "words";
/** Shared, length, a letter, count, size. */
const LEAST_TERM_BYTES = 5;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the payload of the kind `words`, and checks that the pages of postings are what it says.
 *
 * @param numItems of the index, or of the items beside it
 * @param pages of kind `postings`, in order
 * @throws FormatError
 */
export function readVocabulary(payload: Uint8Array, numItems: number, pages: readonly NumberedEntry[]): Vocabulary {
  const reader = new SectionReader(WHERE, payload);
  const counts = reader.u32("counts", 4);
  const [numTerms, streamBytes, letters, numNames] = [counts[0]!, counts[1]!, counts[2]!, counts[3]!];
  const stream = reader.u8("terms", streamBytes);
  const names = reader.u32("names", numNames);
  const named = reader.u32("named", numNames);
  reader.end();
  const most = Math.floor(streamBytes / LEAST_TERM_BYTES);
  check(numTerms <= most, "terms", `at most ${most}`, numTerms, WHERE);
  check(letters <= numTerms * MAX_TERM_BYTES, "letters", `at most ${numTerms * MAX_TERM_BYTES}`, letters, WHERE);
  checkNames(names, named, numItems);
  const terms = readTerms(stream, numTerms, letters, numItems);
  return { ...terms, places: placesIn(pages, terms.sizes), names, named };
}

function checkNames(names: Uint32Array, named: Uint32Array, numItems: number): void {
  for (let i = 0; i < names.length; i++) {
    const isNext = i === 0 || names[i]! > names[i - 1]! || (names[i] === names[i - 1] && named[i]! > named[i - 1]!);
    if (!isNext || named[i]! >= numItems)
      check(false, `names[${i}]`, `in order, of items below ${numItems}`, `${names[i]} of ${named[i]}`, WHERE);
  }
}

function readTerms(
  stream: Uint8Array,
  numTerms: number,
  letters: number,
  numItems: number,
): Pick<Vocabulary, "text" | "starts" | "counts" | "sizes"> {
  const bytes = new Uint8Array(letters);
  const starts = new Uint32Array(numTerms + 1);
  const counts = new Uint32Array(numTerms);
  const sizes = new Uint32Array(numTerms);
  // A byte behind the last one reads as 0 below, which no term can go on with: one check at the end is enough.
  let at = 0;
  let before = 0;
  let start = 0;
  for (let term = 0; term < numTerms; term++) {
    const shared = stream[at]! | 0;
    const length = stream[at + 1]! | 0;
    const from = start + shared;
    const end = from + length;
    const isTold = shared <= start - before && length > 0 && shared + length <= MAX_TERM_BYTES && end <= letters;
    if (!isTold) return failTerm(term, "a term within its bytes", `${length} after ${shared}`);
    for (let i = start; i < from; i++) bytes[i] = bytes[before + i - start]!;
    at += 2;
    for (let i = from; i < end; i++) bytes[i] = stream[at++]!;
    // Behind what is shared, the first byte tells the order: then no two terms are the same.
    if (from - start < start - before && bytes[from]! <= bytes[before + shared]!)
      return failTerm(term, "terms in order", bytes[from]!);
    if ((bytes[start]! & 0xc0) === 0x80) return failTerm(term, "UTF-8", bytes[start]!);
    let count = stream[at++]! | 0;
    if (count > 127) {
      const [rest, next] = readRest(stream, at);
      count += 128 * rest - 128;
      at = next;
    }
    if (count < 1 || count > numItems) return failTerm(term, `from 1 to ${numItems} items`, count);
    let size = stream[at++]! | 0;
    if (size > 127) {
      const [rest, next] = readRest(stream, at);
      size += 128 * rest - 128;
      at = next;
    }
    if (size < leastPostingBytes(count)) return failTerm(term, `${leastPostingBytes(count)} bytes or more`, size);
    counts[term] = count;
    sizes[term] = size;
    before = start;
    start = end;
    starts[term + 1] = end;
  }
  check(at === stream.length && start === letters, "terms", `${letters} letters in ${stream.length} bytes`, at, WHERE);
  return { text: decode(bytes, starts), starts, counts, sizes };
}

function failTerm(term: number, expected: string, got: unknown): never {
  throw new FormatError(WHERE, `"terms[${term}]" expected ${expected}, got ${got}`);
}

/** What follows the first byte of a number, in seven bits a byte, and where the next one begins. */
function readRest(stream: Uint8Array, start: number): readonly [number, number] {
  let value = 0;
  let scale = 1;
  let at = start;
  for (let byte = 128; byte > 127 && scale < 2 ** 28; scale *= 128) {
    byte = stream[at++]! | 0;
    value += (byte & 127) * scale;
  }
  return [value, at];
}

/** The text of all terms; where they begin in it instead of in their bytes. */
function decode(bytes: Uint8Array, starts: Uint32Array): string {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new FormatError(WHERE, '"terms" are not UTF-8', { cause });
  }
  if (text.length === bytes.length) return text;
  let at = 0;
  for (let term = 0, from = 0; term + 1 < starts.length; term++) {
    const to = starts[term + 1]!;
    // A character is one unit of UTF-16, or two where it has four bytes.
    for (; from < to; from++) at += (bytes[from]! & 0xc0) === 0x80 ? 0 : bytes[from]! < 0xf0 ? 1 : 2;
    starts[term + 1] = at;
  }
  return text;
}

/** Where each list begins in its page. */
function placesIn(pages: readonly NumberedEntry[], sizes: Uint32Array): Uint32Array {
  const places = new Uint32Array(sizes.length);
  let term = 0;
  for (const { entry } of pages) {
    const { key, first, count, size } = entry;
    if (first !== term || count < 1 || count > sizes.length - first)
      check(false, `${key}.first`, `${term} of ${sizes.length} terms`, `${count} from ${first}`, WHERE);
    let bytes = 0;
    for (; term < first + count; term++) {
      places[term] = bytes;
      bytes += sizes[term]!;
      if (bytes > size) break;
    }
    check(size === HEADER_BYTES + align(bytes), `${key}.size`, HEADER_BYTES + align(bytes), size, WHERE);
  }
  check(term === sizes.length, "postings chunks", `to cover ${sizes.length} terms`, term, WHERE);
  return places;
}

/** @throws FormatError unless a page of postings has the bytes that its terms say */
export function checkPostingPage({ entry }: NumberedEntry, payload: Uint8Array, { places, sizes }: Vocabulary): void {
  const last = entry.first + entry.count - 1;
  checkPayload(`chunk ${entry.key}`, places[last]! + sizes[last]!, payload);
}
