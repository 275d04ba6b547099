import { addTo } from "../group.ts";
import { mapLimited } from "../limited.ts";
import { partition } from "../sorted.ts";
import { type ChunkEntry, openChunk } from "./chunk.ts";

/** Where chunks come from: files, KV, memory. `get` rejects when the key is absent. */
export interface ChunkSource {
  get(key: string): Promise<Uint8Array>;
  /**
   * Says that bytes which `get` gave, or a view of them, are neither kept nor read any more. For a source that would
   * rather free a page itself than wait for the garbage collector.
   */
  release?(bytes: Uint8Array): void;
}

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
  readonly #budget: number;
  readonly #payloads = new Map<string, Uint8Array>();
  /** How many readers each payload has that wait for something else meanwhile. */
  readonly #pins = new WeakMap<Uint8Array, number>();
  #bytes = 0;

  constructor(source: ChunkSource, verify: boolean, budget: number) {
    this.#source = source;
    this.#verify = verify;
    this.#budget = budget;
  }

  /** Fetches and checks a chunk, without keeping it. */
  async fetch({ entry, seq }: NumberedEntry): Promise<Uint8Array> {
    return openChunk(entry, seq, await this.#source.get(entry.key), this.#verify);
  }

  /** A payload that is in memory already, to be read at once. */
  peek({ entry }: NumberedEntry): Uint8Array | undefined {
    const payload = this.#payloads.get(entry.key);
    if (payload === undefined) return undefined;
    // Re-inserting moves the key to the end of the map's order, which is the order of use.
    this.#payloads.delete(entry.key);
    this.#payloads.set(entry.key, payload);
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
    this.#pins.set(payload, (this.#pins.get(payload) ?? 0) + 1);
    this.#keep(numbered.entry.key, payload);
    return payload;
  }

  unpin(payload: Uint8Array, { entry }: NumberedEntry): void {
    const pins = this.#pins.get(payload)! - 1;
    if (pins > 0) this.#pins.set(payload, pins);
    else {
      this.#pins.delete(payload);
      if (this.#payloads.get(entry.key) !== payload) this.release(payload);
    }
  }

  /** Tells the source that a payload from `fetch` is needed no longer. */
  release(payload: Uint8Array): void {
    this.#source.release?.(payload);
  }

  #keep(key: string, payload: Uint8Array): void {
    if (payload.length > this.#budget || this.#payloads.has(key)) return;
    this.#payloads.set(key, payload);
    this.#bytes += payload.length;
    for (const [oldest, bytes] of this.#payloads) {
      if (this.#bytes <= this.#budget) break;
      this.#payloads.delete(oldest);
      this.#bytes -= bytes.length;
      if (!this.#pins.has(bytes)) this.release(bytes);
    }
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
  const wanted = new Map<NumberedEntry, number[]>();
  for (let i = 0; i < n; i++) {
    const page = pageOf(i);
    if (page !== undefined) addTo(wanted, page, i);
  }
  const missing: [NumberedEntry, number[]][] = [];
  for (const [page, places] of wanted) {
    const payload = cache.peek(page);
    if (payload === undefined) missing.push([page, places]);
    else take(page, payload, places);
  }
  if (missing.length === 0) return undefined;
  return mapLimited(missing, MAX_FETCHES, ([page, places]) =>
    cache.read(page, (payload) => take(page, payload, places)),
  );
}

/** One payload from the parts of a kind, chunks written by `addParts`; undefined when there is none. */
export async function joinParts(
  cache: ChunkCache,
  listing: Listing,
  kind: ChunkEntry["kind"],
): Promise<Uint8Array | undefined> {
  const payloads = await mapLimited(entriesOf(listing, kind), MAX_FETCHES, (part) => cache.fetch(part));
  if (payloads.length < 2) return payloads[0];
  const all = new Uint8Array(payloads.reduce((sum, payload) => sum + payload.length, 0));
  let at = 0;
  for (const payload of payloads) {
    all.set(payload, at);
    at += payload.length;
    cache.release(payload);
  }
  return all;
}
