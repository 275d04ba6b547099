import { check, rangeError } from "../errors.ts";
import { ByteWriter } from "./byte-writer.ts";
import { SectionWriter } from "./bytes.ts";
import { HEADER_BYTES, MAX_CHUNK_BYTES } from "./constants.ts";
import { writeGrams } from "./grams.ts";
import { type InvertedWords, invertWords } from "./invert-words.ts";
import type { Page } from "./item-pages.ts";
import type { ItemWords } from "./item-words.ts";
import { writePostings } from "./posting-list.ts";
import { LARGE, TERMS_PER_BLOCK } from "./vocabulary.ts";

const MOST_PAGE_BYTES = 128 * 1024;
/** So many are one page: nearly all of its pages would be read for the first answer, one by one. */
const ONE_PAGE_BYTES = 1024 * 1024;
/** Of a posting, about. */
const POSTING_BYTES = 2;

/**
 * Terms in code point order, in blocks in which what is shared with the one before is left out, with the sizes of their
 * posting lists and a table of their 3-grams; and those lists as pages. Layouts are in docs/format.md.
 *
 * @param order (n) input position of each ordinal
 * @param limit of a page in bytes, where there is more than one; one list may be larger, up to a chunk
 * @throws TypeError or RangeError that names the part which does not fit
 */
export function writeWords(
  words: ItemWords,
  order: Uint32Array,
  limit: number,
): { readonly payload: Uint8Array; readonly pages: readonly Page[] } {
  const inverted = invertWords(words, order);
  const { bytes, offsets, starts, ordinals, impacts, names, named } = inverted;
  const isSmall = POSTING_BYTES * ordinals.length <= ONE_PAGE_BYTES;
  const most = limit < MOST_PAGE_BYTES || !isSmall ? Math.min(limit, MOST_PAGE_BYTES) : ONE_PAGE_BYTES;
  const numTerms = inverted.order.length;
  const pages: Page[] = [];
  const page = new ByteWriter(most);
  const list = new ByteWriter();
  const stream = new ByteWriter();
  const blocks = new Uint32Array(Math.ceil(numTerms / TERMS_PER_BLOCK) + 1);
  const places = new Uint32Array(blocks.length);
  const counts = new Uint8Array(numTerms);
  const sizes = new Uint8Array(numTerms);
  const large: { readonly term: number; readonly count: number; readonly size: number }[] = [];
  let first = 0;
  let place = 0;
  for (const [rank, term] of inverted.order.entries()) {
    const from = starts[term]!;
    const to = starts[term + 1]!;
    list.clear();
    writePostings(list, ordinals.subarray(from, to), impacts.subarray(from, to));
    if (list.length > MAX_CHUNK_BYTES - HEADER_BYTES)
      throw rangeError(`words: postings of "${words.terms[term]}"`, `at most ${MAX_CHUNK_BYTES} bytes`, list.length);
    if (page.length > 0 && page.length + list.length > most) {
      pages.push({ first, count: rank - first, payload: page.written.slice() });
      page.clear();
      first = rank;
    }
    page.add(list.written);
    const isFirst = rank % TERMS_PER_BLOCK === 0;
    if (isFirst) {
      blocks[rank / TERMS_PER_BLOCK] = stream.length;
      places[rank / TERMS_PER_BLOCK] = place;
    }
    const shared = isFirst ? 0 : countShared(inverted, inverted.order[rank - 1]!, term);
    const suffix = bytes.subarray(offsets[term]! + shared, offsets[term + 1]);
    stream.byte(shared);
    stream.byte(suffix.length);
    stream.add(suffix);
    counts[rank] = Math.min(to - from, LARGE);
    sizes[rank] = Math.min(list.length, LARGE);
    if (Math.max(to - from, list.length) >= LARGE) large.push({ term: rank, count: to - from, size: list.length });
    place += list.length;
  }
  check(place < 2 ** 32, "words", "less than 4 GiB of postings", place);
  blocks[blocks.length - 1] = stream.length;
  places[places.length - 1] = place;
  if (numTerms > first) pages.push({ first, count: numTerms - first, payload: page.written.slice() });
  const grams = writeGrams(numTerms, (rank) => words.terms[inverted.order[rank]!]!);
  const writer = new SectionWriter();
  const lengths = [numTerms, stream.length, large.length, names.length, grams.starts.length - 1, grams.lists.length];
  for (const section of [
    Uint32Array.from(lengths),
    ...[blocks, places],
    ...(["term", "count", "size"] as const).map((member) => Uint32Array.from(large, (one) => one[member])),
    ...[names, named, grams.starts, counts, sizes, grams.sizes, stream.written, grams.lists],
  ])
    writer.add(section);
  return { payload: writer.bytes(), pages };
}

/** Bytes that two terms have in common at their start. */
function countShared({ bytes, offsets }: InvertedWords, a: number, b: number): number {
  const most = Math.min(offsets[a + 1]! - offsets[a]!, offsets[b + 1]! - offsets[b]!);
  let shared = 0;
  while (shared < most && bytes[offsets[a]! + shared] === bytes[offsets[b]! + shared]) shared++;
  return shared;
}
