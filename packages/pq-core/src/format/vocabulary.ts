import { check, FormatError } from "../errors.ts";
import { lowerBound, partition } from "../sorted.ts";
import { checkPayload, SectionReader } from "./bytes.ts";
import type { NumberedEntry } from "./chunk-cache.ts";
import { align, HEADER_BYTES } from "./constants.ts";
import { GramTable } from "./grams.ts";
import { MAX_TERM_BYTES } from "./item-words.ts";
import { leastBytes } from "./posting-list.ts";

/** Terms that are read together: the first of them stands whole. */
export const TERMS_PER_BLOCK = 16;
/** In the byte of a count or a size: it is this or more, and stands apart. */
export const LARGE = 255;

const WHERE = "words";
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Bytes of the term that is being read. */
const TERM = new Uint8Array(MAX_TERM_BYTES);

/**
 * All terms and names of an index or of the items beside it, and where postings lie. Terms have numbers, in code point
 * order. It is as it was stored: opening one costs nothing, whatever its size, and what is read of it is checked then.
 */
export class Vocabulary {
  readonly numTerms: number;
  readonly numItems: number;
  readonly grams: GramTable;
  /** Hashes of names, ascending, and the ordinal of each; ordinals of one hash ascend. */
  readonly names: Uint32Array;
  readonly #named: Uint32Array;
  /** Where each block of terms begins in `terms`, and where their postings begin, all pages being one. */
  readonly #blocks: Uint32Array;
  readonly #places: Uint32Array;
  readonly #terms: Uint8Array;
  readonly #counts: Uint8Array;
  readonly #sizes: Uint8Array;
  /** Terms whose count or size stands apart, and these. */
  readonly #large: { readonly terms: Uint32Array; readonly counts: Uint32Array; readonly sizes: Uint32Array };
  /** First terms of blocks, once they were read: a search for a term compares the same ones. */
  readonly #firsts: string[] = [];
  /** By its first term, where each page begins, all pages being one. */
  readonly #pages = new Map<number, number>();

  /**
   * @param payload of the kind `words`, which is kept
   * @param numItems of the index, or of the items beside it
   * @param pages of kind `postings`, in order, which must be what the payload says
   * @throws FormatError
   */
  constructor(payload: Uint8Array, numItems: number, pages: readonly NumberedEntry[]) {
    const reader = new SectionReader(WHERE, payload);
    const lengths = reader.u32("lengths", 6);
    const [numTerms, termBytes, numLarge, numNames, buckets, listBytes] = lengths as unknown as number[];
    const numBlocks = Math.ceil(numTerms! / TERMS_PER_BLOCK);
    this.numTerms = numTerms!;
    this.numItems = numItems;
    this.#blocks = reader.u32("blocks", numBlocks + 1);
    this.#places = reader.u32("places", numBlocks + 1);
    this.#large = {
      terms: reader.u32("large terms", numLarge!),
      counts: reader.u32("large counts", numLarge!),
      sizes: reader.u32("large sizes", numLarge!),
    };
    this.names = reader.u32("names", numNames!);
    this.#named = reader.u32("named", numNames!);
    const starts = reader.u32("buckets", buckets! + 1);
    this.#counts = reader.u8("counts", numTerms!);
    this.#sizes = reader.u8("sizes", numTerms!);
    const sizes = reader.u8("grams", numTerms!);
    this.#terms = reader.u8("terms", termBytes!);
    this.grams = new GramTable(WHERE, { sizes, starts, lists: reader.u8("lists", listBytes!) });
    reader.end();
    check(this.#blocks[numBlocks] === termBytes, "blocks", `to end at ${termBytes}`, this.#blocks[numBlocks], WHERE);
    this.#checkPages(pages);
  }

