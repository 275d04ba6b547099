import { FormatError } from "../errors.ts";
import { mapLimited } from "../limited.ts";
import { partition } from "../sorted.ts";
import { type ChunkEntry, openChunk } from "./chunk.ts";
import type { ChunkSource, ReadMeter } from "./chunk-source.ts";
import { HEADER_BYTES } from "./constants.ts";
import type { PayloadPool } from "./payload-pool.ts";

/** A manifest entry with its number among the chunks of its kind. */
export interface NumberedEntry {
  readonly entry: ChunkEntry;
  readonly seq: number;
}

/** What lists chunks: a manifest. */
interface Listing {
  readonly chunks: readonly ChunkEntry[];
}

/** The chunks of a kind, in order. */
export function entriesOf({ chunks }: Listing, kind: ChunkEntry["kind"]): NumberedEntry[] {
  return chunks.filter((entry) => entry.kind === kind).map((entry, seq) => ({ entry, seq }));
}

/**
 * Payloads of checked chunks, least recently used out first.
 *
 * Only finished payloads are shared. A Worker must not await a promise that another request made ("Cannot perform
 * I/O on behalf of a different request"), so two requests that miss at once fetch twice, and both are right.
 *
 * The source is told of a payload as soon as nothing reads it any more: it was let go, and whoever pinned it is done.
 * What a cancelled request pinned, and never unpins, is left to the garbage collector.
 */
export class ChunkCache {
  readonly #source: ChunkSource;
  readonly #verify: boolean;
  readonly #meter: ReadMeter | undefined;
  /** What is in memory; several caches may share it. */
  readonly pool: PayloadPool;

  /** @param meter is told of what is read */
  constructor(source: ChunkSource, verify: boolean, pool: PayloadPool, meter?: ReadMeter) {
    this.#source = source;
    this.#verify = verify;
    this.pool = pool;
    this.#meter = meter;
  }

