import { BLOCK, codeAt } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { decode } from "../encode.ts";
import { type ChunkCache, entriesOf, joinParts, type NumberedEntry } from "../format/chunk-cache.ts";
import { type FilterColumns, readFilters } from "../format/filters-chunk.ts";
import type { RefinePage } from "../format/refine-pages.ts";
import { listOf } from "../inverted-lists.ts";
import type { AdcKernel, Ranking } from "../kernel.ts";
import type { EncodedVectors, Index, Item, ItemId, Manifest, Merge, SearchOptions, SearchResult } from "../types.ts";
import { BestTerms } from "./best-terms.ts";
import { compileFilter, leafMasks } from "./filter.ts";
import { checkOrdinals, ItemStore } from "./item-store.ts";
import type { ListSource } from "./list-source.ts";
import { type BlockMask, maskStretch, selected } from "./masks.ts";
import { logWeightsOf, mixturesOf } from "./mixture.ts";
import { type Resolved, resolveOptions, resolveQueries } from "./options.ts";
import { Queries } from "./queries.ts";
import { addRest, kernelFloor, rank, type Scan, type Stretch, scanHead, spareFor } from "./rank.ts";
import { refineRanking } from "./refine.ts";
import { type Head, shiftScores } from "./score.ts";
import { finishShortlist, joinShortlists, type Shortlist, shortlistSize } from "./shortlist.ts";
import { hasTies, settleTies } from "./ties.ts";

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

