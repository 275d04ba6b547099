import type { Codebook } from "../codebook/codebook.ts";
import type { EncodedVectors } from "../codebook/codes.ts";
import { decode } from "../codebook/decode.ts";
import type { ReadMeter } from "../format/chunk-source.ts";
import type { DeltaPayload } from "../format/delta-chunk.ts";
import type { ItemId } from "../format/ids.ts";
import { listOf } from "../format/inverted-lists.ts";
import type { Item } from "../format/item-pages.ts";
import { chunkTotals, type Manifest } from "../format/manifest.ts";
import { countBlocks } from "../kernel/blocks.ts";
import type { Counts } from "../kernel/kernel.ts";
import { compileFilter, withMasksFrom } from "../search/compile-filter.ts";
import { type Comparison, comparisonMask, type Filter } from "../search/filter.ts";
import { checkOrdinals } from "../search/item-store.ts";
import { mostCodesIn, sumLargest } from "../search/largest-cells.ts";
import { type BlockMask, type ItemMask, isClosed, MaskWords, selected } from "../search/masks.ts";
import {
  foundNothing,
  MAX_K,
  type Resolved,
  resolveQueries,
  type SearchOptions,
  type SearchResult,
} from "../search/options.ts";
import { type Probed, type Visit, visitItems } from "../search/plan.ts";
import { type Index, known, type PqIndex } from "../search/pq-index.ts";
import type { QueryVector } from "../search/score.ts";
import { exactInstead, finishShortlist, type Shortlist, Shortlists, shortlistSize } from "../search/shortlist.ts";
import { settleTies } from "../search/ties.ts";
import { checkSameNames, countFacets, joinMasks, lessFacets, type TwoColumns, withoutRemoved } from "./columns.ts";
import { OrdinalMap } from "./ordinal-map.ts";

/** What was found in the base and beside it, and what it took. */
type Found = readonly [Shortlist, Shortlist, Counts];

type Payload = Pick<DeltaPayload, "positions" | "removed">;

/** What is worked out once, for all views of the same items. */
interface Held {
  readonly map: OrdinalMap;
  columns?: TwoColumns;
  /** Facet → value → removed items, where filters lie on pages. */
  gone?: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** See `sumLargest`. */
  largest?: Float64Array;
}

/**
 * A base and the items beside it, searched as the one catalogue that they are: every answer, ties included, is that of
 * an index written anew. Ordinals are those of that index; `codesScanned` counts removed items of the base too, since
 * they are skipped one by one.
 */
export class DeltaIndex implements Index {
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  readonly version: string;
  readonly base: PqIndex;
  readonly delta: PqIndex;
  readonly removed: Uint32Array;
  readonly map: OrdinalMap;
  readonly #payload: Payload;
  readonly #held: Held;

  /** @param held of the same index, to share it */
  constructor(
    manifest: Manifest,
    base: PqIndex,
    delta: PqIndex,
    payload: Payload,
    held: Held = { map: new OrdinalMap(payload) },
  ) {
    this.manifest = manifest;
    this.codebook = base.codebook;
    this.version = manifest.version;
    this.base = base;
    this.delta = delta;
    this.removed = payload.removed;
    this.map = held.map;
    this.#payload = payload;
    this.#held = held;
  }

