import {
  type ChunkCache,
  covering,
  entriesOf,
  joinParts,
  type NumberedEntry,
  readPages,
} from "../format/chunk-cache.ts";
import { compareIds } from "../format/ids.ts";
import { checkWordFacts } from "../format/item-words.ts";
import { checkPostings, decodePostings } from "../format/posting-list.ts";
import { lookUpPostings, type Marks, marksOf, PostingReader } from "../format/posting-reader.ts";
import { Vocabulary } from "../format/vocabulary.ts";
import { BLOCK } from "../kernel/blocks.ts";
import type { PqIndex } from "../search/pq-index.ts";
import { lowerBoundFrom } from "../sorted.ts";
import type { Room } from "./postings.ts";

/** A list of so much fewer postings than are looked up is gone through instead. */
const FEW = 4;

/** Postings of one term in one part; ordinals are the part's own. Its bytes are its own too: it may be kept. */
export class PostingList {
  /** How many items have the term. */
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #marks: Marks | undefined;

  /** @param bytes a list that was checked */
  constructor(bytes: Uint8Array, count: number, marks: Marks | undefined) {
    this.#bytes = bytes;
    this.count = count;
    this.#marks = marks;
  }

  /**
   * Decodes the whole list into arrays of the caller, which it may use again for the next one.
   *
   * @param ordinals (count or more) ascending
   * @param impacts (count or more) 1 to 15
   */
  decode(ordinals: Uint32Array, impacts: Uint8Array): void {
    decodePostings(this.#bytes, this.count, ordinals, impacts);
  }

  /** The whole list. @param room (count or more) arrays to use; left out: new ones */
  all(room?: { readonly ordinals: Uint32Array; readonly impacts: Uint8Array }): {
    readonly ordinals: Uint32Array;
    readonly impacts: Uint8Array;
  } {
    const { count } = this;
    const ordinals = room?.ordinals.subarray(0, count) ?? new Uint32Array(count);
    const impacts = room?.impacts.subarray(0, count) ?? new Uint8Array(count);
    this.decode(ordinals, impacts);
    return { ordinals, impacts };
  }

  /** Reads the list a stretch at a time. */
  reader(): PostingReader {
    return new PostingReader(this.#bytes, this.count);
  }

  /** See `Postings.mark`. @param part whose ordinals they are */
  mark(bits: Uint32Array, blocks: readonly number[], room: Room, part = 0): void {
    const { ordinals } = this.all(room.of(this.count));
    const first = blocks[part]!;
    for (let i = 0; i < ordinals.length; i++)
      bits[first + Math.floor(ordinals[i]! / BLOCK)]! |= 1 << (ordinals[i]! % BLOCK);
  }

  /** The impacts of some ordinals, which ascend; 0 for one without the term. Skips what lies between. */
  at(ordinals: Uint32Array, impacts: Uint8Array = new Uint8Array(ordinals.length)): Uint8Array {
    if (this.count * FEW > ordinals.length) lookUpPostings(this.#bytes, this.count, ordinals, impacts, this.#marks);
    else {
      const own = this.all();
      for (let i = 0, at = 0; i < own.ordinals.length && at < ordinals.length; i++) {
        at = lowerBoundFrom(at, ordinals, own.ordinals[i]!);
        if (ordinals[at] === own.ordinals[i]) impacts[at] = own.impacts[i]!;
      }
    }
    return impacts;
  }
}

/** The words of a base or of the items beside it. Terms have numbers, 0 to `numTerms` − 1, in code point order. */
export class WordPart {
  readonly vocabulary: Vocabulary;
  readonly numItems: number;
  readonly numTerms: number;
  readonly #pages: readonly NumberedEntry[];
  /**
   * By term, the lists of a payload that were checked: as long as the cache has it,
   * each is checked only once.
   */
  readonly #checked = new WeakMap<Uint8Array, Map<number, Marks | undefined>>();

  constructor(pages: readonly NumberedEntry[], vocabulary: Vocabulary) {
    this.#pages = pages;
    this.vocabulary = vocabulary;
    this.numItems = vocabulary.numItems;
    this.numTerms = vocabulary.numTerms;
  }

  termAt(term: number): string {
    return this.vocabulary.termAt(term);
  }

  /** Number of a term; −1 for an unknown one. */
  find(term: string): number {
    const rank = this.vocabulary.rank((other) => compareIds(other, term) < 0);
    return rank < this.numTerms && this.termAt(rank) === term ? rank : -1;
  }

  /** Numbers of the terms that begin with a prefix: from … below `to`. */
  range(prefix: string): { readonly from: number; readonly to: number } {
    const from = this.vocabulary.rank((term) => compareIds(term, prefix) < 0);
    const to = this.vocabulary.rank((term) => compareIds(term, prefix) < 0 || term.startsWith(prefix));
    return { from, to };
  }

  /** Ordinals of items that may be called by a name with this hash, ascending; a view. */
  named(hash: number): Uint32Array {
    return this.vocabulary.named(hash);
  }

  /**
   * Postings of terms, each page they lie on read once.
   *
   * @param cache where its pages are read
   * @param terms numbers of terms
   * @throws FormatError when a page does not keep to the format
   */
  async postings(cache: ChunkCache, terms: ArrayLike<number>): Promise<PostingList[]> {
    const lists = new Array<PostingList>(terms.length);
    await readPages(
      cache,
      terms.length,
      (i) => covering(this.#pages, terms[i]!),
      (page, payload, places) => {
        for (const i of places) lists[i] = this.#list(page, payload, terms[i]!);
      },
    );
    return lists;
  }

  /** A copy: the cache may let the payload go, and its source write other bytes there. */
  #list(page: NumberedEntry, payload: Uint8Array, term: number): PostingList {
    let checked = this.#checked.get(payload);
    if (checked === undefined) {
      this.vocabulary.checkPage(page, payload);
      checked = new Map();
      this.#checked.set(payload, checked);
    }
    const { from, to } = this.vocabulary.placeIn(page, term);
    const bytes = payload.slice(from, to);
    const numItems = this.vocabulary.countOf(term);
    if (!checked.has(term)) {
      checkPostings(`chunk ${page.entry.key}`, bytes, numItems, this.numItems);
      checked.set(term, marksOf(bytes, numItems));
    }
    return new PostingList(bytes, numItems, checked.get(term));
  }
}

/** What a part holds in memory: its kernel is the same in every version that shares it. */
const OPENED = new WeakMap<object, WordPart>();

/** The words of a base or of the items beside it, read once; undefined where there are none. @throws FormatError */
export async function openWordPart({ manifest, parts }: PqIndex): Promise<WordPart | undefined> {
  if (manifest.words === undefined) return undefined;
  checkWordFacts("words", manifest.words, "manifest");
  const opened = OPENED.get(parts.kernel);
  if (opened !== undefined) return opened;
  const pages = entriesOf(manifest, "postings");
  const payload = (await joinParts(parts.cache, manifest, "words"))!;
  const part = new WordPart(pages, new Vocabulary(payload, manifest.numItems, pages));
  OPENED.set(parts.kernel, part);
  return part;
}
