import type { Codebook } from "../codebook/codebook.ts";
import type { EncodedVectors } from "../codebook/codes.ts";
import { decodeStored } from "../codebook/decode.ts";
import { type ChunkCache, joinParts } from "../format/chunk-cache.ts";
import type { ReadMeter } from "../format/chunk-source.ts";
import { type FilterColumns, readFilters } from "../format/filters-chunk.ts";
import type { ItemId } from "../format/ids.ts";
import { listOf } from "../format/inverted-lists.ts";
import type { Item } from "../format/item-pages.ts";
import type { Manifest } from "../format/manifest.ts";
import { codeAt, countBlocks, termAt } from "../kernel/blocks.ts";
import type { AdcKernel, Cells, Counts, KernelName, Ranking } from "../kernel/kernel.ts";
import { paysToBound, rankAll } from "./all-cells.ts";
import { compileFilter } from "./compile-filter.ts";
import { comparisonMask, type Filter } from "./filter.ts";
import type { WithTies } from "./finalists.ts";
import { checkOrdinals, type Items } from "./item-store.ts";
import { mostCodesIn, sumLargest } from "./largest-cells.ts";
import type { ReadyLists } from "./list-source.ts";
import { type ItemMask, isClosed, MaskWords, maskStretch, selected } from "./masks.ts";
import { weightingOf } from "./merge.ts";
import { foundNothing, type Resolved, resolveQueries, type SearchOptions, type SearchResult } from "./options.ts";
import type { PagedFilters } from "./paged-filters.ts";
import type { PagedItemStore } from "./paged-item-store.ts";
import type { PagedLists, PagedReady } from "./paging.ts";
import { type Probed, type Visit, visitCells, visitItems } from "./plan.ts";
import { Queries } from "./queries.ts";
import { type Stretch, scanVector, spareFor } from "./rank.ts";
import { type QueryVector, shiftScores } from "./score.ts";
import { probeSeveral, rankSeveral } from "./several.ts";
import { exactInstead, finishShortlist, type Shortlist, Shortlists, shortlistSize } from "./shortlist.ts";
import { shortlistAtOnce } from "./shortlist-at-once.ts";
import { copyOf, cut, hasTies, isCutTie, settleTies } from "./ties.ts";
import { type CellRuns, countFilledRuns, probeRuns, probeRunsTogether } from "./whole-pages.ts";

/** An opened artifact. */
export interface Index {
  readonly version: string;
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  /** Which kernel scores: a test can see that SIMD really runs. */
  readonly kernel: KernelName;
  /** (max(nlist, 1)) items in each cell. */
  readonly cellSizes: Uint32Array;
  /** The most codes that one query vector can scan: those of the `nprobe` largest cells. Nothing is read for it. */
  mostCodes(nprobe: number): number;
  /** The same index, sharing all that is in memory; what it reads, the meter is told of, and may stop. */
  metered(meter: ReadMeter): Index;
  /** Changes how many bytes of pages are kept in memory, for all views and versions that share them. */
  limitPages(bytes: number): void;
  /** One query vector (dim), or several, each (dim), in the original space. */
  search(query: Float32Array | readonly Float32Array[], options?: SearchOptions): Promise<SearchResult>;
  /** Ids alone, in the order asked; as `items`, but nothing else of an item is decoded. */
  ids(ordinals: ArrayLike<number>): Promise<ItemId[]>;
  /** Ids and fields, in the order asked; touches only the pages those ordinals lie in. */
  items(ordinals: ArrayLike<number>): Promise<Item[]>;
  /** Ordinals of ids, −1 where the index has no such id. */
  ordinals(ids: readonly ItemId[]): Promise<Int32Array>;
  /** Decoded vectors (ordinals.length, dim) in the original space. */
  vectors(ordinals: ArrayLike<number>): Promise<Float32Array>;
  /** Cells and codes of items, as `encode` gave them. */
  codes(ordinals: ArrayLike<number>): Promise<EncodedVectors>;
  /** Filter pages that `facets` would read now, at most: those of removed items, until these were counted once. */
  readonly facetReads: number;
  /** Facet name → value → count of items. */
  facets(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
  /** Names of the numbers that a filter can name. */
  numbers(): Promise<readonly string[]>;
  /** The query tower's bytes, or undefined when the artifact has none. */
  queryTower(): Promise<Uint8Array | undefined>;
}

/** What an opened index holds. */
export interface IndexParts {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  /** (cells + 1) list offsets. */
  readonly offsets: Uint32Array;
  /** Of these lists, or of all that are searched together with them. */
  readonly cells: Cells;
  readonly kernel: AdcKernel;
  /** The lists, when they are in the kernel's memory; else they are paged. */
  readonly resident: ReadyLists | undefined;
  readonly paged: PagedLists | undefined;
  readonly cache: ChunkCache;
  readonly items: Items;
  /** Where cells share their pages: how, and what of them tables list. */
  readonly runs: CellRuns | undefined;
  readonly tables: TableParts | undefined;
}

/** What an index has whose pages tables list. */
export interface TableParts {
  readonly items: PagedItemStore;
  readonly filters: PagedFilters;
}

/** What is worked out once, for all views of the same items. */
interface Held {
  columns?: FilterColumns;
  /** See `sumLargest`. */
  largest?: Float64Array;
}

/** An artifact without changes; `DeltaIndex` puts two of them together. */
export class PqIndex implements Index {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  readonly version: string;
  readonly parts: IndexParts;
  readonly #held: Held;

