import { checkInteger } from "../errors.ts";
import { type ChunkCache, covering, entriesOf, type NumberedEntry, readPages } from "../format/chunk-cache.ts";
import { compareIds, type ItemId, normalizeId } from "../format/ids.ts";
import { type Item, readItemPage } from "../format/item-pages.ts";
import { readLookupPage } from "../format/lookup-pages.ts";
import type { Manifest } from "../format/manifest.ts";
import { partition } from "../sorted.ts";

/** What lies in pages by ordinal or by id: items and look-up. Fetches a page when something on it is asked for. */
export class ItemStore {
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

  async items(cache: ChunkCache, ordinals: ArrayLike<number>): Promise<Item[]> {
    const { idType, hasFields, numItems } = this.#manifest;
    checkOrdinals(ordinals, numItems);
    const items = new Array<Item>(ordinals.length);
    await readPages(
      cache,
      ordinals.length,
      (i) => covering(this.#items, ordinals[i]!),
      ({ entry: { key, first, count } }, payload, places) => {
        const page = this.#open(payload, () => readItemPage(`chunk ${key}`, payload, count, idType, hasFields));
        for (const i of places) items[i] = page(ordinals[i]! - first);
      },
    );
    return items;
  }

  /** −1 for an id that no item has. */
  async ordinals(cache: ChunkCache, ids: readonly ItemId[]): Promise<Int32Array> {
    const { idType, numItems } = this.#manifest;
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
      ({ entry: { key, count } }, payload, places) => {
        const find = this.#open(payload, () => readLookupPage(`chunk ${key}`, payload, count, idType, numItems));
        for (const i of places) found[i] = find(wanted[i]!);
      },
    );
    return found;
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
