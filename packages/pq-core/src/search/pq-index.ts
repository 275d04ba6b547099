import { BLOCK, codeAt } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { decode } from "../encode.ts";
import { checkFinite, checkFloat32, checkInteger, typeError } from "../errors.ts";
import { type ChunkCache, covering, entriesOf, joinParts, MAX_FETCHES, mapLimited } from "../format/chunk-cache.ts";
import { compareIds, normalizeId } from "../format/ids.ts";
import { readItemPage } from "../format/item-pages.ts";
import { readLookupPage } from "../format/lookup-pages.ts";
import { listOf } from "../inverted-lists.ts";
import type { AdcKernel, Ranking } from "../kernel.ts";
import { TopK } from "../top-k.ts";
import type { Index, Item, ItemId, Manifest, SearchOptions, SearchResult } from "../types.ts";
import type { ListSource, OrdinalRange, ReadyLists } from "./list-source.ts";
import { scaleQuery, shiftScores } from "./score.ts";

/** Largest k: each result costs 8 bytes in the kernel, and a larger k is a listing, not a search. */
export const MAX_K = 100_000;

export interface IndexParts {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  /** (cells + 1) list offsets. */
  readonly offsets: Uint32Array;
  readonly kernel: AdcKernel;
  readonly lists: ListSource;
  readonly cache: ChunkCache;
}

interface Cell {
  readonly start: number;
  readonly end: number;
  readonly bias: number;
}

export class PqIndex implements Index {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  readonly #parts: IndexParts;

  constructor(parts: IndexParts) {
    this.#parts = parts;
    this.manifest = parts.manifest;
    this.codebook = parts.codebook;
  }

  get version(): string {
    return this.manifest.version;
  }

  get kernel(): Index["kernel"] {
    return this.#parts.kernel.name;
  }

