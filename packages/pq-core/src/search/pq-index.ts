import { BLOCK, codeAt } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { decodeStored } from "../encode.ts";
import { type ChunkCache, entriesOf, joinParts } from "../format/chunk-cache.ts";
import type { FilterColumns } from "../format/filters-chunk.ts";
import { listOf } from "../inverted-lists.ts";
import type { AdcKernel, Ranking } from "../kernel.ts";
import type {
  ChunkKind,
  EncodedVectors,
  Index,
  Item,
  ItemId,
  Manifest,
  SearchOptions,
  SearchResult,
} from "../types.ts";
import { checkOrdinals, ItemStore } from "./item-store.ts";
import type { ReadyLists } from "./list-source.ts";
import { type BlockMask, maskStretch } from "./masks.ts";
import { type Resolved, resolveOptions, resolveQueries } from "./options.ts";
import type { PagedLists } from "./paging.ts";
import { needPart, type SearchParts } from "./parts.ts";
import { type Stretch, scanHead, spareFor } from "./rank.ts";
import { type Head, shiftScores } from "./score.ts";
import type { Shortlist } from "./shortlist.ts";
import { hasTies, settleTies } from "./ties.ts";

export interface IndexParts extends SearchParts {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  /** (cells + 1) list offsets. */
  readonly offsets: Uint32Array;
  readonly kernel: AdcKernel;
  /** The lists, when they are in the kernel's memory; else they are paged. */
  readonly resident: ReadyLists | undefined;
  readonly paged: PagedLists | undefined;
  readonly cache: ChunkCache;
}

/** Cells to visit, nearest first for the first vector; and its products with them, when there is only one vector. */
export interface Probed {
  readonly cells: readonly number[];
  readonly products?: Float32Array | undefined;
  /** Which of several vectors probe each cell. */
  readonly visitors?: ReadonlyMap<number, readonly number[]> | undefined;
}

type Counts = Pick<SearchResult, "listsProbed" | "codesScanned">;

/** What a search visits. With `products`, the kernel must still have the query that they are of. */
export interface Visit {
  readonly visited: readonly Stretch[];
  readonly products?: Float32Array | undefined;
  /** Single items that match a filter, which need not be masked by it again. */
  readonly isFew?: boolean | undefined;
}

export class PqIndex implements Index {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  readonly version: string;
  readonly parts: IndexParts;
  readonly store: ItemStore;
  #columns: FilterColumns | undefined;

  constructor(parts: IndexParts) {
    this.parts = parts;
    this.manifest = parts.manifest;
    this.codebook = parts.codebook;
    this.version = parts.manifest.version;
    this.store = new ItemStore(parts.cache, parts.manifest);
  }

  /** The same items under another manifest or with other parts, sharing all that is in memory. */
  with(parts: Partial<IndexParts>): PqIndex {
    const index = new PqIndex({ ...this.parts, ...parts });
    index.#columns = this.#columns;
    return index;
  }

  get kernel(): Index["kernel"] {
    return this.parts.kernel.name;
  }

  async search(query: Float32Array | readonly Float32Array[], options: SearchOptions = {}): Promise<SearchResult> {
    const { filters, refining, offsets } = this.parts;
    const heads = resolveQueries(this.codebook, query);
    const resolved = resolveOptions(options, this, heads.length);
    const { filter, exclude, refineFactor, merging } = resolved;
    const { numItems } = this.manifest;
    const whole = this.#searchAtOnce(heads[0]!, resolved);
    if (whole !== undefined) return hasTies(whole.scores) ? this.#settle(whole, whole.ordinals.length, whole) : whole;
    const mask = filter && filters!.compile(filter, filters!.leaves(await this.columns(), numItems), numItems);
    const excluded = exclude.length === 0 ? [] : [known(await this.ordinals(exclude))];
    const k = Math.min(resolved.k * Math.max(1, refineFactor), numItems);
    if (merging && mask === undefined && refineFactor === 0) {
      const at = merging.search(this, heads, resolved, k, new Set(excluded[0]));
      if (at !== undefined) return this.#settle(at, k, at);
    }
    const few = mask && filters!.visit(mask, numItems, offsets);
    const visit = few ?? this.visitCells(this.probe(heads, resolved));
    const { ranking, ...counts } = await this.rank(heads, resolved, k, visit, mask, excluded);
    const found = await this.#settle(merging ? merging.finish(ranking, k) : ranking, k, counts);
    if (refineFactor === 0) return found;
    const codes = await refining!.codesOf(this, found.ordinals);
    return this.#settle(refining!.rank(this, heads, found.ordinals, codes, resolved), resolved.k, counts);
  }

