import type { ChunkEntry } from "../format/chunk.ts";
import { type ChunkCache, joinParts, MAX_FETCHES } from "../format/chunk-cache.ts";
import {
  countFilterPage,
  type FilterDirectory,
  readFilterDirectory,
  readFilterPage,
  type WantedColumns,
} from "../format/filter-pages.ts";
import type { FacetValue, FilterColumns } from "../format/filters-chunk.ts";
import type { Manifest } from "../format/manifest.ts";
import { PageTables } from "../format/page-tables.ts";
import { BLOCK, countBlocks } from "../kernel/blocks.ts";
import { mapLimited } from "../limited.ts";
import { lowerBound, partition } from "../sorted.ts";
import { compileFilter, MaskFilter, withMasksFrom } from "./compile-filter.ts";
import { comparisonMask, type Filter, isFacetIn } from "./filter.ts";
import { type BlockMask, type ItemMask, MaskWords, PIECE_BLOCKS } from "./masks.ts";
import { matchingPages } from "./matching-pages.ts";
import type { Stretch } from "./rank.ts";

/** Filters on pages: which pages can hold a match is known of all, and which items match of those that are read. */
export class PagedFilters {
  readonly #manifest: Manifest;
  readonly #tables: PageTables;
  #directory: FilterDirectory | undefined;
  /** (pages + 1) where each page begins; then the end. */
  #starts: Float64Array | undefined;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    this.#tables = new PageTables(manifest, "filter-pages");
  }

  async directory(cache: ChunkCache): Promise<FilterDirectory> {
    if (this.#directory !== undefined) return this.#directory;
    const payload = await joinParts(cache, this.#manifest, "filters");
    this.#starts ??= await this.#tables.starts(cache);
    const none = { numPages: 0, facets: new Map(), values: new Map(), numbers: new Map() };
    const { numItems } = this.#manifest;
    this.#directory ??= payload === undefined ? none : readFilterDirectory(payload, numItems, this.#tables.count);
    return this.#directory;
  }

  /** @throws InputError for what is no filter of this index */
  async mask(cache: ChunkCache, filter: Filter): Promise<ItemMask> {
    const directory = await this.directory(cache);
    const { numItems } = this.#manifest;
    const known: FilterColumns = {
      facets: directory.facets,
      numbers: new Map(Array.from(directory.numbers.keys(), (name) => [name, new Float64Array(0)])),
    };
    // names and bounds are checked by it, and matches counted; its words are asked for where there are no pages
    const mask = compileFilter(filter, (leaf) => comparisonMask(leaf, known, numItems), numItems);
    if (directory.numPages === 0) return withoutPages(mask, numItems);
    const isMatch = matchingPages(filter, directory);
    return new PagedMask(this, cache, filter, wantedBy(filter, directory), this.#starts!, isMatch, mask.atMost);
  }

  /**
   * Reads pages, by their numbers, and gives each with its columns to `use`, which must not keep them. Nor are
   * they kept here: beside the pages, whose memory is bounded, they would take some times as much.
   *
   * @param wanted of each page; left out: all
   */
  async read(
    cache: ChunkCache,
    pages: readonly number[],
    use: (page: number, entry: ChunkEntry, columns: FilterColumns) => void,
    wanted?: WantedColumns,
  ): Promise<void> {
    const directory = await this.directory(cache);
    await this.#each(cache, pages, (page, entry, payload) => {
      const { key, first, count } = entry;
      use(page, entry, readFilterPage(`chunk ${key}`, payload, directory, first, count, wanted));
    });
  }

  async #each(
    cache: ChunkCache,
    pages: readonly number[],
    use: (page: number, entry: ChunkEntry, payload: Uint8Array) => void,
  ): Promise<void> {
    await mapLimited(pages, MAX_FETCHES, async (page) => {
      const numbered = await this.#tables.page(cache, page);
      await cache.read(numbered, (payload) => use(page, numbered.entry, payload));
    });
  }

  /** Columns of all items, as an index without pages has them. */
  async columns(cache: ChunkCache): Promise<FilterColumns> {
    const { facets, numbers } = await this.directory(cache);
    const lists = new Map(Array.from(facets.keys(), (name) => [name, new Map<string, number[]>()]));
    const whole = new Map(Array.from(numbers.keys(), (name) => [name, new Float64Array(this.#manifest.numItems)]));
    for (let page = 0; page < this.#tables.count; page++)
      await this.read(cache, [page], (_, { first, count }, columns) => {
        const lead = first % BLOCK;
        for (const [name, values] of columns.facets)
          for (const [value, items] of values) {
            const all = lists.get(name)!.get(value) ?? [];
            eachLane(items, (lane) => all.push(first - lead + lane));
            lists.get(name)!.set(value, all);
          }
        for (const [name, values] of columns.numbers) whole.get(name)!.set(values.subarray(lead, lead + count), first);
      });
    const columnsOf = (name: string, values: ReadonlyMap<string, FacetValue>) =>
      new Map(
        Array.from(values.keys(), (value) => {
          const ordinals = Uint32Array.from(lists.get(name)!.get(value) ?? []);
          return [value, { count: ordinals.length, ordinals }] as const;
        }),
      );
    return { facets: new Map(Array.from(facets, ([name, values]) => [name, columnsOf(name, values)])), numbers: whole };
  }

  /** Facet → value → how many of some items have it. @param ordinals ascending */
  async countOf(cache: ChunkCache, ordinals: Uint32Array): Promise<Map<string, Map<string, number>>> {
    const directory = await this.directory(cache);
    const starts = this.#starts!;
    const inside = (page: number): Uint32Array =>
      ordinals.subarray(lowerBound(ordinals, starts[page]!), lowerBound(ordinals, starts[page + 1]!));
    const pages = Array.from({ length: this.#tables.count }, (_, page) => page).filter(
      (page) => inside(page).length > 0,
    );
    const counts = new Map<string, Map<string, number>>();
    const add = (facet: string, value: string, count: number): void => {
      const own = counts.get(facet) ?? new Map<string, number>();
      counts.set(facet, own);
      own.set(value, (own.get(value) ?? 0) + count);
    };
    await this.#each(cache, pages, (page, { key, first, count }, payload) => {
      const lead = first % BLOCK;
      const lanes = new Uint32Array(countBlocks(lead + count));
      for (const ordinal of inside(page)) {
        const lane = ordinal - first + lead;
        lanes[lane >>> 5]! |= 1 << (lane & 31);
      }
      countFilterPage(`chunk ${key}`, payload, directory, first, count, lanes, add);
    });
    return counts;
  }
}

/** The columns and values that a filter names, which was checked before. */
function wantedBy(filter: Filter, { facets }: FilterDirectory): WantedColumns {
  const places = new Map<string, Set<number>>();
  const numbers = new Set<string>();
  const add = (part: Filter | MaskFilter): void => {
    if (part instanceof MaskFilter) return;
    if ("not" in part) add(part.not);
    else if ("and" in part) part.and.forEach(add);
    else if ("or" in part) part.or.forEach(add);
    else if (!isFacetIn(part)) numbers.add(part.number);
    else {
      const own = places.get(part.facet) ?? new Set();
      places.set(part.facet, own);
      for (const value of part.in) {
        const known = facets.get(part.facet)!.get(value);
        if (known !== undefined) own.add(known.place);
      }
    }
  };
  add(filter);
  return { facets: new Map(Array.from(places, ([name, own]) => [name, Uint32Array.from(own).sort()])), numbers };
}

/** A mask that names no facet or number, since there are none; like others, of whole pages of lists. */
function withoutPages(mask: BlockMask, n: number): ItemMask {
  const all = new MaskWords(mask, 0, countBlocks(n));
  return {
    atMost: mask.atMost,
    words: (first, count) => all.words(first, count),
    has: (ordinal) => all.has(ordinal),
    prepare: async () => undefined,
  };
}

function eachLane({ bitmap, ordinals }: FacetValue, take: (lane: number) => void): void {
  if (ordinals !== undefined) for (const lane of ordinals) take(lane);
  else
    for (const [block, word] of bitmap.entries())
      for (let bits = word; bits !== 0; bits &= bits - 1) take(block * BLOCK + 31 - Math.clz32(bits & -bits));
}

/** The items that a filter lets through, of the pages that were read. */
export class PagedMask implements ItemMask {
  readonly atMost: number;
  readonly #filters: PagedFilters;
  readonly #cache: ChunkCache;
  readonly #filter: Filter;
  readonly #wanted: WantedColumns;
  readonly #starts: Float64Array;
  readonly #isMatch: Uint8Array;
  /** Page → its words; block 0 is that in which the page begins. */
  readonly #words = new Map<number, Uint32Array>();

  /**
   * @param wanted what the filter names
   * @param starts (pages + 1) where each begins; then the end
   * @param isMatch (pages) 1 for pages that can hold a match
   */
  constructor(
    filters: PagedFilters,
    cache: ChunkCache,
    filter: Filter,
    wanted: WantedColumns,
    starts: Float64Array,
    isMatch: Uint8Array,
    atMost: number,
  ) {
    this.#filters = filters;
    this.#cache = cache;
    this.#filter = filter;
    this.#wanted = wanted;
    this.#starts = starts;
    this.#isMatch = isMatch;
    this.atMost = atMost;
  }

  /** Whether an item of [start, end) can match. */
  isOpen(start: number, end: number): boolean {
    for (let page = this.#pageOf(start); page < this.#isMatch.length && this.#starts[page]! < end; page++)
      if (this.#isMatch[page] === 1) return true;
    return false;
  }

  async prepare(stretches?: readonly Stretch[]): Promise<void> {
    const wanted = new Set<number>();
    for (const { start, end } of stretches ?? [{ start: 0, end: Infinity }])
      for (let page = this.#pageOf(start); page < this.#isMatch.length && this.#starts[page]! < end; page++)
        if (!this.#words.has(page)) wanted.add(page);
    const pages = [...wanted].filter((page) => {
      if (this.#isMatch[page] === 1) return true;
      // nothing of it matches, which needs no reading
      this.#words.set(page, new Uint32Array(0));
      return false;
    });
    await this.#filters.read(
      this.#cache,
      pages,
      (page, entry, columns) => this.#words.set(page, this.#wordsOf(entry, columns)),
      this.#wanted,
    );
  }

  words(first: number, count: number): Uint32Array {
    const words = new Uint32Array(count);
    for (let page = this.#pageOf(first * BLOCK); page < this.#isMatch.length; page++) {
      const at = Math.floor(this.#starts[page]! / BLOCK) - first;
      if (at >= count) break;
      const own = this.#words.get(page) ?? [];
      for (let i = Math.max(0, -at); i < own.length && at + i < count; i++) words[at + i]! |= own[i]!;
    }
    return words;
  }

  has(ordinal: number): boolean {
    return ((this.words(Math.floor(ordinal / BLOCK), 1)[0]! >>> (ordinal % BLOCK)) & 1) === 1;
  }

  /** The first page that reaches into what lies from an ordinal on. */
  #pageOf(ordinal: number): number {
    return partition(this.#isMatch.length, (page) => this.#starts[page + 1]! <= ordinal);
  }

  #wordsOf({ first, count }: ChunkEntry, columns: FilterColumns): Uint32Array {
    const lead = first % BLOCK;
    const n = lead + count;
    const filter = withMasksFrom(this.#filter, Math.floor(first / BLOCK));
    const mask = compileFilter(filter, (leaf) => comparisonMask(leaf, columns, n), n);
    const words = new Uint32Array(Math.ceil(n / BLOCK));
    for (let at = 0; at < words.length; at += PIECE_BLOCKS) mask.fill(at, words.subarray(at, at + PIECE_BLOCKS));
    // lanes of other pages
    words[0]! &= -1 << lead;
    if (n % BLOCK > 0) words[words.length - 1]! &= (1 << (n % BLOCK)) - 1;
    return words;
  }
}