  #checkPages(pages: readonly NumberedEntry[]): void {
    const { numTerms } = this;
    let next = 0;
    for (const { entry } of pages) {
      const { key, first, count, size } = entry;
      if (first !== next || count < 1 || count > numTerms - first)
        check(false, `${key}.first`, `${next} of ${numTerms} terms`, `${count} from ${first}`, WHERE);
      next = first + count;
      this.#pages.set(first, this.#placeOf(first));
      const bytes = this.#pageBytes(first, count);
      check(size === HEADER_BYTES + align(bytes), `${key}.size`, HEADER_BYTES + align(bytes), size, WHERE);
    }
    check(next === numTerms, "postings chunks", `to cover ${numTerms} terms`, next, WHERE);
  }

  #pageBytes(first: number, count: number): number {
    const end = first + count;
    return (end < this.numTerms ? this.#placeOf(end) : this.#places.at(-1)!) - this.#placeOf(first);
  }

  /** @throws FormatError unless a page of postings has the bytes that its terms say */
  checkPage({ entry }: NumberedEntry, payload: Uint8Array): void {
    checkPayload(`chunk ${entry.key}`, this.#pageBytes(entry.first, entry.count), payload);
  }

  /** Where the postings of a term are in their page. */
  placeIn({ entry }: NumberedEntry, term: number): { readonly from: number; readonly to: number } {
    const from = this.#placeOf(term) - this.#pages.get(entry.first)!;
    return { from, to: from + this.#sizeOf(term) };
  }

  /** Where the postings of a term begin, all pages being one. */
  #placeOf(term: number): number {
    const block = Math.floor(term / TERMS_PER_BLOCK);
    const end = Math.min(this.numTerms, (block + 1) * TERMS_PER_BLOCK);
    let place = 0;
    let bytes = 0;
    for (let t = block * TERMS_PER_BLOCK; t < end; t++) {
      if (t === term) place = bytes;
      bytes += this.#sizeOf(t);
    }
    const [from, to] = [this.#places[block]!, this.#places[block + 1]!];
    if (to - from !== bytes) check(false, `places[${block + 1}]`, from + bytes, to, WHERE);
    return from + place;
  }

  #sizeOf(term: number): number {
    const size = this.#sizes[term]!;
    return size < LARGE ? size : this.#largeOf(term, this.#large.sizes);
  }

  /** How many items have a term: no more than its postings have bytes for. @throws FormatError */
  countOf(term: number): number {
    const byte = this.#counts[term]!;
    const count = byte < LARGE ? byte : this.#largeOf(term, this.#large.counts);
    if (count < 1 || count > this.numItems) failTerm(term, `from 1 to ${this.numItems} items`, count);
    const size = this.#sizeOf(term);
    if (leastBytes(count) > size) failTerm(term, `postings of ${leastBytes(count)} bytes or more`, size);
    return count;
  }

  /** Pairs of a term and an item that has it. @throws FormatError */
  get numPostings(): number {
    let sum = 0;
    for (let term = 0; term < this.numTerms; term++) sum += this.countOf(term);
    return sum;
  }

  #largeOf(term: number, values: Uint32Array): number {
    const { terms } = this.#large;
    const at = lowerBound(terms, term);
    if (terms[at] !== term) failTerm(term, "its large count and size", undefined);
    return values[at]!;
  }

  /** @throws FormatError */
  termAt(term: number): string {
    return this.#read(Math.floor(term / TERMS_PER_BLOCK), term)[0]!;
  }

  /** Every term in turn; for a reader of them all, which needs none of them again. @throws FormatError */
  *all(): Generator<string> {
    for (let block = 0; block + 1 < this.#blocks.length; block++) yield* this.#read(block);
  }

  /** How many terms there are before the first one of which something is not true. */
  rank(isBefore: (term: string) => boolean): number {
    const blocks = this.#blocks.length - 1;
    const block = partition(blocks, (b) => isBefore(this.#firstOf(b))) - 1;
    if (block < 0) return 0;
    const terms = this.#read(block);
    return block * TERMS_PER_BLOCK + partition(terms.length, (i) => isBefore(terms[i]!));
  }

  /** Ordinals of items that may be called by a name with this hash, ascending; a view. @throws FormatError */
  named(hash: number): Uint32Array {
    const { names } = this;
    const from = lowerBound(names, hash);
    const named = this.#named.subarray(from, lowerBound(names, hash + 1));
    for (let i = 0; i < named.length; i++) {
      const isNext = names[from + i] === hash && (i === 0 || named[i]! > named[i - 1]!) && named[i]! < this.numItems;
      if (!isNext)
        check(
          false,
          `names[${from + i}]`,
          `in order, of items below ${this.numItems}`,
          `${hash} of ${named[i]}`,
          WHERE,
        );
    }
    return named;
  }

  /** The ordinal of every name. @throws FormatError */
  allNamed(): Uint32Array {
    for (let i = 1; i < this.names.length; i++)
      if (this.names[i]! < this.names[i - 1]!) check(false, `names[${i}]`, "in order", this.names[i], WHERE);
    for (let i = 0; i < this.names.length; i++) if (this.names[i] !== this.names[i - 1]) this.named(this.names[i]!);
    return this.#named;
  }

  #firstOf(block: number): string {
    const first = this.#firsts[block] ?? this.#first(block);
    this.#firsts[block] = first;
    return first;
  }

  /** The first term of a block, which stands whole. */
  #first(block: number): string {
    const at = this.#blocks[block]!;
    const [terms, term] = [this.#terms, block * TERMS_PER_BLOCK];
    const length = terms[at + 1]! | 0;
    const isTold = terms[at] === 0 && length > 0 && length <= MAX_TERM_BYTES && at + 2 + length <= terms.length;
    if (!isTold) failTerm(term, "a term within its bytes", `${length} after ${terms[at]}`);
    TERM.set(terms.subarray(at + 2, at + 2 + length));
    return decode(length, term);
  }

  /** @param only the one term that is wanted; left out: all of the block */
  #read(block: number, only?: number): string[] {
    const terms = this.#terms;
    const first = block * TERMS_PER_BLOCK;
    const last = Math.min(first + TERMS_PER_BLOCK, this.numTerms);
    const end = this.#blocks[block + 1]!;
    const found: string[] = [];
    // The first term of the next block is read as well, for the order alone.
    const isLast = last === this.numTerms;
    let at = this.#blocks[block]!;
    let length = 0;
    for (let term = first; term < (isLast ? last : last + 1); term++) {
      if (term === last && at !== end) break;
      const shared = terms[at]! | 0;
      const more = terms[at + 1]! | 0;
      const isFirst = term % TERMS_PER_BLOCK === 0;
      const isTold = shared <= (isFirst ? 0 : length) && more > 0 && shared + more <= MAX_TERM_BYTES;
      if (!isTold || at + 2 + more > (term === last ? terms.length : end))
        failTerm(term, "a term within its bytes", `${more} after ${shared}`);
      at += 2;
      let isNext = term === first;
      if (isFirst && !isNext) isNext = isBehind(terms, at, more, length);
      // Behind what is shared, the first byte tells the order: then no two terms are the same.
      else if (!isNext) isNext = shared === length || terms[at]! > TERM[shared]!;
      if (!isNext) failTerm(term, "terms in order", terms[at]);
      if (term === last) return found;
      for (let i = 0; i < more; i++) TERM[shared + i] = terms[at++]!;
      length = shared + more;
      if (only === undefined || only === term) found.push(decode(length, term));
      if (only === term) return found;
    }
    if (at !== end) check(false, `blocks[${block + 1}]`, at, end, WHERE);
    return found;
  }
}

/** Whether bytes come behind the term that was read last. */
function isBehind(bytes: Uint8Array, at: number, more: number, length: number): boolean {
  let i = 0;
  while (i < more && i < length && bytes[at + i] === TERM[i]) i++;
  return i === length ? more > length : i < more && bytes[at + i]! > TERM[i]!;
}

/** The term that was read. */
function decode(length: number, term: number): string {
  const bytes = TERM.subarray(0, length);
  let bits = 0;
  for (let i = 0; i < length; i++) bits |= bytes[i]!;
  // A decoder costs more than the few letters of a term.
  if (bits < 128) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new FormatError(WHERE, `"terms[${term}]" is not UTF-8`, { cause });
  }
}

function failTerm(term: number, expected: string, got: unknown): never {
  throw new FormatError(WHERE, `"terms[${term}]" expected ${expected}, got ${got}`);
}
