/**
 * The indexes that this isolate serves, by name, in one budget of memory.
 *
 * A name comes from a request, so it may be anything that `INDEX_NAME` lets through: names without an index take no
 * memory, and a flood of them drives out no index that serves.
 */
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import { UnknownIndexError } from "./errors.ts";
import { ReadError } from "./failures.ts";
import { type HolderOptions, IndexHolder, type Load, type LoadedIndex, unknownIndex } from "./holder.ts";
import type { MemoryDemand } from "./memory-plan.ts";
import type { Store } from "./store.ts";
import { Turns } from "./turns.ts";

/** Says how many bytes a version may use. @throws Error when even its least is more than there is. */
export type Grant = (demand: MemoryDemand) => number;

export interface IndexSetOptions<T extends LoadedIndex> extends Omit<HolderOptions<T>, "open" | "name"> {
  /** Opens the version that a pointer names within the bytes that `grant` allows; `previous` serves now. */
  readonly open: (store: Store, load: Load, grant: Grant, previous: T | undefined) => Promise<T>;
  /** Names that are served beside the default; undefined: every published one. */
  readonly names?: readonly string[] | undefined;
  /** Bytes of all versions that serve. While one version replaces another, or is read, its bytes come on top. */
  readonly maxBytes: number;
}

/** Holders kept at most, those of names without an index included. */
const MAX_HOLDERS = 1000;
/** An index that nobody asked for this long makes room for another one as soon as that can use it. */
const IDLE_MS = 60_000;

interface Entry<T extends LoadedIndex> {
  readonly holder: IndexHolder<T>;
  usedAt: number;
  /** Granted to the version that serves. */
  bytes: number;
}

/** Holds the indexes and decides which of them have to go. */
export class IndexSet<T extends LoadedIndex> {
  readonly #options: IndexSetOptions<T>;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<T>>();
  /** One version is read at a time: what is being read comes on top of what serves. */
  readonly #loading: Turns;

  constructor(options: IndexSetOptions<T>) {
    this.#options = options;
    this.#loading = new Turns({ ...options, limit: 1 });
  }

  /** The version of an index that serves here, if any. */
  current(name: string): T | undefined {
    return this.#entries.get(name)?.holder.current;
  }

  /** Since when looks for a newer version of an index fail, and how; undefined when they do not. */
  refreshFailure(name: string): string | undefined {
    return this.#entries.get(name)?.holder.refreshFailure;
  }

  /** When the pointer of an index was last read, as `now` tells time; undefined when it has not been. */
  checkedAt(name: string): number | undefined {
    return this.#entries.get(name)?.holder.checkedAt;
  }

  /** Bytes granted to the versions that serve. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#entries.values()) sum += bytes;
    return sum;
  }

  /**
   * The index to answer a request with; see {@link IndexHolder.acquire}.
   * @param name matches `INDEX_NAME`
   * @throws UnknownIndexError for a name that no index has, IndexUnavailableError when it cannot be read
   */
  acquire(name: string, waitUntil: (promise: Promise<unknown>) => void): Promise<T> {
    const { names, now } = this.#options;
    if (names !== undefined && name !== DEFAULT_INDEX_NAME && !names.includes(name))
      throw new UnknownIndexError(unknownIndex(name));
    const entry = this.#entries.get(name) ?? this.#add(name);
    entry.usedAt = now();
    if (this.#entries.size > 1) {
      this.#entries.delete(name);
      this.#entries.set(name, entry);
    }
    return entry.holder.acquire(waitUntil);
  }

  #add(name: string): Entry<T> {
    for (const [other, { holder }] of this.#entries) {
      if (this.#entries.size < MAX_HOLDERS) break;
      if (holder.isEmpty) this.#entries.delete(other);
    }
    const entry: Entry<T> = {
      holder: new IndexHolder({
        ...this.#options,
        name,
        open: (store, load) => this.#open(name, entry, store, load),
      }),
      usedAt: this.#options.now(),
      bytes: 0,
    };
    this.#entries.set(name, entry);
    return entry;
  }

  #open(name: string, entry: Entry<T>, store: Store, load: Load): Promise<T> {
    return this.#loading.run(async () => {
      // While this one waited for its turn, another attempt may have read the version.
      const { current } = entry.holder;
      if (current?.version === load.version) return current;
      let granted = 0;
      const grant: Grant = (demand) => {
        granted = this.#grant(name, demand);
        return granted;
      };
      const index = await this.#options.open(store, load, grant, current);
      entry.bytes = granted;
      return index;
    });
  }

  /** Evicts idle indexes for all that a version can use, indexes in use only for what it must have. */
  #grant(name: string, { least, most }: MemoryDemand): number {
    const { maxBytes, now } = this.#options;
    if (least > maxBytes)
      throw new ReadError(
        "memory",
        `index "${name}" expected at most ${maxBytes} bytes that must be in memory, got ${least}`,
      );
    const free = () => maxBytes - this.bytes + (this.#entries.get(name)?.bytes ?? 0);
    for (const [other, { usedAt, bytes }] of this.#entries) {
      const wanted = now() - usedAt >= IDLE_MS ? most : least;
      if (other !== name && bytes > 0 && free() < wanted) this.#entries.delete(other);
    }
    return Math.min(most, free());
  }
}
