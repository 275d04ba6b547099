import { checkInteger } from "../errors.ts";
import {
  type ChunkCache,
  covering,
  entriesOf,
  MAX_FETCHES,
  mapLimited,
  type NumberedEntry,
} from "../format/chunk-cache.ts";
import { compareIds, normalizeId } from "../format/ids.ts";
import { readItemPage } from "../format/item-pages.ts";
import { readLookupPage } from "../format/lookup-pages.ts";
import { type RefinePage, readRefinePage } from "../format/refine-pages.ts";
import type { Item, ItemId, Manifest } from "../types.ts";

/** What lies in pages by ordinal or by id: items, look-up, refine codes. Fetches a page when something on it is asked for. */
export class ItemStore {
  readonly #cache: ChunkCache;
  readonly #manifest: Manifest;
  readonly #items: readonly NumberedEntry[];
  readonly #lookup: readonly NumberedEntry[];
  readonly #refine: readonly NumberedEntry[];
  /** Smallest id of each look-up page. */
  readonly #firstIds: readonly ItemId[];
  /** Opened pages: as long as the cache has a payload, it is checked only once. */
  readonly #itemPages = new WeakMap<Uint8Array, (index: number) => Item>();
  readonly #lookupPages = new WeakMap<Uint8Array, (id: ItemId) => number>();

  constructor(cache: ChunkCache, manifest: Manifest) {
    this.#cache = cache;
    this.#manifest = manifest;
    this.#items = entriesOf(manifest.chunks, "items");
    this.#lookup = entriesOf(manifest.chunks, "lookup");
    this.#refine = entriesOf(manifest.chunks, "refine");
    this.#firstIds = this.#lookup.map(({ entry }) => normalizeId(entry.firstId ?? "", manifest.idType) ?? "");
  }

  async items(ordinals: ArrayLike<number>): Promise<Item[]> {
    checkOrdinals(ordinals, this.#manifest.numItems);
    const { idType, hasFields } = this.#manifest;
    const items = new Array<Item>(ordinals.length);
    const take = ({ numbered, places }: WantedPage, payload: Uint8Array): void => {
      const { key, first, count } = numbered.entry;
      let page = this.#itemPages.get(payload);
      if (page === undefined) {
        page = readItemPage(`chunk ${key}`, payload, count, idType, hasFields);
        this.#itemPages.set(payload, page);
      }
      for (const i of places) items[i] = page(ordinals[i]! - first);
    };
    const missing: WantedPage[] = [];
    for (const wanted of this.#byPage(this.#items, ordinals).values()) {
      const payload = this.#cache.peek(wanted.numbered);
      if (payload === undefined) missing.push(wanted);
      else take(wanted, payload);
    }
    // Each page is read, used and let go: a thousand results of a large index may lie on as many pages.
    if (missing.length > 0)
      await mapLimited(missing, MAX_FETCHES, (wanted) =>
        this.#cache.read(wanted.numbered, (payload) => take(wanted, payload)),
      );
    return items;
  }

  /** −1 for an id that no item has. */
  async ordinals(ids: readonly ItemId[]): Promise<Int32Array> {
    const { idType, numItems } = this.#manifest;
    const found = new Int32Array(ids.length).fill(-1);
    const wanted = new Map<number, { i: number; id: ItemId }[]>();
    for (const [i, given] of ids.entries()) {
      const id = normalizeId(given, idType);
      const page = id === undefined ? -1 : this.#pageOf(id);
      if (id === undefined || page < 0) continue;
      const others = wanted.get(page);
      if (others === undefined) wanted.set(page, [{ i, id }]);
      else others.push({ i, id });
    }
    await mapLimited([...wanted], MAX_FETCHES, async ([page, asked]) => {
      const numbered = this.#lookup[page]!;
      const { key, count } = numbered.entry;
      await this.#cache.read(numbered, (payload) => {
        let find = this.#lookupPages.get(payload);
        if (find === undefined) {
          find = readLookupPage(`chunk ${key}`, payload, count, idType, numItems);
          this.#lookupPages.set(payload, find);
        }
        for (const { i, id } of asked) found[i] = find(id);
      });
    });
    return found;
  }

  /** Refine codes of each ordinal: a page and the place on it. */
  async refineCodes(ordinals: ArrayLike<number>): Promise<{ page: RefinePage; at: number }[]> {
    const { dim } = this.#manifest;
    const found = new Array<{ page: RefinePage; at: number }>(ordinals.length);
    await mapLimited([...this.#byPage(this.#refine, ordinals).values()], MAX_FETCHES, ({ numbered, places }) =>
      this.#cache.read(numbered, (payload) => {
        const { key, first, count } = numbered.entry;
        const page = readRefinePage(`chunk ${key}`, payload, count, dim);
        for (const i of places) {
          const at = ordinals[i]! - first;
          // A copy, because the page may be gone when the last one has come.
          const codes = page.codes.slice(at * dim, (at + 1) * dim);
          found[i] = { page: { scales: page.scales.slice(at, at + 1), codes }, at: 0 };
        }
      }),
    );
    return found;
  }

  /** The pages that ordinals lie on, and for each the places in `ordinals` that it is needed for. */
  #byPage(entries: readonly NumberedEntry[], ordinals: ArrayLike<number>): Map<number, WantedPage> {
    const wanted = new Map<number, WantedPage>();
    for (let i = 0; i < ordinals.length; i++) {
      const numbered = covering(entries, ordinals[i]!);
      const page = wanted.get(numbered.seq);
      if (page === undefined) wanted.set(numbered.seq, { numbered, places: [i] });
      else page.places.push(i);
    }
    return wanted;
  }

  /** The only look-up page that an id can be on; −1 when it is smaller than all ids. */
  #pageOf(id: ItemId): number {
    let low = 0;
    let high = this.#firstIds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(this.#firstIds[middle]!, id) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

interface WantedPage {
  readonly numbered: NumberedEntry;
  /** Places in the answer. */
  readonly places: number[];
}

export function checkOrdinals(ordinals: ArrayLike<number>, numItems: number): void {
  for (let i = 0; i < ordinals.length; i++) checkInteger(`ordinals[${i}]`, ordinals[i], 0, numItems - 1);
}