  /** @param like an index of the same items, whose memory is shared */
  constructor(parts: IndexParts, like?: PqIndex) {
    this.parts = parts;
    this.manifest = parts.manifest;
    this.codebook = parts.codebook;
    this.version = parts.manifest.version;
    this.#held = like === undefined ? {} : like.#held;
  }

  /** The same items under another manifest, and beside other ones, sharing all that is in memory. */
  with(manifest: Manifest, cells: Cells, cache: ChunkCache = this.parts.cache): PqIndex {
    return new PqIndex({ ...this.parts, manifest, cells, cache }, this);
  }

  metered(meter: ReadMeter): PqIndex {
    return new PqIndex({ ...this.parts, cache: this.parts.cache.metered(meter) }, this);
  }

  limitPages(bytes: number): void {
    this.parts.cache.pool.limit(bytes);
  }

  mostCodes(nprobe: number): number {
    this.#held.largest ??= sumLargest([(this.parts.runs ?? this.parts).offsets]);
    return mostCodesIn(this.#held.largest, nprobe);
  }

  get kernel(): Index["kernel"] {
    return this.parts.kernel.name;
  }

  get cellSizes(): Uint32Array {
    return this.parts.cells.sizes;
  }

  async search(query: Float32Array | readonly Float32Array[], options: SearchOptions = {}): Promise<SearchResult> {
    const { offsets } = this.parts;
    const { vectors, resolved } = resolveQueries(this.codebook, query, options, this.manifest);
    const { filter, exclude } = resolved;
    const { numItems } = this.manifest;
    const whole = this.#searchAtOnce(vectors[0], resolved);
    if (whole !== undefined) return hasTies(whole.scores) ? { ...whole, ...(await this.settle(whole)) } : whole;
    const mask = filter && (await this.mask(filter));
    if (vectors.length === 0 || (mask !== undefined && isClosed(mask, numItems))) return foundNothing();
    const excluded = exclude.length === 0 ? [] : [known(await this.ordinals(exclude))];
    const k = Math.min(resolved.k, numItems);
    const few = mask && selected(mask, numItems);
    const { ranking, ...counts } = few
      ? await this.rank(vectors, resolved, k, visitItems(offsets, few), mask, excluded)
      : await this.rankCells(vectors, resolved, k, mask, excluded);
    const exact = exactInstead(ranking, resolved.merge);
    if (exact !== undefined) return this.search(query, { ...options, merge: exact });
    return { ...(await this.settle(finishShortlist(ranking, k))), ...counts };
  }

  /** Equal scores by smaller id. */
  settle(list: WithTies): Promise<Ranking> {
    const { offsets, cache } = this.parts;
    return settleTies(list, {
      cellOf: (ordinal) => listOf(offsets, ordinal),
      ids: (ordinals) => this.ids(ordinals),
      first: (ordinals, wanted) => this.parts.items.first(cache, offsets, ordinals, wanted),
    });
  }

  /** The plainest search, one query over resident lists, in one kernel call; undefined for others and a last tie. */
  #searchAtOnce(
    vector: QueryVector | undefined,
    { k, nprobe, filter, exclude, isPlain }: Resolved,
  ): SearchResult | undefined {
    const { kernel, resident, offsets, cells, runs } = this.parts;
    if (!vector || !isPlain || filter || exclude.length > 0 || !resident || !kernel.search || runs) return undefined;
    const wanted = Math.min(k, this.manifest.numItems);
    const found = kernel.search(vector.query, offsets, cells, nprobe, wanted + spareFor(this.codebook, vector));
    shiftScores(found.scores, vector.shift);
    if (isCutTie(found.scores, wanted)) return undefined;
    return { ...found, ...copyOf(cut(found, wanted)) };
  }

  items(ordinals: ArrayLike<number>): Promise<Item[]> {
    return this.parts.items.items(this.parts.cache, ordinals);
  }

