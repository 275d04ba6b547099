import { rangeError } from "../errors.ts";
import { ByteWriter } from "./byte-writer.ts";
import { SectionWriter } from "./bytes.ts";
import { HEADER_BYTES, MAX_CHUNK_BYTES } from "./constants.ts";
import { type InvertedWords, invertWords } from "./invert-words.ts";
import type { Page } from "./item-pages.ts";
import type { ItemWords } from "./item-words.ts";
import { writePostings } from "./posting-list.ts";

const MOST_PAGE_BYTES = 128 * 1024;

/**
 * Terms in code point order, what is shared with the one before left out, with the sizes of their posting lists; and
 * those lists as pages. Layouts are in docs/format.md.
 *
 * @param order (n) input position of each ordinal
 * @param limit of a page in bytes; one list may be larger, up to a chunk
 * @throws TypeError or RangeError that names the part which does not fit
 */
export function writeWords(
  words: ItemWords,
  order: Uint32Array,
  limit: number,
): { readonly payload: Uint8Array; readonly pages: readonly Page[] } {
  const inverted = invertWords(words, order);
  const { bytes, offsets, starts, ordinals, impacts, names, named } = inverted;
  const most = Math.min(limit, MOST_PAGE_BYTES);
  const pages: Page[] = [];
  const page = new ByteWriter(most);
  const list = new ByteWriter();
  const stream = new ByteWriter();
  let first = 0;
  let letters = 0;
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
    const shared = rank === 0 ? 0 : countShared(inverted, inverted.order[rank - 1]!, term);
    const suffix = bytes.subarray(offsets[term]! + shared, offsets[term + 1]);
    stream.byte(shared);
    stream.byte(suffix.length);
    stream.add(suffix);
    stream.varint(to - from);
    stream.varint(list.length);
    letters += shared + suffix.length;
  }
  const count = inverted.order.length;
  if (count > first) pages.push({ first, count: count - first, payload: page.written.slice() });
  const writer = new SectionWriter();
  writer.add(Uint32Array.of(count, stream.length, letters, names.length));
  writer.add(stream.written);
  writer.add(names);
  writer.add(named);
  return { payload: writer.bytes(), pages };
}

/** Bytes that two terms have in common at their start. */
function countShared({ bytes, offsets }: InvertedWords, a: number, b: number): number {
  const most = Math.min(offsets[a + 1]! - offsets[a]!, offsets[b + 1]! - offsets[b]!);
  let shared = 0;
  while (shared < most && bytes[offsets[a]! + shared] === bytes[offsets[b]! + shared]) shared++;
  return shared;
}
