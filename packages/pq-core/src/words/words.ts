import type { ChunkCache } from "../format/chunk-cache.ts";
import type { ReadMeter } from "../format/chunk-source.ts";
import type { WordFacts } from "../format/item-words.ts";
import type { Index } from "../search/pq-index.ts";
import { byCount, byLikeness, type CountedTerm, Matcher, mostFrequent } from "./near.ts";
import { openWordPart, type PostingList, type WordPart } from "./part.ts";
import { type Places, placesOf, storedIn } from "./places.ts";
import { type Decoded, DecodedReader, type Postings, type Room } from "./postings.ts";

/** A term that is like a word: itself, or another spelling or form of it. */
export interface NearTerm {
  readonly term: string;
  /** 1 for the word itself, else below. */
  readonly likeness: number;
  /** One edit away: a letter more, less or another, or two neighbours that changed places. */
  readonly isEdit: boolean;
}

/** The words of an opened index, those of a delta included. */
export interface Words {
  readonly facts: WordFacts;
  /** Items of the catalogue. */
  readonly numItems: number;
  /** Distinct terms. */
  readonly numTerms: number;
  /** Pairs of a term and an item that has it, those of removed items of a base still counted. Reads all counts. */
  readonly numPostings: number;
  /** How many items have a term, removed ones of a base still counted; 0 for an unknown one. */
  count(term: string): number;
  /** How many items of the catalogue have each of some terms, removed ones not counted: their postings are read. */
  numLeft(terms: readonly string[]): Promise<readonly number[]>;
  /**
   * Known terms that are like a word, best first, at most `most`: itself (likeness 1), and those whose 3-grams, with a
   * mark at either end and each counted once, have a Dice coefficient of at least ½ with its own (likeness = Dice³, at
   * most .99). With `edits` and for a word of four letters or more (UTF-16 code units) also those one edit away,
   * whatever their 3-grams (likeness at least ½). Of equal likeness the more frequent first, then by code point.
   *
   * @param least likeness that is wanted; default 0
   */
  near(word: string, most: number, edits: boolean, least?: number): readonly NearTerm[];
  /** Known terms that begin with a prefix, most frequent first; ties in code point order. */
  completions(prefix: string, most: number): readonly string[];
  /** Ordinals of items that may be called by a name with this hash, ascending. */
  named(hash: number): Uint32Array;
  /** Postings of terms, read together; undefined for an unknown term. */
  postings(terms: readonly string[]): Promise<readonly (Postings | undefined)[]>;
  /** The same words, sharing all that is in memory; what it reads, the meter is told of, and may stop. */
  metered(meter: ReadMeter): Words;
}

/** Terms whose numbers are remembered: those of a few queries. */
const MAX_REMEMBERED = 4096;

/** Words whose like is remembered: people ask for the same ones. */
const MAX_NEAR = 1024;

/** One part of the words: its terms, and what finds them. */
class Terms {
  readonly part: WordPart;
  readonly #matcher: Matcher;
  /** The same terms are asked for several times in a search. */
  readonly #numbers = new Map<string, number>();

  constructor(part: WordPart) {
    this.part = part;
    this.#matcher = new Matcher(part);
  }

  /** −1 for an unknown term. */
  find(term: string): number {
    let number = this.#numbers.get(term);
    if (number === undefined) {
      number = this.part.find(term);
      this.#remember(term, number);
    }
    return number;
  }

  #remember(term: string, number: number): void {
    if (this.#numbers.size >= MAX_REMEMBERED) this.#numbers.clear();
    this.#numbers.set(term, number);
  }

  count(term: string): number {
    const number = this.find(term);
    return number < 0 ? 0 : this.part.vocabulary.countOf(number);
  }

  near(word: string, edits: boolean, least: number): CountedTerm[] {
    const near = this.#matcher.near(word, edits, least);
    for (const { term, number } of near) this.#remember(term, number);
    return near;
  }

