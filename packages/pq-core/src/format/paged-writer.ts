import type { Codebook } from "../codebook/codebook.ts";
import { check, INPUT, rangeError } from "../errors.ts";
import { blockBytes, packBlocks, type TermRange } from "../kernel/blocks.ts";
import { MAX_ID_BYTES } from "../limits.ts";
import { SectionWriter } from "./bytes.ts";
import { type ChunkEntry, PAGED_KINDS, type PagedKind } from "./chunk.ts";
import type { ChunkList } from "./chunk-list.ts";
import { HEADER_BYTES, MAX_CHUNK_BYTES } from "./constants.ts";
import { type FilterNames, FilterPagesWriter, type FilterRows } from "./filter-pages.ts";
import { type IdType, type ItemId, type ItemIds, toIds, writeIds, writeStrings } from "./ids.ts";
import { writeListsPage } from "./lists-page.ts";
import { type ListedPage, MAX_TABLE_PAGES, writeTable } from "./page-tables.ts";
import { utf8Length } from "./utf8.ts";

/** Items in list order, a run of them. */
export interface RowSlice extends FilterRows {
  /** (count, M) */
  readonly codes: Uint8Array;
  /** (count) as lists have them: norms for cosine, what stands for their squares for l2. */
  readonly terms?: Float32Array | undefined;
  readonly ids: ItemIds;
  /** JSON of an object each; for items with fields. */
  readonly fields?: readonly string[] | undefined;
}

/** A run of items by ascending id. */
export interface LookupSlice {
  readonly ids: ItemIds;
  readonly ordinals: Uint32Array;
}

/** Items of any number, handed over a run at a time. */
export interface PagedItems {
  readonly codebook: Codebook;
  readonly idType: IdType;
  readonly hasFields: boolean;
  /** Cells whose items share pages, from 1 on. */
  readonly cellsPerPage: number;
  /** (cells + 1) list offsets. */
  readonly offsets: Uint32Array;
  readonly range: TermRange;
  /** Left out: items cannot be filtered. */
  readonly filters?: FilterNames | undefined;
  /** The next items in list order: each is asked for once. */
  rows(first: number, count: number): RowSlice | Promise<RowSlice>;
  /** All items by ascending id, asked for once, after all rows. */
  lookup(): AsyncIterable<LookupSlice> | Iterable<LookupSlice>;
}

/** Items that are asked for together, at most; and their codes and ids, as long as ids can be. */
const SLICE = 8192;
const SLICE_BYTES = 2 << 20;
/** A page of codes and ids ends where it has so many: with them a search has room for several pages. */
const MAX_LISTS_BYTES = 4 << 20;
/** A page of filters covers pages of lists up to as much as so many pages of fields: neighbours then share a read. */
const FILTER_PAGES = 2;
const MAX_FILTER_PAGES = 8;
/** What a value takes on a page besides the items that have it: its number, how many they are, and alignment. */
const BYTES_OF_VALUE = 24;
/** Ids are looked up one by one, most often those of a history: each is a page of its own. */
const MAX_LOOKUP_BYTES = 128 << 10;
/** Room that alignment takes in a page at most. */
const PAGE_OVERHEAD = 128;

/**
 * Adds every chunk that holds something of the items but for words: pages, and the tables that list them. No more is in
 * memory than a page of each kind, and what the tables say.
 *
 * @param pageBytes of a page of fields or of ids
 */
export async function addPagedItems(list: ChunkList, items: PagedItems, pageBytes: number): Promise<void> {
  const pages = new PageLists(list, items.idType);
  const fields = new FieldPages(pages, pageBytes);
  const filters = items.filters && new FilterRuns(pages, items.filters, pageBytes);
  const { offsets, cellsPerPage, codebook } = items;
  for (let cell = 0; cell + 1 < offsets.length; cell += cellsPerPage) {
    const end = offsets[Math.min(cell + cellsPerPage, offsets.length - 1)]!;
    for (let first = offsets[cell]!; first < end; ) {
      const run = await takeRun(items, first, end);
      const count = run.count;
      const blocks = packBlocks(codebook, run.codes, undefined, run.terms, items.range);
      await pages.add("lists", writeListsPage(blocks, run.ids), first, count);
      for (const slice of run.slices) {
        if (items.hasFields) await fields.add(slice.fields!);
        await filters?.add(slice);
      }
      await filters?.closePage();
      first += count;
    }
  }
  await fields.end();
  await filters?.end();
  await addLookup(pages, items, Math.min(pageBytes, MAX_LOOKUP_BYTES));
  for (const kind of PAGED_KINDS) {
    if (kind === "filter-pages" && filters) await list.addParts("filters", filters.directory());
    await pages.end(kind);
  }
}