  async search(query: Float32Array | readonly Float32Array[], options: SearchOptions = {}): Promise<SearchResult> {
    const { kernel, lists } = this.#parts;
    const queries = query instanceof Float32Array ? [query] : query;
    if (queries.length === 0) throw typeError("query", "at least one Float32Array", query);
    for (const vector of queries) {
      checkFloat32("query", vector, this.codebook.dim);
      checkFinite("query", vector);
    }
    const k = options.k ?? 10;
    checkInteger("k", k, 1, MAX_K);
    const nprobe = options.nprobe ?? this.manifest.defaultNprobe;
    checkInteger("nprobe", nprobe, 1, 1 << 24);

    const scaled = queries.map((vector) => scaleQuery(this.codebook, vector));
    const visited = new Set<number>();
    for (const { query: vector } of scaled) {
      kernel.setQuery(vector);
      for (const cell of this.#probe(nprobe)) visited.add(cell);
    }
    const ranges: OrdinalRange[] = Array.from(visited, (cell) => this.#range(cell));
    const ready = lists.ready(ranges);
    // A resident index is scanned in the same turn; only a paged one waits.
    const blocks = ready instanceof Promise ? await ready : ready;
    const top = new TopK(Math.min(k, this.manifest.numItems));
    const rankings = scaled.map(({ query: vector, shift }) => {
      const cells = this.#cells(visited, kernel.setQuery(vector));
      return shiftScores(this.#scan(cells, blocks, top.scores.length), shift);
    });
    const ranking = rankings.length === 1 ? rankings[0]! : mergeByMaximum(rankings, top);
    const codesScanned = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    return { ...ranking, listsProbed: visited.size, codesScanned };
  }

  async items(ordinals: ArrayLike<number>): Promise<Item[]> {
    this.#checkOrdinals(ordinals);
    const { cache, manifest } = this.#parts;
    const entries = entriesOf(manifest.chunks, "items");
    const pages = new Map<number, (index: number) => Item>();
    const wanted = new Map(
      Array.from(ordinals, (ordinal) => covering(entries, ordinal)).map((numbered) => [numbered.seq, numbered]),
    );
    await mapLimited([...wanted.values()], MAX_FETCHES, async (numbered) => {
      const { key, count } = numbered.entry;
      const payload = await cache.get(numbered);
      pages.set(numbered.seq, readItemPage(`chunk ${key}`, payload, count, manifest.idType, manifest.hasFields));
    });
    return Array.from(ordinals, (ordinal) => {
      const { entry, seq } = covering(entries, ordinal);
      return pages.get(seq)!(ordinal - entry.first);
    });
  }

  async ordinals(ids: readonly ItemId[]): Promise<Int32Array> {
    const { cache, manifest } = this.#parts;
    const entries = entriesOf(manifest.chunks, "lookup");
    const type = manifest.idType;
    const firsts = entries.map(({ entry }) => normalizeId(entry.firstId ?? "", type)!);
    const found = new Int32Array(ids.length).fill(-1);
    await mapLimited([...ids.keys()], MAX_FETCHES, async (i) => {
      const id = normalizeId(ids[i]!, type);
      const page = id === undefined ? -1 : firsts.findLastIndex((first) => compareIds(first, id) <= 0);
      if (id === undefined || page < 0) return;
      const { key, count } = entries[page]!.entry;
      found[i] = readLookupPage(`chunk ${key}`, await cache.get(entries[page]!), count, type, manifest.numItems)(id);
    });
    return found;
  }

  async vectors(ordinals: ArrayLike<number>): Promise<Float32Array> {
    this.#checkOrdinals(ordinals);
    const { numSubQuantizers: M, nbits } = this.codebook;
    const blocks = await this.#parts.lists.ready(Array.from(ordinals, (start) => ({ start, end: start + 1 })));
    const codes = new Uint8Array(ordinals.length * M);
    const cells = new Uint32Array(ordinals.length);
    for (let i = 0; i < ordinals.length; i++) {
      const { bytes, at } = blocks.block(ordinals[i]!);
      cells[i] = listOf(this.#parts.offsets, ordinals[i]!);
      for (let m = 0; m < M; m++) codes[i * M + m] = codeAt(bytes, at, ordinals[i]! % BLOCK, m, nbits);
    }
    return decode(this.codebook, cells, codes);
  }

  async facets(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
    return {};
  }

  async queryTower(): Promise<Uint8Array | undefined> {
    const parts = entriesOf(this.manifest.chunks, "query-tower");
    return parts.length === 0 ? undefined : joinParts(this.#parts.cache, parts);
  }

  /** The nprobe best cells for the query set last. */
  #probe(nprobe: number): Uint32Array {
    const { nlist } = this.codebook;
    return nlist === 0 ? Uint32Array.of(0) : this.#parts.kernel.probe(Math.min(nprobe, nlist));
  }

  #range(cell: number): OrdinalRange {
    return { start: this.#parts.offsets[cell]!, end: this.#parts.offsets[cell + 1]! };
  }

  #cells(visited: Iterable<number>, products: Float32Array): Cell[] {
    return Array.from(visited, (cell) => ({
      ...this.#range(cell),
      bias: this.codebook.byResidual ? products[cell]! : 0,
    }));
  }

  #scan(cells: readonly Cell[], blocks: ReadyLists, k: number): Ranking {
    const { kernel } = this.#parts;
    const maxBias = cells.reduce((max, { bias }) => Math.max(max, bias), Number.NEGATIVE_INFINITY);
    kernel.begin(k, maxBias, Number.NEGATIVE_INFINITY);
    for (const { start, end, bias } of cells) if (end > start) blocks.scan(kernel, start, end, bias);
    return kernel.finish();
  }

  #checkOrdinals(ordinals: ArrayLike<number>): void {
    for (let i = 0; i < ordinals.length; i++)
      checkInteger(`ordinals[${i}]`, ordinals[i], 0, this.manifest.numItems - 1);
  }
}

/** Each item once, with its best score: an item of the merged top k is in the top k of the query that scores it best. */
function mergeByMaximum(rankings: readonly Ranking[], top: TopK): Ranking {
  const best = new Map<number, number>();
  for (const { ordinals, scores } of rankings) {
    for (let i = 0; i < ordinals.length; i++)
      best.set(ordinals[i]!, Math.max(scores[i]!, best.get(ordinals[i]!) ?? Number.NEGATIVE_INFINITY));
  }
  for (const [ordinal, score] of best) top.push(score, ordinal);
  return top.take();
}