  /** Equal scores by smaller id. */
  async #settle(ranking: Ranking, k: number, { listsProbed, codesScanned }: Counts): Promise<SearchResult> {
    const settled = await settleTies(
      ranking,
      k,
      (ordinal) => listOf(this.parts.offsets, ordinal),
      (ordinals) => this.items(ordinals),
    );
    return { ...settled, listsProbed, codesScanned };
  }

  /** The plainest search, one query over resident lists, in one call of the kernel; undefined for any other, and for a tie with the last result. */
  #searchAtOnce(head: Head, { k, nprobe, filter, exclude, refineFactor, merging }: Resolved): SearchResult | undefined {
    const { kernel, resident, offsets } = this.parts;
    if (merging || filter || exclude.length > 0 || refineFactor > 0 || !resident || !kernel.search) return undefined;
    const wanted = Math.min(k, this.manifest.numItems);
    const cells = Math.min(nprobe, Math.max(1, this.codebook.nlist));
    const found = kernel.search(head.query, offsets, cells, wanted + spareFor(this.codebook, head));
    shiftScores(found.scores, head.shift);
    if (isCutTie(found.scores, wanted)) return undefined;
    const { ordinals, scores, ...counts } = found;
    return { ordinals: ordinals.slice(0, wanted), scores: scores.slice(0, wanted), ...counts };
  }

  items(ordinals: ArrayLike<number>): Promise<Item[]> {
    return this.store.items(ordinals);
  }

  ordinals(ids: readonly ItemId[]): Promise<Int32Array> {
    return this.store.ordinals(ids);
  }

  async vectors(ordinals: ArrayLike<number>): Promise<Float32Array> {
    const { assignments, codes } = await this.codes(ordinals);
    return decodeStored(this.codebook, assignments, codes);
  }

  async codes(ordinals: ArrayLike<number>): Promise<EncodedVectors> {
    checkOrdinals(ordinals, this.manifest.numItems);
    const { numSubQuantizers: M, nbits } = this.codebook;
    const codes = new Uint8Array(ordinals.length * M);
    const assignments = Uint32Array.from(ordinals, (ordinal) => listOf(this.parts.offsets, ordinal));
    // What a stretch calls its cell goes through unchanged: here, the place in the answer.
    const singles = Array.from(ordinals, (start, cell) => ({ cell, start, end: start + 1 }));
    await this.#each(singles, (lists, stretches) => {
      for (const { cell: place, start } of stretches) {
        const { bytes, at } = lists.block(start);
        for (let m = 0; m < M; m++) codes[place * M + m] = codeAt(bytes, at, start % BLOCK, m, nbits);
      }
    });
    return { assignments, codes };
  }

  async facets(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
    const columns = await this.columns();
    return this.parts.filters!.count(columns);
  }

  queryTower(): Promise<Uint8Array | undefined> {
    return this.#joined("query-tower");
  }

  /** All of a kind that is read as one; undefined when there is none. */
  async #joined(kind: ChunkKind): Promise<Uint8Array | undefined> {
    const entries = entriesOf(this.manifest.chunks, kind);
    return entries.length === 0 ? undefined : joinParts(this.parts.cache, entries);
  }

  /** Gives `use` lists that are ready: all at once where they are in memory, else as they are paged. */
  #each(
    stretches: readonly Stretch[],
    use: (lists: ReadyLists, stretches: readonly Stretch[]) => void,
  ): Promise<void> | undefined {
    const { resident, paged } = this.parts;
    if (!resident) return paged!.each(stretches, use);
    use(resident, stretches);
    return undefined;
  }

  /** A shortlist for the k best of what is visited. To be called right after `probe`, without an await: see {@link Visit}. */
  async rank(
    heads: readonly Head[],
    { merge, merging }: Resolved,
    k: number,
    { visited, products, isFew }: Visit,
    mask: BlockMask | undefined,
    excluded: readonly Uint32Array[],
  ): Promise<{ ranking: Shortlist } & Counts> {
    const { kernel, codebook, resident, paged } = this.parts;
    const size = Math.min(merging ? merging.size(k, merge) : k, this.manifest.numItems);
    const stretches: Stretch[] = [];
    let codesScanned = 0;
    for (const stretch of visited) {
      codesScanned += stretch.end - stretch.start;
      const masked = maskStretch(stretch, isFew ? undefined : mask, excluded);
      if (masked !== undefined) stretches.push(masked);
    }
    let ranking: Shortlist = { ordinals: new Uint32Array(0), scores: new Float32Array(0) };
    await this.#each(stretches, (lists, group) => {
      const scan = { kernel, codebook, lists, stretches: group };
      const [head] = heads as [Head];
      const floor = ranking.scores[size - 1] ?? -Infinity;
      const found = merging
        ? merging.rank(scan, heads, size, merge, floor)
        : // The kernel still has the query where nothing waited in between.
          scanHead(scan, head, (resident && products) ?? kernel.setQuery(head.query), size, floor);
      ranking = paged ? paged.join([ranking, found], size) : found;
    });
    return {
      ranking,
      listsProbed: isFew ? new Set(visited.map(({ cell }) => cell)).size : visited.length,
      codesScanned,
    };
  }

  /** Cells probed by any of the vectors, nearest first for the first; and its products, when there is only one. */
  probe(heads: readonly Head[], { nprobe, merging }: Resolved): Probed {
    const { kernel } = this.parts;
    const { nlist } = this.codebook;
    if (merging) return merging.probe(kernel, nlist, heads, nprobe);
    const products = kernel.setQuery(heads[0]!.query);
    return { cells: nlist === 0 ? [0] : [...kernel.probe(Math.min(nprobe, nlist))], products };
  }

  visitCells(probed: Probed): Visit {
    return { visited: visitCells(this.parts.offsets, probed), products: probed.products };
  }

  /** Facets and numbers of all items, read once. */
  async columns(): Promise<FilterColumns> {
    const { read } = needPart("filters", this.parts.filters);
    if (this.#columns !== undefined) return this.#columns;
    const payload = await this.#joined("filters");
    if (payload === undefined) return { facets: new Map(), numbers: new Map() };
    this.#columns = read(payload, this.manifest.numItems);
    return this.#columns;
  }
}

/** The stretches of whole cells. */
export function visitCells(offsets: Uint32Array, { cells, visitors }: Probed): Stretch[] {
  return cells.map((cell) => ({
    cell,
    start: offsets[cell]!,
    end: offsets[cell + 1]!,
    heads: visitors?.get(cell),
  }));
}

/** True when item k, the first that is one too many, scores as the last of the k. */
export function isCutTie(scores: Float32Array, k: number): boolean {
  return scores.length > k && scores[k] === scores[k - 1];
}

/** The ordinals of ids that there are, ascending. */
export function known(ordinals: Int32Array): Uint32Array {
  return Uint32Array.from(ordinals.filter((ordinal) => ordinal >= 0)).sort();
}