/** What lies on one page of lists. */
interface Run {
  readonly count: number;
  readonly codes: Uint8Array;
  readonly terms: Float32Array | undefined;
  readonly ids: ItemIds;
  readonly slices: readonly RowSlice[];
}

/** Items from `first` on, as many as a page takes; cut at slices, so that the cuts do not depend on who hands over. */
async function takeRun(items: PagedItems, first: number, end: number): Promise<Run> {
  const { codebook, idType } = items;
  const perItem = blockBytes(codebook) / 32;
  const mostOfId = idType === "string" ? 4 + MAX_ID_BYTES : 8;
  const most = Math.max(1, Math.min(SLICE, Math.floor(SLICE_BYTES / (perItem + mostOfId))));
  const slices: RowSlice[] = [];
  let bytes = 0;
  let at = first;
  while (at < end && bytes < MAX_LISTS_BYTES) {
    const count = Math.min(most, end - at);
    const slice = await items.rows(at, count);
    slices.push(slice);
    at += count;
    bytes += count * perItem + bytesOfIds(slice.ids);
  }
  const count = at - first;
  const codes = new Uint8Array(count * codebook.numSubQuantizers);
  const terms = slices[0]!.terms && new Float32Array(count);
  let done = 0;
  for (const slice of slices) {
    codes.set(slice.codes, done * codebook.numSubQuantizers);
    terms?.set(slice.terms!, done);
    done += slice.ids.length;
  }
  if (done !== count) throw rangeError("rows", `${count} items from ${first}`, done);
  const ids =
    slices.length === 1
      ? slices[0]!.ids
      : toIds(
          slices.flatMap((slice) => [...slice.ids] as ItemId[]),
          idType,
        );
  return { count, codes, terms, ids, slices };
}

function bytesOfIds(ids: ItemIds): number {
  if (ids instanceof Uint32Array || ids instanceof BigUint64Array) return ids.byteLength;
  return (ids as readonly string[]).reduce((sum, id) => sum + 4 + utf8Length(id), 0);
}

/** Seals pages, and lists them in tables. */
class PageLists {
  readonly #list: ChunkList;
  readonly #idType: IdType;
  readonly #listed = new Map<PagedKind, ListedPage[]>();

  constructor(list: ChunkList, idType: IdType) {
    this.#list = list;
    this.#idType = idType;
  }

  async add(kind: PagedKind, payload: Uint8Array, first: number, count: number, firstId?: ItemId): Promise<void> {
    const entry = await this.#list.seal(kind, payload, first, count);
    const listed = this.#listed.get(kind) ?? [];
    listed.push({ entry, firstId });
    this.#listed.set(kind, listed);
  }

