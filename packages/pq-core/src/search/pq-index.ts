import { BLOCK, codeAt } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { decode } from "../encode.ts";
import { type ChunkCache, entriesOf, joinParts, type NumberedEntry } from "../format/chunk-cache.ts";
import { type FilterColumns, readFilters } from "../format/filters-chunk.ts";
import type { RefinePage } from "../format/refine-pages.ts";
import { listOf } from "../inverted-lists.ts";
import type { AdcKernel } from "../kernel.ts";
import type { EncodedVectors, Index, Item, ItemId, Manifest, Merge, SearchOptions, SearchResult } from "../types.ts";
import { compileFilter, leafMasks } from "./filter.ts";
import { checkOrdinals, ItemStore } from "./item-store.ts";
import type { ListSource } from "./list-source.ts";
import { type BlockMask, maskStretch, selected } from "./masks.ts";
import { logWeightsOf, mixturesOf } from "./mixture.ts";
import { type Resolved, resolveOptions, resolveQueries } from "./options.ts";
import { BestTerms, kernelFloor, rank, type Stretch, scanHead } from "./rank.ts";
import { refineRanking } from "./refine.ts";
import { type Head, shiftScores } from "./score.ts";
import { finishShortlist, joinShortlists, type Shortlist, shortlistSize } from "./shortlist.ts";

export interface IndexParts {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  /** (cells + 1) list offsets. */
  readonly offsets: Uint32Array;
  readonly kernel: AdcKernel;
  readonly lists: ListSource;
  readonly cache: ChunkCache;
}

/** Cells to visit, nearest first for the first vector; and its products with them, when there is only one vector. */
export interface Probed {
  readonly cells: readonly number[];
  readonly products: Float32Array | undefined;
  /** Which of several vectors probe each cell. */
  readonly visitors?: ReadonlyMap<number, readonly number[]> | undefined;
}

/** What a search visits. With `products`, the kernel must still have the query that they are of. */
export interface Visit {
  readonly visited: readonly Stretch[];
  readonly products: Float32Array | undefined;
  /** Single items that match a filter, which need not be masked by it again. */
  readonly isFew: boolean;
}

export class PqIndex implements Index {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  readonly version: string;
  readonly parts: IndexParts;
  readonly #store: ItemStore;
  readonly #filterParts: readonly NumberedEntry[];
  #filters: FilterColumns | undefined;

  constructor(parts: IndexParts) {
    this.parts = parts;
    this.manifest = parts.manifest;
    this.codebook = parts.codebook;
    this.version = parts.manifest.version;
    this.#store = new ItemStore(parts.cache, parts.manifest);
    this.#filterParts = entriesOf(parts.manifest.chunks, "filters");
  }

  /** The same items under another manifest, sharing all that is in memory. */
  withManifest(manifest: Manifest): PqIndex {
    const index = new PqIndex({ ...this.parts, manifest });
    index.#filters = this.#filters;
    return index;
  }

  get kernel(): Index["kernel"] {
    return this.parts.kernel.name;
  }

  async search(query: Float32Array | readonly Float32Array[], options: SearchOptions = {}): Promise<SearchResult> {
    const heads = resolveQueries(this.codebook, query);
    const resolved = resolveOptions(options, this.manifest, heads.length);
    const { filter, exclude, refineFactor } = resolved;
    const { numItems } = this.manifest;
    const whole = this.#searchAtOnce(heads, resolved);
    if (whole !== undefined) return whole;
    const mask =
      filter === undefined ? undefined : compileFilter(filter, leafMasks(await this.columns(), numItems), numItems);
    const excluded = exclude.length === 0 ? [] : [known(await this.ordinals(exclude))];
    const k = Math.min(refineFactor === 0 ? resolved.k : resolved.k * refineFactor, numItems);
    if (mask === undefined && refineFactor === 0) {
      const at = this.#searchHeadsAtOnce(heads, resolved, k, new Set(excluded[0]));
      if (at !== undefined) return at;
    }
    const few = mask === undefined ? undefined : selected(mask, numItems);
    const visit = few === undefined ? this.visitCells(this.probe(heads, resolved.nprobe)) : this.visitItems(few);
    const { ranking: list, ...counts } = await this.rank(heads, resolved.merge, k, visit, mask, excluded);
    const ranking = finishShortlist(list, k);
    if (refineFactor === 0) return { ...ranking, ...counts };
    const candidates = await this.refineCodes(ranking.ordinals);
    return {
      ...refineRanking(this.codebook.metric, heads, ranking.ordinals, candidates, resolved.k, resolved.merge),
      ...counts,
    };
  }

