/**
 * The indexes that this isolate serves, by name, in one budget of memory.
 *
 * A name comes from a request, so it may be anything that `INDEX_NAME` lets through: names without an index take no
 * memory, and a flood of them drives out no index that serves. Neither does one that has an index: what was used a
 * moment ago gives up what it can do without, and stays. Who does not fit beside it is told so.
 */
import type { ReadMeter } from "@poeem/pq-core";
import { DEFAULT_INDEX_NAME, type IndexPointer } from "@poeem/pq-core/kv";
import type { IndexEvent } from "../log.ts";
import { UnknownIndexError } from "./errors.ts";
import { type HolderOptions, IndexHolder, type LoadedIndex } from "./holder.ts";
import { type Entry, IndexMemory } from "./index-memory.ts";
import { type MemoryDemand, roomBytes } from "./memory-plan.ts";
import type { Store } from "./store.ts";
import { Turns } from "./turns.ts";

/** Says how many bytes a version may use. @throws OverloadedError when its least is more than can be made free */
export type Grant = (demand: MemoryDemand) => number;

export interface IndexSetOptions<T extends LoadedIndex> extends Omit<HolderOptions<T>, "open" | "name" | "isOutgrown"> {
  /** Opens the version that a pointer names within the bytes that `grant` allows; `previous` serves now. */
  readonly open: (store: Store, pointer: IndexPointer, grant: Grant, previous: T | undefined) => Promise<T>;
  /** Names that are served beside the default; undefined: every published one. */
  readonly names?: readonly string[] | undefined;
  /** Bytes of all versions that serve. */
  readonly maxBytes: number;
  /** Bytes of these and of versions that are being read or not gone yet; default: see {@link roomBytes}. */
  readonly roomBytes?: number | undefined;
  /** Is told what happens to indexes. */
  readonly report?: ((event: IndexEvent) => void) | undefined;
}

/** Holders kept at most, those of names without an index included. */
const MAX_HOLDERS = 64;
/** Who waits longer for others to be read is told so. */
const LOAD_WAIT_MS = 10_000;
/** How often versions that had to give up memory get some back, and those that are gone are looked after. */
const SETTLE_MS = 5_000;

/** Holds the indexes and decides which of them have to go. */
export class IndexSet<T extends LoadedIndex> {
  readonly #options: IndexSetOptions<T>;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<T>>();
  readonly #memory: IndexMemory<T>;
  /** One version is read at a time: what is being read comes on top of what serves. */
  readonly #loading: Turns;
  #settledAt = 0;

  constructor(options: IndexSetOptions<T>) {
    this.#options = options;
    const room = options.roomBytes ?? roomBytes(options.maxBytes);
    this.#memory = new IndexMemory(this.#entries, { ...options, roomBytes: room });
    this.#loading = new Turns({ ...options, total: 1, waitMs: LOAD_WAIT_MS });
  }

  /** The version of an index that serves here, if any. */
  current(name: string): T | undefined {
    return this.#entries.get(name)?.holder.current;
  }

  /** Why the last look for a newer version of an index failed; undefined when it did not. */
  refreshFailure(name: string): string | undefined {
    return this.#entries.get(name)?.holder.refreshFailure;
  }

  /** Bytes granted to the versions that serve. */
  get bytes(): number {
    return this.#memory.serving;
  }

  /** Bytes of these, of what is being read, and of versions that are not gone yet. */
  get allBytes(): number {
    return this.#memory.all;
  }

  /**
   * The index to answer a request with; see {@link IndexHolder.acquire}.
   * @param name matches `INDEX_NAME`
   * @throws UnknownIndexError for a name that no index has, IndexUnavailableError when it cannot be read,
   *   OverloadedError when there is no room for it
   */
  acquire(name: string, waitUntil: (promise: Promise<unknown>) => void): Promise<T> {
    const { names, now } = this.#options;
    if (names !== undefined && name !== DEFAULT_INDEX_NAME && !names.includes(name))
      throw new UnknownIndexError(`No index is called "${name}" here`);
    const entry = this.#entries.get(name) ?? this.#add(name);
    entry.usedAt = now();
    if (this.#entries.size > 1) {
      this.#entries.delete(name);
      this.#entries.set(name, entry);
    }
    if (entry.usedAt - this.#settledAt >= SETTLE_MS) {
      this.#settledAt = entry.usedAt;
      this.#memory.settle();
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
        open: (store, pointer) => this.#open(name, entry, store, pointer),
        isOutgrown: () => this.#memory.couldGrow(entry),
      }),
      usedAt: this.#options.now(),
    };
    this.#entries.set(name, entry);
    return entry;
  }

  #open(name: string, entry: Entry<T>, store: Store, pointer: IndexPointer): Promise<T> {
    return this.#loading.run(async (meter) => {
      if (this.#entries.get(name) !== entry) throw new Error(`[edge] index "${name}" had to make room for another`);
      this.#memory.begin(entry);
      let index: T | undefined;
      let granted: ReturnType<IndexMemory<T>["grant"]> | undefined;
      try {
        const previous = entry.holder.current;
        const grant: Grant = (demand) => {
          granted = this.#memory.grant(name, entry, demand);
          return granted.bytes;
        };
        const opened = await this.#options.open(metered(store, meter), pointer, grant, previous);
        // Whoever takes over has read ahead; here, so that nobody else reads meanwhile.
        if (previous !== undefined) await opened.prefetch();
        index = opened;
        return index;
      } finally {
        this.#memory.end(entry, index, granted);
      }
    }, 1);
  }
}

/** The store, with every read told to a meter. */
function metered(store: Store, meter: ReadMeter): Store {
  return {
    ...(store.name !== undefined && { name: store.name }),
    getText: (key) => store.getText(key),
    async getBytes(key) {
      meter.spend();
      const bytes = await store.getBytes(key);
      meter.got(bytes?.length ?? 0);
      return bytes;
    },
  };
}