  /** Writes the tables of a kind. */
  async end(kind: PagedKind): Promise<void> {
    const listed = this.#listed.get(kind) ?? [];
    for (let at = 0; at < listed.length; at += MAX_TABLE_PAGES) {
      const some = listed.slice(at, at + MAX_TABLE_PAGES);
      const [{ entry, firstId }] = some as [ListedPage];
      const sizes = some.map(({ entry: { size } }) => size);
      const facts: Partial<ChunkEntry> = {
        of: kind,
        pages: some.length,
        bytes: sizes.reduce((sum, size) => sum + size, 0),
        largest: Math.max(...sizes),
        ...(firstId === undefined ? {} : { firstId: String(firstId) }),
      };
      const covered = some.reduce((sum, { entry: { count } }) => sum + count, 0);
      const payload = writeTable(some, (ids) => toIds(ids, this.#idType));
      await this.#list.add("pages", payload, entry.first, covered, facts);
    }
  }
}

/** Collects the fields of items until a page is full. */
class FieldPages {
  readonly #pages: PageLists;
  readonly #limit: number;
  #json: string[] = [];
  #bytes = 0;
  #first = 0;

  constructor(pages: PageLists, limit: number) {
    this.#pages = pages;
    this.#limit = limit - HEADER_BYTES - PAGE_OVERHEAD;
  }

  async add(fields: readonly string[]): Promise<void> {
    for (const json of fields) {
      const bytes = 4 + utf8Length(json);
      if (bytes > this.#limit) {
        const name = `fields[${this.#first + this.#json.length}]`;
        check(false, name, `at most ${this.#limit} bytes (itemChunkBytes)`, `${bytes} bytes`, INPUT);
      }
      if (this.#bytes + bytes > this.#limit) await this.end();
      this.#json.push(json);
      this.#bytes += bytes;
    }
  }

  async end(): Promise<void> {
    if (this.#json.length === 0) return;
    const writer = new SectionWriter();
    writeStrings(writer, this.#json);
    await this.#pages.add("items", writer.bytes(), this.#first, this.#json.length);
    this.#first += this.#json.length;
    this.#json = [];
    this.#bytes = 0;
  }
}

/** Collects what items are filtered by: of whole pages of lists until a page is full, and of part of one if need be. */
class FilterRuns {
  readonly #pages: PageLists;
  readonly #writer: FilterPagesWriter;
  readonly #full: number;
  readonly #most: number;
  readonly #numbers: number;
  #slices: FilterSlice[] = [];
  #bytes = 0;
  #first = 0;

  constructor(pages: PageLists, names: FilterNames, pageBytes: number) {
    this.#pages = pages;
    this.#full = FILTER_PAGES * pageBytes;
    this.#most = Math.min(MAX_CHUNK_BYTES / 2, MAX_FILTER_PAGES * pageBytes);
    this.#writer = new FilterPagesWriter(names);
    this.#numbers = names.numbers.length;
  }

  async add({ ids, facets, numbers }: RowSlice): Promise<void> {
    await this.#add({ count: ids.length, facets, numbers });
  }

  async #add(slice: FilterSlice): Promise<void> {
    const { count } = slice;
    const bytes = count * 8 * this.#numbers + bytesOfValues(slice);
    if (bytes > this.#most && count > 1) {
      const half = count >> 1;
      await this.#add(cutSlice(slice, 0, half));
      return this.#add(cutSlice(slice, half, count));
    }
    if (this.#bytes + bytes > this.#most) await this.end();
    this.#slices.push(slice);
    this.#bytes += bytes;
  }

  /** A page of lists is complete. */
  async closePage(): Promise<void> {
    if (this.#bytes >= this.#full) await this.end();
  }

  async end(): Promise<void> {
    if (this.#slices.length === 0) return;
    const facets = this.#slices[0]!.facets.map((_, f) => this.#slices.flatMap((slice) => Array.from(slice.facets[f]!)));
    const numbers = this.#slices[0]!.numbers.map((_, j) =>
      this.#slices.flatMap((slice) => Array.from(slice.numbers[j]!)),
    );
    const count = this.#slices.reduce((sum, slice) => sum + slice.count, 0);
    await this.#pages.add(
      "filter-pages",
      this.#writer.page(this.#first, count, { facets, numbers }),
      this.#first,
      count,
    );
    this.#first += count;
    this.#slices = [];
    this.#bytes = 0;
  }

  directory(): Uint8Array {
    return this.#writer.directory();
  }
}

interface FilterSlice extends FilterRows {
  readonly count: number;
}

function cutSlice({ facets, numbers }: FilterSlice, start: number, end: number): FilterSlice {
  return {
    count: end - start,
    facets: facets.map((values) => Array.from(values).slice(start, end)),
    numbers: numbers.map((values) => Array.from(values).slice(start, end)),
  };
}

/** What a page of these items takes for their facets, at most. */
function bytesOfValues({ facets }: FilterSlice): number {
  let bytes = 0;
  for (const values of facets) {
    const distinct = new Set<string>();
    for (let i = 0; i < values.length; i++) {
      const own = values[i] ?? [];
      for (const value of typeof own === "string" ? [own] : own) distinct.add(value);
      bytes += typeof own === "string" ? 4 : 4 * own.length;
    }
    bytes += BYTES_OF_VALUE * distinct.size;
  }
  return bytes;
}

async function addLookup(pages: PageLists, items: PagedItems, pageBytes: number): Promise<void> {
  const limit = pageBytes - HEADER_BYTES - PAGE_OVERHEAD;
  let ids: ItemId[] = [];
  let ordinals: number[] = [];
  let bytes = 0;
  let first = 0;
  const end = async (): Promise<void> => {
    if (ids.length === 0) return;
    const writer = new SectionWriter();
    writer.add(Uint32Array.from(ordinals));
    writeIds(writer, toIds(ids, items.idType));
    await pages.add("lookup", writer.bytes(), first, ids.length, ids[0]);
    first += ids.length;
    ids = [];
    ordinals = [];
    bytes = 0;
  };
  for await (const slice of items.lookup()) {
    for (let i = 0; i < slice.ids.length; i++) {
      const id = slice.ids[i]!;
      const size = typeof id === "string" ? 8 + utf8Length(id) : 12;
      if (bytes + size > limit) await end();
      ids.push(id);
      ordinals.push(slice.ordinals[i]!);
      bytes += size;
    }
  }
  await end();
  const total = items.offsets.at(-1)!;
  if (first !== total) throw rangeError("lookup", `${total} ids`, first);
}
