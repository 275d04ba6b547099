import { BLOCK, blockBytes, codeAt } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { decode } from "../encode.ts";
import { type ChunkCache, entriesOf, joinParts, type NumberedEntry } from "../format/chunk-cache.ts";
import { type FilterColumns, readFilters } from "../format/filters-chunk.ts";
import { listOf } from "../inverted-lists.ts";
import type { AdcKernel, Ranking } from "../kernel.ts";
import { TopK } from "../top-k.ts";
import type { EncodedVectors, Index, Item, ItemId, Manifest, SearchOptions, SearchResult } from "../types.ts";
import { compileFilter } from "./filter.ts";
import { checkOrdinals, ItemStore } from "./item-store.ts";
import type { ListSource } from "./list-source.ts";
import { type BlockMask, maskStretch, selected } from "./masks.ts";
import { type Resolved, resolveOptions, resolveQueries } from "./options.ts";
import { rank, type Stretch, scanHead } from "./rank.ts";
import { refineRanking } from "./refine.ts";
import type { Head } from "./score.ts";

/** Codes scanned at one go when lists are paged: what is fetched together is in memory together. */
const PAGED_BYTES = 32 * 1024 * 1024;

export interface IndexParts {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  /** (cells + 1) list offsets. */
  readonly offsets: Uint32Array;
  readonly kernel: AdcKernel;
  readonly lists: ListSource;
  readonly cache: ChunkCache;
}

export class PqIndex implements Index {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  readonly version: string;
  readonly #parts: IndexParts;
  readonly #store: ItemStore;
  readonly #filterParts: readonly NumberedEntry[];
  #filters: FilterColumns | undefined;

  constructor(parts: IndexParts) {
    this.#parts = parts;
    this.manifest = parts.manifest;
    this.codebook = parts.codebook;
    this.version = parts.manifest.version;
    this.#store = new ItemStore(parts.cache, parts.manifest);
    this.#filterParts = entriesOf(parts.manifest.chunks, "filters");
  }

  get kernel(): Index["kernel"] {
    return this.#parts.kernel.name;
  }