  /** The same chunks, in memory or not, with a meter of what is read. */
  metered(meter: ReadMeter): ChunkCache {
    return new ChunkCache(this.#source, this.#verify, this.pool, meter);
  }

  /** Tells the meter, if it wants to know. */
  readonly rescan = (codes: number): void => this.#meter?.rescan?.(codes);

  /**
   * Fetches and checks a chunk, without keeping it. One that is damaged is asked for once more.
   *
   * @throws FormatError when it is damaged then too
   */
  async fetch(numbered: NumberedEntry): Promise<Uint8Array> {
    const bytes = await this.#get(numbered, false);
    try {
      return await this.#open(numbered, bytes);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    return this.#open(numbered, await this.#get(numbered, true));
  }

  #get({ entry }: NumberedEntry, again: boolean): Promise<Uint8Array> {
    return this.#source.get(entry.key, { meter: this.#meter, again });
  }

  async #open({ entry, seq }: NumberedEntry, bytes: Uint8Array): Promise<Uint8Array> {
    try {
      const payload = await openChunk(entry, seq, bytes, this.#verify && !this.#source.isChecked?.(bytes));
      this.pool.cameFrom(payload, this.#source);
      return payload;
    } catch (error) {
      if (bytes instanceof Uint8Array) this.#source.release?.(bytes);
      throw error;
    }
  }

  /** A payload that is in memory already, to be read at once. */
  peek({ entry }: NumberedEntry): Uint8Array | undefined {
    const { payloads } = this.pool;
    const payload = payloads.get(entry.key);
    if (payload === undefined) return undefined;
    // Re-inserting moves the key to the end of the map's order, which is the order of use.
    payloads.delete(entry.key);
    payloads.set(entry.key, payload);
    return payload;
  }

  /** What `use` makes of a payload, which it must not keep, nor a view of it. */
  async read<T>(numbered: NumberedEntry, use: (payload: Uint8Array) => T): Promise<T> {
    const payload = this.peek(numbered);
    if (payload !== undefined) return use(payload);
    const pinned = await this.pin(numbered);
    try {
      return use(pinned);
    } finally {
      this.unpin(pinned, numbered);
    }
  }

  /** A payload that stays as it is until it is unpinned. */
  async pin(numbered: NumberedEntry): Promise<Uint8Array> {
    let payload = this.peek(numbered);
    if (payload === undefined) {
      const fetched = await this.fetch(numbered);
      // Another search may have fetched it at the same time.
      payload = this.peek(numbered) ?? fetched;
      if (payload !== fetched) this.release(fetched);
    }
    const { pins } = this.pool;
    pins.set(payload, (pins.get(payload) ?? 0) + 1);
    this.pool.keep(numbered.entry.key, payload);
    return payload;
  }

  unpin(payload: Uint8Array, { entry }: NumberedEntry): void {
    const { pins, payloads } = this.pool;
    const left = pins.get(payload)! - 1;
    if (left > 0) pins.set(payload, left);
    else {
      pins.delete(payload);
      if (payloads.get(entry.key) !== payload) this.release(payload);
    }
  }

  /** Tells the source that a payload from `fetch` is needed no longer. */
  release(payload: Uint8Array): void {
    this.pool.release(payload);
  }
}

/** Chunks fetched together: a Worker has six connections per request. */
export const MAX_FETCHES = 6;

/** The chunk that covers `position`; entries cover 0 … total without a gap. */
export function covering(entries: readonly NumberedEntry[], position: number): NumberedEntry {
  return entries[partition(entries.length, (i) => entries[i]!.entry.first <= position) - 1]!;
}

/**
 * Reads the pages that n things lie on. Each page is read, used and let go: a thousand results of a large index may lie
 * on as many pages.
 *
 * @param pageOf undefined for what lies nowhere
 * @param take uses a page; `places` says which of the n lie on it
 */
export function readPages(
  cache: ChunkCache,
  n: number,
  pageOf: (i: number) => NumberedEntry | undefined,
  take: (page: NumberedEntry, payload: Uint8Array, places: readonly number[]) => void,
): Promise<unknown> | undefined {
  // by its key: of a page that a table lists there may be several entries
  const wanted = new Map<string, [NumberedEntry, number[]]>();
  for (let i = 0; i < n; i++) {
    const page = pageOf(i);
    if (page === undefined) continue;
    const known = wanted.get(page.entry.key);
    if (known === undefined) wanted.set(page.entry.key, [page, [i]]);
    else known[1].push(i);
  }
  const missing: [NumberedEntry, number[]][] = [];
  for (const [page, places] of wanted.values()) {
    const payload = cache.peek(page);
    if (payload === undefined) missing.push([page, places]);
    else take(page, payload, places);
  }
  if (missing.length === 0) return undefined;
  return mapLimited(missing, MAX_FETCHES, ([page, places]) =>
    cache.read(page, (payload) => take(page, payload, places)),
  );
}

/** Bytes of chunks that are under way together where each is copied on arrival. */
const COPIED_TOGETHER = 12 << 20;

/**
 * Fetches chunks one after the other and a few at once, and gives each to `take`, which copies what it needs: no more
 * than {@link COPIED_TOGETHER} of them are in memory, or one.
 */
export function fetchEach(
  cache: ChunkCache,
  entries: readonly NumberedEntry[],
  take: (payload: Uint8Array, numbered: NumberedEntry, i: number) => void,
): Promise<unknown> {
  const largest = entries.reduce((most, { entry }) => Math.max(most, entry.size), 1);
  const atOnce = Math.max(1, Math.min(MAX_FETCHES, Math.floor(COPIED_TOGETHER / largest)));
  return mapLimited([...entries.entries()], atOnce, async ([i, numbered]) => {
    const payload = await cache.fetch(numbered);
    try {
      take(payload, numbered, i);
    } finally {
      cache.release(payload);
    }
  });
}

/** One payload from the parts of a kind, chunks written by `addParts`; undefined when there is none. */
export async function joinParts(
  cache: ChunkCache,
  listing: Listing,
  kind: ChunkEntry["kind"],
): Promise<Uint8Array | undefined> {
  const parts = entriesOf(listing, kind);
  if (parts.length < 2) return parts[0] && cache.fetch(parts[0]);
  // How long a part is, but for less than an alignment, is known before it is there: each goes straight to its place.
  const starts = [0];
  for (const { entry } of parts) starts.push(starts.at(-1)! + entry.size - HEADER_BYTES);
  const all = new Uint8Array(starts.at(-1)!);
  const lengths = new Uint32Array(parts.length);
  await fetchEach(cache, parts, (payload, _, i) => {
    all.set(payload, starts[i]!);
    lengths[i] = payload.length;
  });
  let end = 0;
  for (const [i, length] of lengths.entries()) {
    if (starts[i] !== end) all.copyWithin(end, starts[i]!, starts[i]! + length);
    end += length;
  }
  return all.subarray(0, end);
}
