import { type ChunkCache, type NumberedEntry, readPages } from "../format/chunk-cache.ts";
import { compareIds, type ItemId, normalizeId } from "../format/ids.ts";
import { type Item, type ItemFields, readFieldPage } from "../format/item-pages.ts";
import { type OpenLookup, readLookupPage } from "../format/lookup-pages.ts";
import type { Manifest } from "../format/manifest.ts";
import { PageTables } from "../format/page-tables.ts";
import type { WithTies } from "./finalists.ts";
import { firstById } from "./first-by-id.ts";
import { checkOrdinals, type Items } from "./item-store.ts";
import type { OrdinalSet } from "./ordinal-set.ts";
import type { PagedLists } from "./paging.ts";

/** Ids that searches came by and that are asked for next. */
const MAX_RECENT = 4096;
/** Items of equal score whose ids are remembered, of what is searched at once: of more, their pages are read again. */
const MAX_TIED = 1024;

/** Items whose ids lie beside their codes, and whose fields and look-ups are on pages that tables list. */
export class PagedItemStore implements Items {
  readonly #manifest: Manifest;
  readonly #lists: PagedLists;
  readonly #fields: PageTables;
  readonly #lookup: PageTables;
  readonly #recent = new Map<number, ItemId>();
  /** Opened pages: as long as the cache has a payload, it is checked only once. */
  readonly #pages = new WeakMap<Uint8Array, unknown>();

  constructor(manifest: Manifest, lists: PagedLists) {
    this.#manifest = manifest;
    this.#lists = lists;
    this.#fields = new PageTables(manifest, "items");
    this.#lookup = new PageTables(manifest, "lookup");
  }

  /** Ids of items that a search is about to return, so that the pages they lie on are not read once more for them. */
  remember({ ordinals, tied }: WithTies, idOf: (ordinal: number) => ItemId | undefined): void {
    const keep = (ordinal: number): void => {
      const id = idOf(ordinal);
      if (id === undefined) return;
      this.#recent.delete(ordinal);
      this.#recent.set(ordinal, id);
    };
    if (tied !== undefined && tied.count() <= MAX_TIED) for (const ordinal of tied) keep(ordinal);
    for (const ordinal of ordinals) keep(ordinal);
    for (const [oldest] of this.#recent) {
      if (this.#recent.size <= MAX_RECENT) break;
      this.#recent.delete(oldest);
    }
  }

  async items(cache: ChunkCache, ordinals: ArrayLike<number>): Promise<Item[]> {
    const ids = await this.ids(cache, ordinals);
    const { hasFields } = this.#manifest;
    const fields = new Array<ItemFields | undefined>(ids.length);
    if (hasFields) {
      const pages = await this.#fields.covering(cache, ordinals);
      await readPages(
        cache,
        ids.length,
        (i) => pages[i],
        ({ entry }, payload, places) => {
          const page = this.#open(payload, () => readFieldPage(`chunk ${entry.key}`, payload, entry.count));
          for (const i of places) fields[i] = page(ordinals[i]! - entry.first);
        },
      );
    }
    return ids.map((id, i) => ({ id, fields: fields[i] }));
  }

  async ids(cache: ChunkCache, ordinals: ArrayLike<number>): Promise<ItemId[]> {
    checkOrdinals(ordinals, this.#manifest.numItems);
    const ids = Array.from(ordinals, (ordinal) => this.#recent.get(ordinal));
    await readPages(
      cache,
      ids.length,
      (i) => (ids[i] === undefined ? this.#lists.pageOf(ordinals[i]!).numbered : undefined),
      (numbered, payload, places) => {
        const page = this.#lists.open(numbered, payload);
        for (const i of places) ids[i] = page.id!(ordinals[i]! - numbered.entry.first);
      },
    );
    return ids as ItemId[];
  }

  first(cache: ChunkCache, offsets: Uint32Array, ordinals: OrdinalSet, wanted: number): Promise<Uint32Array> {
    const known = ordinals.count() <= MAX_RECENT ? this.#firstKnown([...ordinals], wanted) : undefined;
    if (known !== undefined) return Promise.resolve(known);
    const pages = {
      ...{ items: this.#lists.pages, lookup: [], offsets, cache },
      idsOf: (numbered: NumberedEntry, payload: Uint8Array) => this.#lists.open(numbered, payload).id!,
      ordinalsOf: () => new Uint32Array(0),
    };
    return firstById(pages, ordinals, wanted);
  }

  /** Undefined where an id is not known. */
  #firstKnown(ordinals: readonly number[], wanted: number): Uint32Array | undefined {
    const known = ordinals.map((ordinal) => [this.#recent.get(ordinal), ordinal] as const);
    if (known.some(([id]) => id === undefined)) return undefined;
    known.sort(([a], [b]) => compareIds(a!, b!));
    return Uint32Array.from(known.slice(0, wanted), ([, ordinal]) => ordinal);
  }

  async ordinals(cache: ChunkCache, ids: readonly ItemId[]): Promise<Int32Array> {
    const { idType, numItems } = this.#manifest;
    const found = new Int32Array(ids.length).fill(-1);
    const wanted = ids.map((id) => normalizeId(id, idType));
    const pages: (NumberedEntry | undefined)[] = [];
    for (const id of wanted) pages.push(id === undefined ? undefined : await this.#lookup.byId(cache, id));
    await readPages(
      cache,
      ids.length,
      (i) => pages[i],
      ({ entry: { key, count } }, payload, places) => {
        const page: OpenLookup = this.#open(payload, () =>
          readLookupPage(`chunk ${key}`, payload, count, idType, numItems),
        );
        for (const i of places) found[i] = page.find(wanted[i]!);
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