type Counts = Pick<SearchResult, "listsProbed" | "codesScanned">;

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
    if (whole !== undefined) return hasTies(whole.scores) ? this.#settle(whole, whole.ordinals.length, whole) : whole;
    const mask =
      filter === undefined ? undefined : compileFilter(filter, leafMasks(await this.columns(), numItems), numItems);
    const excluded = exclude.length === 0 ? [] : [known(await this.ordinals(exclude))];
    const k = Math.min(refineFactor === 0 ? resolved.k : resolved.k * refineFactor, numItems);
    if (mask === undefined && refineFactor === 0) {
      const at = this.#searchHeadsAtOnce(heads, resolved, k, new Set(excluded[0]));
      if (at !== undefined) return this.#settle(at, k, at);
    }
    const few = mask === undefined ? undefined : selected(mask, numItems);
    const visit = few === undefined ? this.visitCells(this.probe(heads, resolved.nprobe)) : this.visitItems(few);
    const { ranking: list, ...counts } = await this.rank(heads, resolved.merge, k, visit, mask, excluded);
    const found = await this.#settle(finishShortlist(list, k), k, counts);
    if (refineFactor === 0) return found;
    const candidates = await this.refineCodes(found.ordinals);
    const { metric } = this.codebook;
    const refined = refineRanking(metric, heads, found.ordinals, candidates, resolved.k, resolved.merge);
    return this.#settle(refined, resolved.k, counts);
  }

  /** Equal scores by smaller id; without an await where no two of them lie in different cells. */
  #settle(ranking: Ranking, k: number, counts: Counts): SearchResult | Promise<SearchResult> {
    const { listsProbed, codesScanned } = counts;
    const { offsets } = this.parts;
    const settled = settleTies(
      ranking,
      k,
      (ordinal) => listOf(offsets, ordinal),
      (ordinals) => this.items(ordinals),
    );
    return settled instanceof Promise
      ? settled.then((list) => ({ ...list, listsProbed, codesScanned }))
      : { ...settled, listsProbed, codesScanned };
  }

  /** The plainest search, one query over resident lists, in one call of the kernel; undefined for any other, and for a tie with the last result. */
  #searchAtOnce([head, more]: readonly Head[], options: Resolved): SearchResult | undefined {
    const { kernel, lists, offsets } = this.parts;
    const { filter, exclude, refineFactor, merge } = options;
    const isPlain = more === undefined && filter === undefined && exclude.length === 0 && refineFactor === 0;
    if (!isPlain || merge.by !== "max" || !lists.isResident || kernel.search === undefined) return undefined;
    const { nlist } = this.codebook;
    const k = Math.min(options.k, this.manifest.numItems);
    const cells = Math.min(options.nprobe, Math.max(1, nlist));
    const found = kernel.search(head!.query, offsets, cells, k + spareFor(this.codebook, head!));
    shiftScores(found.scores, head!.shift);
    if (isCutTie(found.scores, k)) return undefined;
    const { listsProbed, codesScanned } = found;
    return { ordinals: found.ordinals.slice(0, k), scores: found.scores.slice(0, k), listsProbed, codesScanned };
  }

  /**
   * Several vectors over resident lists, each in one call of the kernel; undefined for any other search, and for a tie with the last item of
   * a vector's list. Excluded items are no mask but a few results more of each vector.
   */
  #searchHeadsAtOnce(
    heads: readonly Head[],
    { merge, nprobe }: Resolved,
    k: number,
    excluded: ReadonlySet<number>,
  ): SearchResult | undefined {
    const { kernel, codebook, lists, offsets } = this.parts;
    if (heads.length === 1 || kernel.search === undefined || !lists.isResident) return undefined;
    const isMax = merge.by === "max";
    const ready = lists.ready([]);
    if (ready instanceof Promise || (!isMax && merge.exact)) return undefined;
    const { numItems } = this.manifest;
    const size = Math.min(shortlistSize(k, merge), numItems);
    const wanted = Math.min(size + excluded.size, numItems);
    const cells = Math.min(nprobe, Math.max(1, codebook.nlist));
    const [temperature, logWeights] = isMax
      ? ([1, undefined] as const)
      : ([merge.temperature, logWeightsOf(heads, merge)] as const);
    const best = new BestTerms(size, temperature, logWeights);
    const visitors = new Map<number, number[]>();
    // Every vector is come back to: by a mixture with what all of them found, else with the cells of the others.
    const queries = new Queries(kernel, heads);
    for (const [h, head] of heads.entries()) {
      const more = spareFor(codebook, head);
      const found = kernel.search(head.query, offsets, cells, wanted + more, kernelFloor(head, best.floor(h)));
      shiftScores(found.scores, head.shift);
      if (isCutTie(found.scores, wanted)) return undefined;
      best.add(h, found, excluded);
      for (const cell of kernel.visited!()) addVisitor(visitors, cell, h);
      queries.keep(h);
    }
    const { visited } = this.visitCells({ cells: [...visitors.keys()], products: undefined, visitors });
    const scan: Scan = { kernel, codebook, lists: ready, stretches: visited };
    if (isMax && codebook.nlist > 0) addRest(scan, heads, queries, best, wanted, excluded);
    let list: Shortlist = best.take();
    if (logWeights !== undefined) {
      const cellsOf = (ordinals: Uint32Array) => ordinals.map((ordinal) => listOf(offsets, ordinal));
      list = { ...list, mixtures: mixturesOf(scan, cellsOf, heads, queries, list.ordinals, temperature, logWeights) };
    }
    let codesScanned = 0;
    for (const { start, end } of visited) codesScanned += end - start;
    return { ...finishShortlist(list, k), listsProbed: visited.length, codesScanned };
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
        ranking: isSingle
          ? scanHead(scan, heads[0]!, products, size, -Infinity)
          : rank(scan, heads, size, merge, -Infinity),
        ...counts,
      };
    }
    let joined: Shortlist = { ordinals: new Uint32Array(0), scores: new Float32Array(0) };
    for (const group of lists.groups(stretches)) {
      const held = await lists.ready(group);
      const scan = { kernel, codebook, lists: held, stretches: group };
      // An item lies in one group, and its score depends on nothing else: the best of the groups' best are the best.
      const floor = joined.scores[size - 1] ?? -Infinity;
      joined = joinShortlists([joined, rank(scan, heads, size, merge, floor)], size);
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
      for (const cell of kernel.probe(Math.min(nprobe, nlist))) addVisitor(visitors, cell, h);
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

function addVisitor(visitors: Map<number, number[]>, cell: number, h: number): void {
  const others = visitors.get(cell);
  if (others === undefined) visitors.set(cell, [h]);
  else others.push(h);
}

/** True when item k, the first that is one too many, scores as the last of the k. */
function isCutTie(scores: Float32Array, k: number): boolean {
  return scores.length > k && scores[k] === scores[k - 1];
}

/** The ordinals of ids that there are, ascending. */
export function known(ordinals: Int32Array): Uint32Array {
  return Uint32Array.from(ordinals.filter((ordinal) => ordinal >= 0)).sort();
}