  /** The plainest search, one query over resident lists, in one call of the kernel; undefined for any other. */
  #searchAtOnce([head, more]: readonly Head[], options: Resolved): SearchResult | undefined {
    const { kernel, lists, offsets } = this.parts;
    const { filter, exclude, refineFactor, merge } = options;
    const isPlain = more === undefined && filter === undefined && exclude.length === 0 && refineFactor === 0;
    if (!isPlain || merge.by !== "max" || !lists.isResident || kernel.search === undefined) return undefined;
    const cells = Math.max(1, this.codebook.nlist);
    const k = Math.min(options.k, this.manifest.numItems);
    const found = kernel.search(head!.query, offsets, Math.min(options.nprobe, cells), k);
    const { listsProbed, codesScanned } = found;
    const scores = found.scores.slice();
    shiftScores(scores, head!.shift);
    return { ordinals: found.ordinals.slice(), scores, listsProbed, codesScanned };
  }

  /**
   * Several vectors over resident lists, each in one call of the kernel; undefined for any other search. Excluded items are no mask but a
   * few results more of each vector.
   */
  #searchHeadsAtOnce(
    heads: readonly Head[],
    { merge, nprobe }: Resolved,
    k: number,
    excluded: ReadonlySet<number>,
  ): SearchResult | undefined {
    const { kernel, codebook, lists, offsets } = this.parts;
    if (heads.length === 1 || kernel.search === undefined || !lists.isResident) return undefined;
    const ready = lists.ready([]);
    if (ready instanceof Promise) return undefined;
    const { numItems } = this.manifest;
    const size = Math.min(shortlistSize(k, merge), numItems);
    const wanted = Math.min(size + excluded.size, numItems);
    const cells = Math.min(nprobe, Math.max(1, codebook.nlist));
    const [temperature, logWeights] =
      merge.by === "max" ? ([1, undefined] as const) : ([merge.temperature, logWeightsOf(heads, merge)] as const);
    const best = new BestTerms(size, temperature, logWeights);
    const probed = new Set<number>();
    // A mixture comes back to every vector with what all of them found.
    const areKept = logWeights !== undefined && kernel.keepQueries!(heads.length);
    for (const [h, head] of heads.entries()) {
      const found = kernel.search(head.query, offsets, cells, wanted, kernelFloor(head, best.floor(h)));
      shiftScores(found.scores, head.shift);
      best.add(h, found, excluded);
      for (const cell of kernel.visited!()) probed.add(cell);
      if (areKept) kernel.keepQuery!(h);
    }
    let list: Shortlist = best.take();
    if (logWeights !== undefined) {
      const cellsOf = (ordinals: Uint32Array) => ordinals.map((ordinal) => listOf(offsets, ordinal));
      const scan = { kernel, codebook, lists: ready };
      const setQuery = (h: number) => (areKept ? kernel.recallQuery!(h) : kernel.setQuery(heads[h]!.query));
      list = { ...list, mixtures: mixturesOf(scan, cellsOf, heads, setQuery, list.ordinals, temperature, logWeights) };
    }
    let codesScanned = 0;
    for (const cell of probed) codesScanned += offsets[cell + 1]! - offsets[cell]!;
    return { ...finishShortlist(list, k), listsProbed: probed.size, codesScanned };
  }

  items(ordinals: ArrayLike<number>): Promise<Item[]> {
    return this.#store.items(ordinals);
  }

  ordinals(ids: readonly ItemId[]): Promise<Int32Array> {
    return this.#store.ordinals(ids);
  }

  async vectors(ordinals: ArrayLike<number>): Promise<Float32Array> {
    const { assignments, codes } = await this.codes(ordinals);
    return decode(this.codebook, assignments, codes);
  }

  async codes(ordinals: ArrayLike<number>): Promise<EncodedVectors> {
    checkOrdinals(ordinals, this.manifest.numItems);
    const { numSubQuantizers: M, nbits } = this.codebook;
    const { lists, offsets } = this.parts;
    const codes = new Uint8Array(ordinals.length * M);
    const assignments = Uint32Array.from(ordinals, (ordinal) => listOf(offsets, ordinal));
    const singles = Array.from(ordinals, (start, place) => ({
      // What a stretch calls its cell goes through the groups unchanged: here, the place in the answer.
      cell: place,
      start,
      end: start + 1,
      mask: undefined,
    }));
    for (const group of lists.groups(singles)) {
      const ready = await lists.ready(group);
      for (const { cell: place, start } of group) {
        const { bytes, at } = ready.block(start);
        for (let m = 0; m < M; m++) codes[place * M + m] = codeAt(bytes, at, start % BLOCK, m, nbits);
      }
      ready.done();
    }
    return { assignments, codes };
  }

  /** Refine codes of each ordinal: the page and the place on it. */
  refineCodes(ordinals: ArrayLike<number>): Promise<{ page: RefinePage; at: number }[]> {
    return this.#store.refineCodes(ordinals);
  }

  async facets(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
    const { facets } = await this.columns();
    return Object.fromEntries(
      Array.from(facets, ([name, values]) => [
        name,
        Object.fromEntries(Array.from(values, ([value, { count }]) => [value, count])),
      ]),
    );
  }

  async queryTower(): Promise<Uint8Array | undefined> {
    const parts = entriesOf(this.manifest.chunks, "query-tower");
    return parts.length === 0 ? undefined : joinParts(this.parts.cache, parts);
  }

  /** A shortlist for the k best of what is visited. To be called right after `probe`, without an await: see {@link Visit}. */
  async rank(
    heads: readonly Head[],
    merge: Merge,
    k: number,
    { visited, products, isFew }: Visit,
    mask: BlockMask | undefined,
    excluded: readonly Uint32Array[],
  ): Promise<{ ranking: Shortlist; listsProbed: number; codesScanned: number }> {
    const { kernel, codebook, lists } = this.parts;
    const size = Math.min(shortlistSize(k, merge), this.manifest.numItems);
    const stretches: Stretch[] = [];
    let codesScanned = 0;
    for (const stretch of visited) {
      codesScanned += stretch.end - stretch.start;
      const masked =
        mask === undefined && excluded.length === 0
          ? stretch
          : maskStretch(stretch, isFew ? undefined : mask, excluded);
      if (masked !== undefined && masked.end > masked.start) stretches.push(masked);
    }
    const counts = {
      listsProbed: isFew ? new Set(visited.map(({ cell }) => cell)).size : visited.length,
      codesScanned,
    };
    const ready = lists.isResident ? lists.ready(stretches) : undefined;
    if (ready !== undefined && !(ready instanceof Promise)) {
      const scan = { kernel, codebook, lists: ready, stretches };
      // The kernel still has the query of a single vector, and nothing waited in between.
      const isSingle = heads.length === 1 && products !== undefined && merge.by === "max";
      return {
        ranking: isSingle ? scanHead(scan, heads[0]!, products, size, -Infinity) : rank(scan, heads, size, merge),
        ...counts,
      };
    }
    let joined: Shortlist = { ordinals: new Uint32Array(0), scores: new Float32Array(0) };
    for (const group of lists.groups(stretches)) {
      const held = await lists.ready(group);
      const scan = { kernel, codebook, lists: held, stretches: group };
      // An item lies in one group, and its score depends on nothing else: the best of the groups' best are the best.
      joined = joinShortlists([joined, rank(scan, heads, size, merge)], size);
      held.done();
    }
    return { ranking: joined, ...counts };
  }

  /** Cells probed by any of the vectors, nearest first for the first; and its products, when there is only one. */
  probe(heads: readonly Head[], nprobe: number): Probed {
    const { kernel } = this.parts;
    const { nlist } = this.codebook;
    if (heads.length === 1) {
      const products = kernel.setQuery(heads[0]!.query);
      return { cells: nlist === 0 ? [0] : [...kernel.probe(Math.min(nprobe, nlist))], products };
    }
    if (nlist === 0) return { cells: [0], products: undefined };
    const visitors = new Map<number, number[]>();
    for (const [h, head] of heads.entries()) {
      kernel.setQuery(head.query);
      for (const cell of kernel.probe(Math.min(nprobe, nlist))) {
        const others = visitors.get(cell);
        if (others === undefined) visitors.set(cell, [h]);
        else others.push(h);
      }
    }
    return { cells: [...visitors.keys()], products: undefined, visitors };
  }

  visitCells({ cells, products, visitors }: Probed): Visit {
    const { offsets } = this.parts;
    const visited = cells.map((cell) => ({
      cell,
      start: offsets[cell]!,
      end: offsets[cell + 1]!,
      mask: undefined,
      heads: visitors?.get(cell),
    }));
    return { visited, products, isFew: false };
  }

  /** Single items, in whatever cell they lie. */
  visitItems(ordinals: readonly number[]): Visit {
    const { offsets } = this.parts;
    const visited = ordinals.map((ordinal) => ({
      cell: listOf(offsets, ordinal),
      start: ordinal,
      end: ordinal + 1,
      mask: undefined,
    }));
    return { visited, products: undefined, isFew: true };
  }

  /** Facets and numbers of all items, read once. */
  async columns(): Promise<FilterColumns> {
    if (this.#filters !== undefined) return this.#filters;
    if (this.#filterParts.length === 0) return { facets: new Map(), numbers: new Map() };
    const columns = readFilters(await joinParts(this.parts.cache, this.#filterParts), this.manifest.numItems);
    this.#filters = columns;
    return columns;
  }
}

/** The ordinals of ids that there are, ascending. */
export function known(ordinals: Int32Array): Uint32Array {
  return Uint32Array.from(ordinals.filter((ordinal) => ordinal >= 0)).sort();
}
