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
    const pages = await this.#pages(this.#items, ordinals, (where, payload, count) =>
      readItemPage(where, payload, count, idType, hasFields),
    );
    return Array.from(ordinals, (ordinal) => {
      const { entry, seq } = covering(this.#items, ordinal);
      return pages.get(seq)!(ordinal - entry.first);
    });
  }

  /** −1 for an id that no item has. */
  async ordinals(ids: readonly ItemId[]): Promise<Int32Array> {
    const { idType, numItems } = this.#manifest;
    const found = new Int32Array(ids.length).fill(-1);
    await mapLimited([...ids.keys()], MAX_FETCHES, async (i) => {
      const id = normalizeId(ids[i]!, idType);
      const page = id === undefined ? -1 : this.#firstIds.findLastIndex((first) => compareIds(first, id) <= 0);
      if (id === undefined || page < 0) return;
      const { key, count } = this.#lookup[page]!.entry;
      found[i] = readLookupPage(
        `chunk ${key}`,
        await this.#cache.get(this.#lookup[page]!),
        count,
        idType,
        numItems,
      )(id);
    });
    return found;
  }

  /** Refine codes of each ordinal: the page and the place on it. */
  async refineCodes(ordinals: ArrayLike<number>): Promise<{ page: RefinePage; at: number }[]> {
    const { dim } = this.#manifest;
    const pages = await this.#pages(this.#refine, ordinals, (where, payload, count) =>
      readRefinePage(where, payload, count, dim),
    );
    return Array.from(ordinals, (ordinal) => {
      const { entry, seq } = covering(this.#refine, ordinal);
      return { page: pages.get(seq)!, at: ordinal - entry.first };
    });
  }

  /** Opens every page that one of the ordinals lies on, once. */
  async #pages<P>(
    entries: readonly NumberedEntry[],
    ordinals: ArrayLike<number>,
    read: (where: string, payload: Uint8Array, count: number) => P,
  ): Promise<Map<number, P>> {
    const wanted = new Map<number, NumberedEntry>();
    for (let i = 0; i < ordinals.length; i++) {
      const numbered = covering(entries, ordinals[i]!);
      wanted.set(numbered.seq, numbered);
    }
    const pages = new Map<number, P>();
    await mapLimited([...wanted.values()], MAX_FETCHES, async (numbered) => {
      const { key, count } = numbered.entry;
      pages.set(numbered.seq, read(`chunk ${key}`, await this.#cache.get(numbered), count));
    });
    return pages;
  }
}

export function checkOrdinals(ordinals: ArrayLike<number>, numItems: number): void {
  for (let i = 0; i < ordinals.length; i++) checkInteger(`ordinals[${i}]`, ordinals[i], 0, numItems - 1);
}