  metered(meter: ReadMeter): DeltaIndex {
    const { manifest, base, delta } = this;
    return new DeltaIndex(manifest, base.metered(meter), delta.metered(meter), this.#payload, this.#held);
  }

  limitPages(bytes: number): void {
    this.base.limitPages(bytes);
  }

  mostCodes(nprobe: number): number {
    const lists = [this.base, this.delta].map(({ parts }) => (parts.runs ?? parts).offsets);
    this.#held.largest ??= sumLargest(lists);
    return mostCodesIn(this.#held.largest, nprobe);
  }

  get kernel(): Index["kernel"] {
    return this.base.kernel;
  }

  get cellSizes(): Uint32Array {
    return this.base.cellSizes;
  }

  async search(query: Float32Array | readonly Float32Array[], options: SearchOptions = {}): Promise<SearchResult> {
    const { vectors, resolved } = resolveQueries(this.codebook, query, options, this.manifest);
    if (vectors.length === 0) {
      if (resolved.filter !== undefined) await this.masks(resolved.filter);
      return foundNothing();
    }
    const { merge } = resolved;
    const k = Math.min(resolved.k, this.manifest.numItems);
    // A mixture is ordered within a shortlist, which must be that of all that is there and of nothing that was removed.
    const isPlain = resolved.filter === undefined && resolved.exclude.length === 0 && merge.by === "max";
    const [ofBase, ofDelta, counts] =
      (isPlain ? await this.#searchPlain(vectors, resolved, k) : undefined) ??
      (await this.#searchMasked(vectors, resolved, k));
    const joined = new Shortlists(shortlistSize(k, merge));
    joined.add(ofBase, (ordinal) => this.map.fromBase(ordinal));
    joined.add(ofDelta, (ordinal) => this.map.fromDelta(ordinal));
    const list = joined.take();
    const exact = exactInstead(list, merge);
    if (exact !== undefined) return this.search(query, { ...options, merge: exact });
    const ranking = await settleTies(finishShortlist(list, k), {
      cellOf: (ordinal) => this.#cellOf(ordinal),
      ids: (ordinals) => this.ids(ordinals),
    });
    return { ...ranking, ...counts };
  }

  #cellOf(ordinal: number): number {
    const place = this.map.placeOf(ordinal);
    return listOf((place.isDelta ? this.delta : this.base).parts.offsets, place.ordinal);
  }

  /**
   * A search that nothing but removed items is kept out of: a few more of the base are wanted, in their place, which is
   * cheaper than masks. Undefined when so many of the best were removed that these do not suffice.
   */
  async #searchPlain(
    vectors: readonly QueryVector[],
    { nprobe, merge }: Resolved,
    k: number,
  ): Promise<Found | undefined> {
    const { base, delta, removed } = this;
    const spare = Math.min(
      removed.length,
      4 + Math.ceil((2 * k * removed.length) / Math.max(1, base.manifest.numItems)),
    );
    if (k === 0 || k + spare > MAX_K) return undefined;
    const queries = vectors.map(({ original }) => original);
    const { ordinals, scores, listsProbed, codesScanned } = await base.search(queries, { k: k + spare, nprobe, merge });
    const isLeft = ordinals.map((ordinal) => (this.map.isRemoved(ordinal) ? 0 : 1));
    const ofBase = {
      ordinals: ordinals.filter((_, i) => isLeft[i] === 1),
      scores: scores.filter((_, i) => isLeft[i] === 1),
    };
    if (ofBase.ordinals.length < k && ordinals.length === k + spare) return undefined;
    const ofDelta = await delta.search(queries, { k, nprobe, merge });
    return [ofBase, ofDelta, { listsProbed, codesScanned: codesScanned + ofDelta.codesScanned }];
  }

  async #searchMasked(vectors: readonly QueryVector[], resolved: Resolved, k: number): Promise<Found> {
    const { base, delta, removed } = this;
    const { filter, exclude } = resolved;
    const masks = filter === undefined ? undefined : await this.masks(filter);
    const closed = (part: PqIndex, mask: ItemMask | undefined): boolean =>
      mask !== undefined && isClosed(mask, part.manifest.numItems);
    if (closed(base, masks?.base) && closed(delta, masks?.delta)) {
      const nothing = foundNothing();
      return [nothing, nothing, nothing];
    }
    const excluded = exclude.length === 0 ? undefined : await this.#stored(exclude);
    const few = masks === undefined ? undefined : this.#few(masks);
    const removedIn = excluded === undefined ? [removed] : [removed, excluded.base];
    const excludedIn = excluded === undefined ? [] : [excluded.delta];
    const [ofBase, ofDelta] = await this.#rankParts(vectors, resolved, k, few, masks, removedIn, excludedIn);
    const counts = {
      listsProbed: few === undefined ? ofBase.listsProbed : this.#countCells(few),
      codesScanned: ofBase.codesScanned + ofDelta.codesScanned,
    };
    return [await settleOwn(base, ofBase.ranking), await settleOwn(delta, ofDelta.ranking), counts];
  }

  /** Shortlists of the base and of the items beside it, of single items or of the same cells. */
  async #rankParts(
    vectors: readonly QueryVector[],
    resolved: Resolved,
    k: number,
    few: { readonly base: number[]; readonly delta: number[] } | undefined,
    masks: { readonly base: ItemMask; readonly delta: ItemMask } | undefined,
    ofBase: readonly Uint32Array[],
    ofDelta: readonly Uint32Array[],
  ): Promise<readonly [{ ranking: Shortlist } & Counts, { ranking: Shortlist } & Counts]> {
    const { base, delta } = this;
    if (few === undefined && base.boundsCells(resolved))
      return [
        await base.rankCells(vectors, resolved, k, masks?.base, ofBase),
        await delta.rankCells(vectors, resolved, k, masks?.delta, ofDelta),
      ];
    const probed = few === undefined ? base.probe(vectors, resolved, this.#isOpen(masks)) : undefined;
    const visit = (part: PqIndex, singles: number[] | undefined, cells: Probed | undefined): Visit =>
      cells === undefined ? visitItems(part.parts.offsets, singles!) : part.visitCells(cells);
    return [
      await base.rank(vectors, resolved, k, visit(base, few?.base, probed), masks?.base, ofBase),
      await delta.rank(
        vectors,
        resolved,
        k,
        // Products and queries are of the base's kernel.
        visit(delta, few?.delta, probed && { ...probed, products: undefined, queries: undefined }),
        masks?.delta,
        ofDelta,
      ),
    ];
  }

  /** Whether a filter can let something of a run of cells through, of the base or beside it. */
  #isOpen(masks: { base: ItemMask; delta: ItemMask } | undefined): ((run: number) => boolean) | undefined {
    const ofBase = this.base.opens(masks?.base);
    const beside = this.delta.parts.runs?.offsets;
    if (ofBase === undefined || beside === undefined) return undefined;
    return (run) => {
      for (let ordinal = beside[run]!; ordinal < beside[run + 1]!; ordinal++)
        if (masks!.delta.has(ordinal)) return true;
      return ofBase(run);
    };
  }