  async postings(cache: ChunkCache, terms: readonly string[]): Promise<(PostingList | undefined)[]> {
    const numbers = terms.map((term) => this.find(term));
    const lists = (
      await this.part.postings(
        cache,
        numbers.filter((number) => number >= 0),
      )
    ).values();
    return numbers.map((number) => (number < 0 ? undefined : lists.next().value));
  }
}

/** What all views of the same words have in common. */
interface Shared {
  readonly facts: WordFacts;
  /** Of the catalogue. */
  readonly numItems: number;
  readonly base: Terms;
  readonly beside: Terms | undefined;
  readonly places: Places;
  /** What is like a word, least recently asked for first. */
  readonly near: Map<string, readonly NearTerm[]>;
  numTerms?: number;
}

/** The words of a base, and of the items beside it. */
class IndexWords implements Words {
  readonly facts: WordFacts;
  readonly numItems: number;
  readonly #shared: Shared;
  readonly #base: Terms;
  readonly #beside: Terms | undefined;
  readonly #places: Places;
  /** Where the pages of the base are read, and those of what is beside it. */
  readonly #caches: readonly ChunkCache[];

  constructor(shared: Shared, caches: readonly ChunkCache[]) {
    this.facts = shared.facts;
    this.numItems = shared.numItems;
    this.#shared = shared;
    this.#base = shared.base;
    this.#beside = shared.beside;
    this.#places = shared.places;
    this.#caches = caches;
  }

  metered(meter: ReadMeter): IndexWords {
    return new IndexWords(
      this.#shared,
      this.#caches.map((cache) => cache.metered(meter)),
    );
  }

  get numTerms(): number {
    this.#shared.numTerms ??= this.#countTerms();
    return this.#shared.numTerms;
  }

  #countTerms(): number {
    const { part } = this.#base;
    let numTerms = part.numTerms;
    for (const term of this.#beside?.part.vocabulary.all() ?? []) if (part.find(term) < 0) numTerms++;
    return numTerms;
  }

  get numPostings(): number {
    return this.#base.part.vocabulary.numPostings + (this.#beside?.part.vocabulary.numPostings ?? 0);
  }

  count(term: string): number {
    return this.#base.count(term) + (this.#beside?.count(term) ?? 0);
  }

  async numLeft(terms: readonly string[]): Promise<readonly number[]> {
    if (this.#places.isPlain) return terms.map((term) => this.count(term));
    return (await this.postings(terms)).map((list) => list?.all().ordinals.length ?? 0);
  }

  near(word: string, most: number, edits: boolean, least = 0): readonly NearTerm[] {
    const key = `${most} ${edits} ${least} ${word}`;
    const known = this.#shared.near;
    const near = known.get(key) ?? this.#findNear(word, most, edits, least);
    known.delete(key);
    if (known.size >= MAX_NEAR) known.delete(known.keys().next().value!);
    known.set(key, near);
    return near;
  }

  #findNear(word: string, most: number, edits: boolean, least: number): readonly NearTerm[] {
    const found = this.#base.near(word, edits, least);
    const beside = this.#beside?.near(word, edits, least) ?? [];
    if (beside.length === 0) return found.slice(0, most);
    const terms = new Map([...found, ...beside].map((term) => [term.term, { ...term, count: this.count(term.term) }]));
    return [...terms.values()].sort(byLikeness).slice(0, most);
  }