  ids(ordinals: ArrayLike<number>): Promise<ItemId[]> {
    return this.parts.items.ids(this.parts.cache, ordinals);
  }

  ordinals(ids: readonly ItemId[]): Promise<Int32Array> {
    return this.parts.items.ordinals(this.parts.cache, ids);
  }

  async vectors(ordinals: ArrayLike<number>): Promise<Float32Array> {
    const { assignments, codes } = await this.codes(ordinals);
    return decodeStored(this.codebook, assignments, codes);
  }

  async codes(ordinals: ArrayLike<number>): Promise<EncodedVectors> {
    checkOrdinals(ordinals, this.manifest.numItems);
    const { numSubQuantizers: M, nbits, metric } = this.codebook;
    const codes = new Uint8Array(ordinals.length * M);
    const terms = metric === "l2" ? new Float32Array(ordinals.length) : undefined;
    const assignments = Uint32Array.from(ordinals, (ordinal) => listOf(this.parts.offsets, ordinal));
    // What a stretch calls its cell goes through unchanged: here, the place in the answer.
    const singles = Array.from(ordinals, (start, cell) => ({ cell, start, end: start + 1 }));
    await this.#each(singles, (lists, stretches) => {
      for (const { cell: place, start } of stretches) {
        const { bytes, at, lane } = lists.block(start);
        for (let m = 0; m < M; m++) codes[place * M + m] = codeAt(bytes, at, lane, m, nbits);
        if (terms) terms[place] = termAt(this.codebook, bytes, at, lane);
      }
    });
    return { assignments, codes, terms };
  }

  /** Counts are those of all items. */
  readonly facetReads = 0;

  async facets(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
    const { facets } = await this.columnFacts();
    const counts = (values: ReadonlyMap<string, { readonly count: number }>): Record<string, number> =>
      Object.fromEntries(Array.from(values, ([value, { count }]) => [value, count]));
    return Object.fromEntries(Array.from(facets, ([name, values]) => [name, counts(values)]));
  }

  async numbers(): Promise<readonly string[]> {
    return [...(await this.columnFacts()).numbers.keys()];
  }

  queryTower(): Promise<Uint8Array | undefined> {
    return joinParts(this.parts.cache, this.manifest, "query-tower");
  }

  /** Gives `use` lists that are ready: all at once where they are in memory, else as they are paged. */
  #each(
    stretches: readonly Stretch[],
    use: (lists: ReadyLists, stretches: readonly Stretch[]) => void,
  ): Promise<void> | undefined {
    const { resident, paged, cache } = this.parts;
    if (!resident) return paged!.each(cache, stretches, use);
    use(resident, stretches);
    return undefined;
  }

  /** A shortlist for the k best of the cells that are probed. */
  async rankCells(
    vectors: readonly QueryVector[],
    resolved: Resolved,
    k: number,
    mask: ItemMask | undefined,
    excluded: readonly Uint32Array[],
  ): Promise<{ ranking: Shortlist } & Counts> {
    const bounds = this.boundsCells(resolved);
    const isAtOnce = !bounds && mask === undefined && this.parts.runs === undefined;
    const atOnce = isAtOnce ? shortlistAtOnce(this.parts, vectors, resolved, k, excluded) : undefined;
    if (atOnce !== undefined) return atOnce;
    const rank = (visit: Visit, floor?: number) => this.rank(vectors, resolved, k, visit, mask, excluded, floor);
    if (!bounds) return rank(this.visitCells(this.probe(vectors, resolved, this.opens(mask))));
    return rankAll(this.parts, vectors, resolved.merge, k, rank);
  }

  /** Whether all cells are probed, and only those searched that can hold one of the best. */
  boundsCells({ nprobe, isPlain }: Resolved): boolean {
    const { cells, paged, runs } = this.parts;
    if (!paysToBound(cells.numFilled, paged !== undefined, isPlain)) return false;
    return nprobe >= (runs === undefined ? cells.numFilled : countFilledRuns(cells, runs));
  }

  /**
   * A shortlist for the k best of what is visited. Call right after `probe`, without an await: see {@link Visit}.
   *
   * @param least scores below it are not wanted
   */
  async rank(
    vectors: readonly QueryVector[],
    { merge, isPlain }: Resolved,
    k: number,
    { visited, products, queries, isFew }: Visit,
    mask: ItemMask | undefined,
    excluded: readonly Uint32Array[],
    least = -Infinity,
  ): Promise<{ ranking: Shortlist } & Counts> {
    const { kernel, codebook, offsets, resident, paged, cache, tables } = this.parts;
    const size = Math.min(shortlistSize(k, merge), this.manifest.numItems);
    const stretches: Stretch[] = [];
    let codesScanned = 0;
    // not without need: see above
    if (mask?.prepare !== undefined) await mask.prepare(visited);
    for (const stretch of visited) {
      codesScanned += stretch.end - stretch.start;
      const masked = maskStretch(stretch, isFew ? undefined : mask, excluded);
      if (masked !== undefined) stretches.push(masked);
    }
    const joined = new Shortlists(size);
    let ranking: Shortlist | undefined;
    await this.#each(stretches, (lists, group) => {
      const scan = { kernel, codebook, lists, offsets, stretches: group, rescan: cache.rescan };
      const [vector] = vectors as [QueryVector];
      const floor = Math.max(least, joined.threshold);
      const found = isPlain
        ? // The kernel still has the query where nothing waited in between.
          scanVector(scan, vector, (resident && products) ?? kernel.setQuery(vector.query), size, floor)
        : rankSeveral(scan, (resident && queries) ?? new Queries(kernel, vectors), size, merge, floor);
      if (tables) tables.items.remember(found, (lists as PagedReady).idOf);
      // An item lies in one run, and its score depends on nothing else: the best of the runs' best are the best.
      if (paged) joined.add(found);
      else ranking = { ...found, ...copyOf(found) };
    });
    return {
      ranking: ranking ?? joined.take(),
      listsProbed: isFew ? new Set(visited.map(({ cell }) => cell)).size : visited.length,
      codesScanned,
    };
  }

  /**
   * Filled cells that any of the vectors probes, nearest first for the first; and its products, when it is alone.
   *
   * @param isOpen see {@link opens}
   */
  probe(vectors: readonly QueryVector[], resolved: Resolved, isOpen?: (run: number) => boolean): Probed {
    const { nprobe, isPlain, merge } = resolved;
    const { kernel, cells, runs } = this.parts;
    const { nlist } = this.codebook;
    if (!isPlain && runs !== undefined && nlist > 0) {
      const queries = new Queries(kernel, vectors);
      const weighting = weightingOf(merge);
      return { cells: probeRunsTogether(this.codebook, queries, weighting, nprobe, cells, runs, isOpen), queries };
    }
    if (!isPlain) return probeSeveral(kernel, nlist, cells, vectors, nprobe);
    const products = kernel.setQuery(vectors[0]!.query);
    if (nlist === 0) return { cells: [0], products };
    const probed = runs === undefined ? kernel.probe(nprobe, cells) : probeRuns(kernel, nprobe, cells, runs, isOpen);
    return { cells: [...probed], products };
  }

  /** Whether a mask can let something of a run of cells through, where that is known before it is read. */
  opens(mask: ItemMask | undefined): ((run: number) => boolean) | undefined {
    const offsets = this.parts.runs?.offsets;
    if (offsets === undefined || mask?.isOpen === undefined) return undefined;
    return (run) => mask.isOpen!(offsets[run]!, offsets[run + 1]!);
  }

  visitCells(probed: Probed): Visit {
    return { visited: visitCells(this.parts.offsets, probed), products: probed.products, queries: probed.queries };
  }

  /** @throws InputError for what is no filter of this index */
  async mask(filter: Filter): Promise<ItemMask> {
    const { tables, cache } = this.parts;
    if (tables !== undefined) return tables.filters.mask(cache, filter);
    const columns = await this.columns();
    const { numItems } = this.manifest;
    const mask = compileFilter(filter, (leaf) => comparisonMask(leaf, columns, numItems), numItems);
    return new MaskWords(mask, 0, countBlocks(numItems));
  }

  /** Of all items: of an index whose filters lie on pages, all of them are read. */
  async columns(): Promise<FilterColumns> {
    const { tables, cache } = this.parts;
    if (tables !== undefined) return tables.filters.columns(cache);
    const held = this.#held;
    if (held.columns !== undefined) return held.columns;
    const payload = await joinParts(cache, this.manifest, "filters");
    if (payload === undefined) return { facets: new Map(), numbers: new Map() };
    held.columns ??= readFilters(payload, this.manifest.numItems);
    return held.columns;
  }

  /** Facets with how many items have each value, and numbers, by their names. */
  async columnFacts(): Promise<Pick<FilterColumns, "facets"> & { readonly numbers: ReadonlyMap<string, unknown> }> {
    const { tables, cache } = this.parts;
    return tables === undefined ? this.columns() : tables.filters.directory(cache);
  }
}

/** The ordinals of ids that there are, ascending. */
export function known(ordinals: Int32Array): Uint32Array {
  return Uint32Array.from(ordinals.filter((ordinal) => ordinal >= 0)).sort();
}