  async search(query: Float32Array | readonly Float32Array[], options: SearchOptions = {}): Promise<SearchResult> {
    const heads = resolveQueries(this.codebook, query);
    const resolved = resolveOptions(options, this.manifest, heads.length);
    const { filter, exclude, refineFactor } = resolved;
    const mask =
      filter === undefined ? undefined : compileFilter(filter, await this.#columns(), this.manifest.numItems);
    const excluded =
      exclude.length === 0 ? NONE : (await this.#store.ordinals(exclude)).filter((ordinal) => ordinal >= 0);
    const k = Math.min(refineFactor === 0 ? resolved.k : resolved.k * refineFactor, this.manifest.numItems);
    const { ranking, ...counts } = await this.#rank(heads, resolved, k, mask, Uint32Array.from(excluded));
    if (refineFactor === 0) return { ...ranking, ...counts };
    const candidates = await this.#store.refineCodes(ranking.ordinals);
    return {
      ...refineRanking(this.codebook.metric, heads, ranking.ordinals, candidates, resolved.k, resolved.merge),
      ...counts,
    };
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
    const lists = await this.#parts.lists.ready(Array.from(ordinals, (start) => ({ start, end: start + 1 })));
    const codes = new Uint8Array(ordinals.length * M);
    const assignments = new Uint32Array(ordinals.length);
    for (let i = 0; i < ordinals.length; i++) {
      const { bytes, at } = lists.block(ordinals[i]!);
      assignments[i] = listOf(this.#parts.offsets, ordinals[i]!);
      for (let m = 0; m < M; m++) codes[i * M + m] = codeAt(bytes, at, ordinals[i]! % BLOCK, m, nbits);
    }
    return { assignments, codes };
  }

  async facets(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
    const { facets } = await this.#columns();
    return Object.fromEntries(
      Array.from(facets, ([name, values]) => [
        name,
        Object.fromEntries(Array.from(values, ([value, { count }]) => [value, count])),
      ]),
    );
  }

  async queryTower(): Promise<Uint8Array | undefined> {
    const parts = entriesOf(this.manifest.chunks, "query-tower");
    return parts.length === 0 ? undefined : joinParts(this.#parts.cache, parts);
  }

  /** The k best of the cells that the query vectors probe, or of all matches of a very selective filter. */
  async #rank(
    heads: readonly Head[],
    { nprobe, merge }: Resolved,
    k: number,
    mask: BlockMask | undefined,
    excluded: Uint32Array,
  ) {
    const { kernel, codebook, lists } = this.#parts;
    const few = mask === undefined ? undefined : selected(mask, this.manifest.numItems);
    const { cells, products } = few === undefined ? this.#probe(heads, nprobe) : { cells: [], products: undefined };
    const visited =
      few === undefined ? cells.map((cell) => this.#cell(cell)) : few.map((ordinal) => this.#single(ordinal));
    const stretches: Stretch[] = [];
    let codesScanned = 0;
    for (const stretch of visited) {
      codesScanned += stretch.end - stretch.start;
      const masked =
        mask === undefined && excluded.length === 0
          ? stretch
          : maskStretch(stretch, few === undefined ? mask : undefined, excluded);
      if (masked !== undefined && masked.end > masked.start) stretches.push(masked);
    }
    const counts = {
      listsProbed: few === undefined ? visited.length : new Set(visited.map(({ cell }) => cell)).size,
      codesScanned,
    };
    const ready = lists.isResident ? lists.ready(stretches) : undefined;
    if (ready !== undefined && !(ready instanceof Promise)) {
      const scan = { kernel, codebook, lists: ready, stretches };
      // The kernel still has the query of a single vector, and nothing waited in between.
      const isSingle = heads.length === 1 && products !== undefined && merge.by === "max";
      return {
        ranking: isSingle
          ? scanHead(scan, heads[0]!, products, k, Number.NEGATIVE_INFINITY)
          : rank(scan, heads, k, merge),
        ...counts,
      };
    }
    const top = new TopK(k);
    for (const group of groupBySize(stretches, PAGED_BYTES / blockBytes(codebook))) {
      const scan = { kernel, codebook, lists: await lists.ready(group), stretches: group };
      // An item lies in one group, and its score depends on nothing else: the best of the groups' best are the best.
      const part: Ranking = rank(scan, heads, k, merge);
      for (let i = 0; i < part.ordinals.length; i++) top.push(part.scores[i]!, part.ordinals[i]!);
    }
    return { ranking: top.take(), ...counts };
  }

  /** Cells probed by any of the vectors, nearest first for the first; and its products, when there is only one. */
  #probe(heads: readonly Head[], nprobe: number): { cells: number[]; products: Float32Array | undefined } {
    const { kernel } = this.#parts;
    const { nlist } = this.codebook;
    const cells = new Set<number>(nlist === 0 ? [0] : []);
    let products: Float32Array | undefined;
    for (const head of heads) {
      products = kernel.setQuery(head.query);
      if (nlist > 0) for (const cell of kernel.probe(Math.min(nprobe, nlist))) cells.add(cell);
    }
    return { cells: [...cells], products: heads.length === 1 ? products : undefined };
  }

  #cell(cell: number): Stretch {
    return { cell, start: this.#parts.offsets[cell]!, end: this.#parts.offsets[cell + 1]!, mask: undefined };
  }

  #single(ordinal: number): Stretch {
    return { cell: listOf(this.#parts.offsets, ordinal), start: ordinal, end: ordinal + 1, mask: undefined };
  }

  async #columns(): Promise<FilterColumns> {
    if (this.#filters !== undefined) return this.#filters;
    if (this.#filterParts.length === 0) return { facets: new Map(), numbers: new Map() };
    const columns = readFilters(await joinParts(this.#parts.cache, this.#filterParts), this.manifest.numItems);
    this.#filters = columns;
    return columns;
  }
}

const NONE = new Int32Array(0);

/** Runs of stretches with at most `limit` blocks together, or one stretch. */
function groupBySize(stretches: readonly Stretch[], limit: number): Stretch[][] {
  const groups: Stretch[][] = [];
  let blocks = Number.POSITIVE_INFINITY;
  for (const stretch of stretches) {
    const own = Math.ceil((stretch.end - stretch.start) / BLOCK) + 1;
    if (blocks + own > limit) {
      groups.push([]);
      blocks = 0;
    }
    groups.at(-1)!.push(stretch);
    blocks += own;
  }
  return groups;
}