  ids(ordinals: ArrayLike<number>): Promise<ItemId[]> {
    return this.#split(ordinals, (part, own) => part.ids(own));
  }

  items(ordinals: ArrayLike<number>): Promise<Item[]> {
    return this.#split(ordinals, (part, own) => part.items(own));
  }

  async ordinals(ids: readonly ItemId[]): Promise<Int32Array> {
    const beside = await this.delta.ordinals(ids);
    const rest = ids.filter((_, i) => beside[i]! < 0);
    const inBase = (await this.base.ordinals(rest)).values();
    return beside.map((j) => {
      if (j >= 0) return this.map.fromDelta(j);
      const ordinal = inBase.next().value!;
      return ordinal < 0 || this.map.isRemoved(ordinal) ? -1 : this.map.fromBase(ordinal);
    });
  }

  async vectors(ordinals: ArrayLike<number>): Promise<Float32Array> {
    const { assignments, codes } = await this.codes(ordinals);
    return decode(this.codebook, assignments, codes);
  }

  async codes(ordinals: ArrayLike<number>): Promise<EncodedVectors> {
    const { numSubQuantizers: M, metric } = this.codebook;
    const rows = await this.#split(ordinals, async (part, own) => {
      const { assignments, codes, terms } = await part.codes(own);
      return Array.from(assignments, (cell, i) => ({
        cell,
        code: codes.subarray(i * M, (i + 1) * M),
        term: terms?.[i],
      }));
    });
    const codes = new Uint8Array(rows.length * M);
    for (let i = 0; i < rows.length; i++) codes.set(rows[i]!.code, i * M);
    return {
      assignments: Uint32Array.from(rows, ({ cell }) => cell),
      codes,
      terms: metric === "l2" ? Float32Array.from(rows, ({ term }) => term!) : undefined,
    };
  }

  get facetReads(): number {
    if (this.base.parts.tables === undefined || this.#held.gone !== undefined) return 0;
    return Math.min(this.removed.length, chunkTotals(this.manifest).get("filter-pages")?.count ?? 0);
  }

  async facets(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
    const { tables, cache } = this.base.parts;
    if (tables === undefined) return countFacets(await this.#twoColumns());
    const { facets } = await tables.filters.directory(cache);
    this.#held.gone ??= await tables.filters.countOf(cache, this.removed);
    return countFacets({ base: { facets: lessFacets(facets, this.#held.gone) }, delta: await this.delta.columns() });
  }

  numbers(): Promise<readonly string[]> {
    return this.base.numbers();
  }

  queryTower(): Promise<Uint8Array | undefined> {
    return this.base.queryTower();
  }

  /** The filter over the base and over the items beside it, both counting the matches of the whole catalogue. */
  async masks(filter: Filter): Promise<{ base: ItemMask; delta: ItemMask }> {
    const { tables, cache } = this.base.parts;
    if (tables !== undefined) {
      checkSameNames({ base: await tables.filters.directory(cache), delta: await this.delta.columns() });
      // it checks the filter, too
      const base = await this.base.mask(filter);
      const beside = withMasksFrom(filter, countBlocks(this.base.manifest.numItems));
      return { base, delta: await this.delta.mask(beside) };
    }
    const columns = await this.#twoColumns();
    const { numItems } = this.manifest;
    const split = countBlocks(this.base.manifest.numItems);
    const maskOf = (comparison: Comparison): BlockMask =>
      joinMasks(
        comparisonMask(comparison, columns.base, this.base.manifest.numItems),
        comparisonMask(comparison, columns.delta, this.delta.manifest.numItems),
        split,
      );
    const mask = compileFilter(filter, maskOf, numItems);
    const beside = countBlocks(this.delta.manifest.numItems);
    return { base: new MaskWords(mask, 0, split), delta: new MaskWords(mask, split, beside) };
  }

  /** The places of all matches, when a fresh index would score them one by one. */
  #few(masks: { base: ItemMask; delta: ItemMask }): { base: number[]; delta: number[] } | undefined {
    const inBase = selected(masks.base, this.base.manifest.numItems);
    const beside = selected(masks.delta, this.delta.manifest.numItems);
    if (inBase === undefined || beside === undefined) return undefined;
    return { base: inBase.filter((ordinal) => !this.map.isRemoved(ordinal)), delta: beside };
  }

  #countCells(few: { base: readonly number[]; delta: readonly number[] }): number {
    const cellsOf = (part: PqIndex, ordinals: readonly number[]): number[] =>
      ordinals.map((ordinal) => listOf(part.parts.offsets, ordinal));
    return new Set([...cellsOf(this.base, few.base), ...cellsOf(this.delta, few.delta)]).size;
  }

  /** Where the items with these ids are stored. */
  async #stored(ids: readonly ItemId[]): Promise<{ base: Uint32Array; delta: Uint32Array }> {
    return { base: known(await this.base.ordinals(ids)), delta: known(await this.delta.ordinals(ids)) };
  }

  async #twoColumns(): Promise<TwoColumns> {
    if (this.#held.columns !== undefined) return this.#held.columns;
    const base = withoutRemoved(await this.base.columns(), this.removed, this.base.manifest.numItems);
    const columns = { base, delta: await this.delta.columns() };
    checkSameNames(columns);
    this.#held.columns = columns;
    return columns;
  }

  /** Asks each part for its own of the ordinals and puts the answers into the order asked. */
  async #split<T>(ordinals: ArrayLike<number>, ask: (part: PqIndex, ordinals: number[]) => Promise<T[]>): Promise<T[]> {
    checkOrdinals(ordinals, this.manifest.numItems);
    const places = Array.from(ordinals, (ordinal) => this.map.placeOf(ordinal));
    const of = (isDelta: boolean): number[] =>
      places.filter((place) => place.isDelta === isDelta).map(({ ordinal }) => ordinal);
    const inBase = (await ask(this.base, of(false))).values();
    const beside = (await ask(this.delta, of(true))).values();
    return places.map(({ isDelta }) => (isDelta ? beside : inBase).next().value!);
  }
}

/**
 * The best of a part with the last places given by id, so that what ties with them need not be joined. Not of a
 * shortlist that mixtures are to order: there, whether anything ties with its last is still to be seen.
 */
async function settleOwn(part: PqIndex, list: Shortlist): Promise<Shortlist> {
  return list.tied === undefined || list.mixtures !== undefined ? list : part.settle(list);
}
