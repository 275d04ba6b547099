import { check, FormatError } from "../errors.ts";
import { partition } from "../sorted.ts";
import { SectionReader, SectionWriter } from "./bytes.ts";
import { type ChunkEntry, chunkKey, PAGED_KINDS, type PagedKind } from "./chunk.ts";
import { ChunkCache, type NumberedEntry } from "./chunk-cache.ts";
import type { ChunkSource } from "./chunk-source.ts";
import { HEADER_BYTES, MAX_CHUNK_BYTES } from "./constants.ts";
import { compareIds, type IdReader, type ItemId, type ItemIds, normalizeId, readIds, writeIds } from "./ids.ts";
import type { Manifest } from "./manifest.ts";
import { PayloadPool } from "./payload-pool.ts";

/** Pages that one table lists: 90 kB of it, which is read for the first of them. */
export const MAX_TABLE_PAGES = 2048;
const HASH_BYTES = 32;

/** What is remembered of the pages of a table that is being written. */
export interface ListedPage {
  readonly entry: Pick<ChunkEntry, "size" | "sha256" | "first" | "count">;
  /** Of a look-up page. */
  readonly firstId?: ItemId | undefined;
}

/** The payload of a table, as docs/format.md has it. @param toIds ids as the index has them */
export function writeTable(pages: readonly ListedPage[], toIds: (ids: readonly ItemId[]) => ItemIds): Uint8Array {
  const hashes = new Uint8Array(pages.length * HASH_BYTES);
  for (const [i, { entry }] of pages.entries())
    for (let b = 0; b < HASH_BYTES; b++)
      hashes[i * HASH_BYTES + b] = Number.parseInt(entry.sha256.slice(2 * b, 2 * b + 2), 16);
  const writer = new SectionWriter();
  writer.add(Uint32Array.from(pages, ({ entry }) => entry.count));
  writer.add(Uint32Array.from(pages, ({ entry }) => entry.size));
  writer.add(hashes);
  if (pages[0]?.firstId !== undefined) writeIds(writer, toIds(pages.map(({ firstId }) => firstId!)));
  return writer.bytes();
}

/** One table opened. */
interface OpenTable {
  /** Of its payload, and of what is made of it. */
  readonly bytes: number;
  /** (pages + 1) where each page begins; then the end. */
  readonly starts: Float64Array;
  readonly firstId: IdReader | undefined;
  /** Made anew each time: thousands that are kept would take more than the table. */
  entry(page: number): NumberedEntry;
}

/** Bytes of the tables of a kind that are kept opened, or one that is larger: some 60 of them. */
export const OPEN_TABLE_BYTES = 6 << 20;

/** The pages of one kind, wherever an index lists them; a table is read when a page of it is asked for. */
export class PageTables {
  readonly kind: PagedKind;
  /** Pages in all. */
  readonly count: number;
  readonly #manifest: Manifest;
  readonly #tables: readonly NumberedEntry[];
  /** (tables) number of the first page of each. */
  readonly #seqs: readonly number[];
  readonly #open = new Map<NumberedEntry, OpenTable>();
  #openBytes = 0;