  completions(prefix: string, most: number): readonly string[] {
    const { part } = this.#base;
    const { from, to } = part.range(prefix);
    // What is beside the base can only raise a term: no other one of the base comes in.
    const terms = new Set(mostFrequent((t) => part.vocabulary.countOf(t), from, to, most).map((t) => part.termAt(t)));
    if (this.#beside !== undefined) {
      const range = this.#beside.part.range(prefix);
      for (let t = range.from; t < range.to; t++) terms.add(this.#beside.part.termAt(t));
    }
    const counted = Array.from(terms, (term) => ({ term, count: this.count(term) }));
    const sorted = counted.sort(byCount).slice(0, most);
    return sorted.map(({ term }) => term);
  }

  named(hash: number): Uint32Array {
    const { part } = this.#base;
    if (this.#places.isPlain) return part.named(hash);
    const own = part.named(hash).slice();
    const n = this.#places.toCatalogue(0, own, new Uint8Array(own.length));
    const beside = this.#beside?.part.named(hash).slice() ?? new Uint32Array(0);
    this.#places.toCatalogue(1, beside, new Uint8Array(beside.length));
    return Uint32Array.from([...own.subarray(0, n), ...beside]).sort();
  }

  async postings(terms: readonly string[]): Promise<readonly (Postings | undefined)[]> {
    const [cache, cacheBeside] = this.#caches;
    const base = await this.#base.postings(cache!, terms);
    if (this.#places.isPlain) return base;
    const beside = (await this.#beside?.postings(cacheBeside!, terms)) ?? [];
    return base.map((list, i) => {
      if (list === undefined && beside[i] === undefined) return undefined;
      return new TwoLists(this.#places, [list, beside[i]]);
    });
  }
}

/** Postings of a term in both parts, as the one list that they are in the catalogue. */
class TwoLists implements Postings {
  readonly count: number;
  readonly #places: Places;
  readonly #lists: readonly (PostingList | undefined)[];

  constructor(places: Places, lists: readonly (PostingList | undefined)[]) {
    this.#places = places;
    this.#lists = lists;
    this.count = lists.reduce((sum, list) => sum + (list?.count ?? 0), 0);
  }

  all(): Decoded {
    const [base, beside] = this.#lists.map((list, p) => {
      if (list === undefined) return undefined;
      const { ordinals, impacts } = list.all();
      const n = this.#places.toCatalogue(p, ordinals, impacts);
      return { ordinals: ordinals.subarray(0, n), impacts: impacts.subarray(0, n) };
    });
    if (base === undefined || beside === undefined) return (base ?? beside)!;
    const n = base.ordinals.length + beside.ordinals.length;
    const all = { ordinals: new Uint32Array(n), impacts: new Uint8Array(n) };
    for (let i = 0, b = 0, d = 0; i < n; i++) {
      const isBeside = b === base.ordinals.length || beside.ordinals[d]! < base.ordinals[b]!;
      const from = isBeside ? beside : base;
      const at = isBeside ? d++ : b++;
      all.ordinals[i] = from.ordinals[at]!;
      all.impacts[i] = from.impacts[at]!;
    }
    return all;
  }

  reader(): DecodedReader {
    return new DecodedReader(this.all());
  }

  at(ordinals: Uint32Array): Uint8Array {
    const impacts = new Uint8Array(ordinals.length);
    for (const [p, { ordinals: own, from }] of this.#places.stored(ordinals).entries()) {
      const found = this.#lists[p]?.at(own);
      if (found !== undefined) for (let i = 0; i < own.length; i++) impacts[from[i]!] = found[i]!;
    }
    return impacts;
  }

  mark(bits: Uint32Array, blocks: readonly number[], room: Room): void {
    for (const [p, list] of this.#lists.entries()) list?.mark(bits, blocks, room, p);
  }
}

const TERMS = new WeakMap<WordPart, Terms>();

/** What finds terms stays with a part, whatever is beside it. */
function termsOf(part: WordPart): Terms {
  let terms = TERMS.get(part);
  if (terms === undefined) {
    terms = new Terms(part);
    TERMS.set(part, terms);
  }
  return terms;
}

/**
 * The words of an index; undefined where it has none.
 *
 * @throws FormatError when a chunk does not keep to the format
 */
export async function openWords(index: Index): Promise<Words | undefined> {
  const { words: facts, numItems } = index.manifest;
  const [base, beside] = storedIn(index);
  const ofBase = await openWordPart(base!);
  if (facts === undefined || ofBase === undefined) return undefined;
  const ofBeside = beside && (await openWordPart(beside));
  const terms = { base: termsOf(ofBase), beside: ofBeside && termsOf(ofBeside) };
  const caches = storedIn(index).map(({ parts }) => parts.cache);
  return new IndexWords({ facts, numItems, ...terms, places: placesOf(index), near: new Map() }, caches);
}
