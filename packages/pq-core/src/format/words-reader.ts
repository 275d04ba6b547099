import { check, checkEach, FormatError } from "../errors.ts";
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
  const isNext = (ordinal: number, i: number): boolean =>
    ordinal < numItems &&
    (i === 0 || names[i]! > names[i - 1]! || (names[i] === names[i - 1] && ordinal > named[i - 1]!));
  checkEach("named", named, `ascending by name and below ${numItems}`, isNext, WHERE);
  const terms = readTerms(stream, numTerms, letters, numItems);
  return { ...terms, places: placesIn(pages, terms.sizes), names, named };
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
  let at = 0;
  let term = 0;
  const fail = (what: string, got: number): never => {
    throw new FormatError(WHERE, `"terms[${term}]" expected ${what}, got ${got}`);
  };
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    let byte = 128;
    for (; byte > 127; scale *= 128) {
      if (at >= stream.length || scale > 2 ** 28) fail("numbers within the bytes of the terms", at);
      byte = stream[at++]!;
      value += (byte & 127) * scale;
    }
    return value;
  };
  let before = 0;
  let start = 0;
  for (; term < numTerms; term++) {
    const shared = varint();
    const length = varint();
    if (shared > start - before) fail(`at most ${start - before} bytes of the term before`, shared);
    if (length < 1 || shared + length > MAX_TERM_BYTES) fail(`1 to ${MAX_TERM_BYTES} bytes`, shared + length);
    if (length > stream.length - at || shared + length > letters - start) fail("a term within the letters", length);
    for (let i = 0; i < shared; i++) bytes[start + i] = bytes[before + i]!;
    for (let i = shared; i < shared + length; i++) bytes[start + i] = stream[at++]!;
    // Behind what is shared, the first byte tells the order: then no two terms are the same.
    if (shared < start - before && bytes[start + shared]! <= bytes[before + shared]!) fail("terms in order", term);
    if ((bytes[start]! & 0xc0) === 0x80) fail("UTF-8", bytes[start]!);
    const count = varint();
    if (count < 1 || count > numItems) fail(`from 1 to ${numItems} items`, count);
    const size = varint();
    if (size < leastPostingBytes(count)) fail(`at least ${leastPostingBytes(count)} bytes of postings`, size);
    counts[term] = count;
    sizes[term] = size;
    before = start;
    start += shared + length;
    starts[term + 1] = start;
  }
  if (at !== stream.length || start !== letters) fail(`${letters} letters in ${stream.length} bytes`, start);
  return { text: decode(bytes, starts), starts, counts, sizes };
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
