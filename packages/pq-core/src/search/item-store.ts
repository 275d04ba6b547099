import { checkInteger } from "../errors.ts";
import { type ChunkCache, covering, entriesOf, type NumberedEntry, readPages } from "../format/chunk-cache.ts";
import { compareIds, type ItemId, normalizeId } from "../format/ids.ts";
import { type Item, type OpenPage, readItemPage } from "../format/item-pages.ts";
import { type OpenLookup, readLookupPage } from "../format/lookup-pages.ts";
import type { Manifest } from "../format/manifest.ts";
import { partition } from "../sorted.ts";
import { firstById } from "./first-by-id.ts";
import type { OrdinalSet } from "./ordinal-set.ts";

/** Items by their ordinals and ids, wherever they lie. */
export interface Items {
  items(cache: ChunkCache, ordinals: ArrayLike<number>): Promise<Item[]>;
  /** Ids alone: nothing else of an item is decoded. */
  ids(cache: ChunkCache, ordinals: ArrayLike<number>): Promise<ItemId[]>;
  /** Of items with these ordinals the `wanted` with the smallest ids, in their order. */
  first(cache: ChunkCache, offsets: Uint32Array, ordinals: OrdinalSet, wanted: number): Promise<Uint32Array>;
  /** −1 for an id that no item has. */
  ordinals(cache: ChunkCache, ids: readonly ItemId[]): Promise<Int32Array>;
}

/** What lies in pages by ordinal or by id: items and look-up. Fetches a page when something on it is asked for. */
export class ItemStore implements Items {
  readonly #manifest: Manifest;
  readonly #items: readonly NumberedEntry[];
  readonly #lookup: readonly NumberedEntry[];
  /** Smallest id of each look-up page. */
  readonly #firstIds: readonly ItemId[];
  /** Opened pages: as long as the cache has a payload, it is checked only once. */
  readonly #pages = new WeakMap<Uint8Array, unknown>();

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    this.#items = entriesOf(manifest, "items");
    this.#lookup = entriesOf(manifest, "lookup");
    this.#firstIds = this.#lookup.map(({ entry }) => normalizeId(entry.firstId!, manifest.idType) ?? "");
  }

  items(cache: ChunkCache, ordinals: ArrayLike<number>): Promise<Item[]> {
    return this.#each(cache, ordinals, ({ item }, i) => item(i));
  }

  ids(cache: ChunkCache, ordinals: ArrayLike<number>): Promise<ItemId[]> {
    return this.#each(cache, ordinals, ({ id }, i) => id(i));
  }

  async #each<T>(cache: ChunkCache, ordinals: ArrayLike<number>, take: (page: OpenPage, i: number) => T): Promise<T[]> {
    checkOrdinals(ordinals, this.#manifest.numItems);
    const taken = new Array<T>(ordinals.length);
    await readPages(
      cache,
      ordinals.length,
      (i) => covering(this.#items, ordinals[i]!),
      (numbered, payload, places) => {
        const page = this.#openItems(numbered, payload);
        for (const i of places) taken[i] = take(page, ordinals[i]! - numbered.entry.first);
      },
    );
    return taken;
  }

  first(cache: ChunkCache, offsets: Uint32Array, ordinals: OrdinalSet, wanted: number): Promise<Uint32Array> {
    const pages = {
      ...{ items: this.#items, lookup: this.#lookup, offsets, cache },
      idsOf: (numbered: NumberedEntry, payload: Uint8Array) => this.#openItems(numbered, payload).id,
      ordinalsOf: (numbered: NumberedEntry, payload: Uint8Array) => this.#openLookup(numbered, payload).ordinals,
    };
    return firstById(pages, ordinals, wanted);
  }

  async ordinals(cache: ChunkCache, ids: readonly ItemId[]): Promise<Int32Array> {
    const { idType } = this.#manifest;
    const found = new Int32Array(ids.length).fill(-1);
    const wanted = ids.map((id) => normalizeId(id, idType));
    const first = this.#firstIds;
    // The only look-up page that an id can be on; none when it is smaller than all ids.
    const pages = wanted.map((id) =>
      id === undefined ? -1 : partition(first.length, (page) => compareIds(first[page]!, id) <= 0) - 1,
    );
    await readPages(
      cache,
      ids.length,
      (i) => this.#lookup[pages[i]!],
      (numbered, payload, places) => {
        const page = this.#openLookup(numbered, payload);
        for (const i of places) found[i] = page.find(wanted[i]!);
      },
    );
    return found;
  }

  #openItems({ entry: { key, count } }: NumberedEntry, payload: Uint8Array): OpenPage {
    const { idType, hasFields } = this.#manifest;
    return this.#open(payload, () => readItemPage(`chunk ${key}`, payload, count, idType, hasFields));
  }

  #openLookup({ entry: { key, count } }: NumberedEntry, payload: Uint8Array): OpenLookup {
    const { idType, numItems } = this.#manifest;
    return this.#open(payload, () => readLookupPage(`chunk ${key}`, payload, count, idType, numItems));
  }

  #open<T>(payload: Uint8Array, read: () => T): T {
    const page = (this.#pages.get(payload) as T | undefined) ?? read();
    this.#pages.set(payload, page);
    return page;
  }
}

/** @throws TypeError, RangeError at the first that is none */
export function checkOrdinals(ordinals: ArrayLike<number>, numItems: number): void {
  for (let i = 0; i < ordinals.length; i++) checkInteger(`ordinals[${i}]`, ordinals[i], 0, numItems - 1);
}