  constructor(manifest: Manifest, kind: PagedKind) {
    this.kind = kind;
    this.#manifest = manifest;
    const tables = manifest.chunks.filter((entry) => entry.kind === "pages");
    this.#tables = tables.map((entry, seq) => ({ entry, seq })).filter(({ entry }) => entry.of === kind);
    let count = 0;
    this.#seqs = this.#tables.map(({ entry }) => {
      count += entry.pages!;
      return count - entry.pages!;
    });
    this.count = count;
  }

  /** Every page, in order. */
  async all(cache: ChunkCache): Promise<NumberedEntry[]> {
    const all: NumberedEntry[] = [];
    for (const [i, table] of this.#tables.entries()) {
      const { entry } = await this.#table(cache, i);
      for (let page = 0; page < table.entry.pages!; page++) all.push(entry(page));
    }
    return all;
  }

  /** (pages + 1) where each page begins; then the end of the last. */
  async starts(cache: ChunkCache): Promise<Float64Array> {
    const all = new Float64Array(this.count + 1);
    for (let i = 0; i < this.#tables.length; i++) all.set((await this.#table(cache, i)).starts, this.#seqs[i]!);
    return all;
  }

  /** A page by its number. */
  async page(cache: ChunkCache, seq: number): Promise<NumberedEntry> {
    const number = partition(this.#seqs.length, (table) => this.#seqs[table]! <= seq) - 1;
    return (await this.#table(cache, number)).entry(seq - this.#seqs[number]!);
  }

  /** The page that covers each position; of positions asked for together, the same page is the same object. */
  async covering(cache: ChunkCache, positions: ArrayLike<number>): Promise<NumberedEntry[]> {
    const found: NumberedEntry[] = [];
    const known = new Map<number, NumberedEntry>();
    for (let i = 0; i < positions.length; i++) {
      const at = positions[i]!;
      const number = partition(this.#tables.length, (table) => this.#tables[table]!.entry.first <= at) - 1;
      const { starts, entry } = await this.#table(cache, number);
      const page = partition(starts.length - 1, (page) => starts[page]! <= at) - 1;
      const seq = this.#seqs[number]! + page;
      const numbered = known.get(seq) ?? entry(page);
      known.set(seq, numbered);
      found.push(numbered);
    }
    return found;
  }

  /** The only page that an id can be on; undefined when it is smaller than all ids. */
  async byId(cache: ChunkCache, id: ItemId): Promise<NumberedEntry | undefined> {
    const { idType } = this.#manifest;
    const firstOf = (table: number): ItemId => normalizeId(this.#tables[table]!.entry.firstId!, idType) ?? "";
    const number = partition(this.#tables.length, (table) => compareIds(firstOf(table), id) <= 0) - 1;
    if (number < 0) return undefined;
    const { firstId, entry } = await this.#table(cache, number);
    const pages = this.#tables[number]!.entry.pages!;
    const page = partition(pages, (page) => compareIds(firstId!(page), id) <= 0) - 1;
    return page < 0 ? undefined : entry(page);
  }

  async #table(cache: ChunkCache, number: number): Promise<OpenTable> {
    const table = this.#tables[number]!;
    const known = this.#open.get(table);
    if (known !== undefined) {
      this.#open.delete(table);
      this.#open.set(table, known);
      return known;
    }
    const payload = await cache.fetch(table);
    // a copy: the payload goes back to where it came from
    const opened = openTable(table.entry, this.#seqs[number]!, payload.slice(), this.#manifest.idType);
    cache.release(payload);
    // Another request may have opened it at the same time.
    this.#openBytes += opened.bytes - (this.#open.get(table)?.bytes ?? 0);
    this.#open.delete(table);
    this.#open.set(table, opened);
    for (const [oldest, { bytes }] of this.#open) {
      if (this.#openBytes <= OPEN_TABLE_BYTES || this.#open.size === 1) break;
      this.#open.delete(oldest);
      this.#openBytes -= bytes;
    }
    return opened;
  }
}

function openTable(table: ChunkEntry, firstSeq: number, payload: Uint8Array, idType: Manifest["idType"]): OpenTable {
  const where = `chunk ${table.key}`;
  const { of: kind, pages, first, count, bytes, largest } = table as Required<ChunkEntry>;
  const reader = new SectionReader(where, payload);
  const counts = reader.u32("counts", pages);
  const sizes = reader.u32("sizes", pages);
  const hashes = reader.u8("hashes", pages * HASH_BYTES);
  const firstId = kind === "lookup" ? readIds(reader, where, pages, idType) : undefined;
  reader.end();
  const starts = new Float64Array(pages + 1);
  starts[0] = first;
  let sum = 0;
  for (let page = 0; page < pages; page++) {
    const size = sizes[page]!;
    starts[page + 1] = starts[page]! + counts[page]!;
    sum += size;
    check(counts[page]! > 0, `counts[${page}]`, "at least 1", 0, where);
    check(
      size >= HEADER_BYTES && size <= Math.min(largest, MAX_CHUNK_BYTES),
      `sizes[${page}]`,
      `to ${largest}`,
      size,
      where,
    );
  }
  check(starts[pages] === first + count, "counts", `${count} in all`, starts[pages]! - first, where);
  check(sum === bytes, "sizes", `${bytes} in all`, sum, where);
  const entry = (page: number): NumberedEntry => {
    if (page < 0 || page >= pages) throw new FormatError(where, `has no page ${page}`);
    const hash = hashes.subarray(page * HASH_BYTES, (page + 1) * HASH_BYTES);
    const sha256 = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const seq = firstSeq + page;
    const key = chunkKey(kind, seq, sha256);
    return { entry: { kind, key, size: sizes[page]!, sha256, first: starts[page]!, count: counts[page]! }, seq };
  };
  return { bytes: payload.length + starts.byteLength, starts, firstId, entry };
}

/**
 * Every chunk of an index, those that tables list included: for whoever copies an index or counts what it needs.
 *
 * @param source for the tables; nothing is read for an index without
 * @throws FormatError when a table is damaged
 */
export async function listChunks(manifest: Manifest, source: ChunkSource): Promise<ChunkEntry[]> {
  const chunks = [...manifest.chunks];
  if (manifest.cellsPerPage === undefined) return chunks;
  const cache = new ChunkCache(source, true, new PayloadPool(0));
  for (const kind of PAGED_KINDS)
    for (const { entry } of await new PageTables(manifest, kind).all(cache)) chunks.push(entry);
  return chunks;
}
