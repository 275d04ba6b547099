/**
 * The indexes that this isolate serves, by name, in one budget of memory.
 *
 * A name comes from a request, so it may be anything that `INDEX_NAME` lets through: names without an index take no
 * memory, and a flood of them drives out no index that serves. Neither does one that has an index: what was used a
 * moment ago gives up what it can do without, and stays. Who does not fit beside it is told so.
 */
import type { ReadMeter } from "@poeem/pq-core";
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import { OverloadedError, UnknownIndexError, unknownIndex } from "./errors.ts";
import { ReadError } from "./failures.ts";
import { type HolderOptions, IndexHolder, WAIT_MS } from "./holder.ts";
import { type Entry, type Held, IndexMemory } from "./index-memory.ts";
import type { Load, LoadedIndex, LoadMeter } from "./loaded-index.ts";
import { Looks } from "./looks.ts";
import { type MemoryDemand, roomBytes } from "./memory-plan.ts";
import type { Store } from "./store.ts";
import { Turns } from "./turns.ts";

/** Says how many bytes a version may use. @throws OverloadedError when its least is more than can be made free */
export type Grant = (demand: MemoryDemand) => Promise<number>;

export interface IndexSetOptions<T extends LoadedIndex>
  extends Omit<HolderOptions<T>, "open" | "name" | "isOutgrown" | "mayServe" | "mayLook"> {
  /** Opens the version that a pointer names within the bytes that `grant` allows; `previous` serves now. */
  readonly open: (store: Store, load: Load, grant: Grant, previous: T | undefined) => Promise<T>;
  /** Names that are served beside the default; undefined: every published one. */
  readonly names?: readonly string[] | undefined;
  /** Bytes of all versions that serve. */
  readonly maxBytes: number;
  /** Bytes of these and of versions that are being read or not gone yet; default: see {@link roomBytes}. */
  readonly roomBytes?: number | undefined;
}

/** Holders kept at most, those of names without an index included. */
const MAX_HOLDERS = 1000;
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
  readonly #looks: Looks;
  #settledAt = 0;

  constructor(options: IndexSetOptions<T>) {
    this.#options = options;
    const room = options.roomBytes ?? roomBytes(options.maxBytes);
    this.#memory = new IndexMemory(this.#entries, { ...options, roomBytes: room });
    this.#loading = new Turns({ ...options, total: 1, waitMs: WAIT_MS });
    this.#looks = new Looks(options.now);
  }

  /** The version of an index that serves here, if any. */
  current(name: string): T | undefined {
    return this.#entries.get(name)?.holder.current;
  }

  /** Since when looks for a version of an index fail, and how, whether one serves or not; undefined: they do not. */
  refreshFailure(name: string): string | undefined {
    return this.#entries.get(name)?.holder.refreshFailure;
  }

  /** Whether an index serves, and all that was wanted of it lately was there. */
  isWhole(name: string): boolean {
    return this.#entries.get(name)?.holder.isWhole ?? false;
  }

  /** When the pointer of an index was last read, as `now` tells time; undefined when it has not been. */
  checkedAt(name: string): number | undefined {
    return this.#entries.get(name)?.holder.checkedAt;
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
   *   OverloadedError when there is no room for it, or it is one of too many names that nobody knows
   */
  acquire(name: string, waitUntil: (promise: Promise<unknown>) => void, meter?: LoadMeter): Promise<T> {
    const { names, now } = this.#options;
    if (names !== undefined && name !== DEFAULT_INDEX_NAME && !names.includes(name))
      throw new UnknownIndexError(unknownIndex(name));
    const entry = this.#entries.get(name) ?? this.#add(name);
    entry.usedAt = now();
    if (this.#entries.size > 1) {
      this.#entries.delete(name);
      this.#entries.set(name, entry);
    }
    if (entry.usedAt - this.#settledAt >= SETTLE_MS) {
      this.#settledAt = entry.usedAt;
      this.#memory.settle();
      for (const other of this.#entries.values()) if (this.#memory.couldGrow(other)) other.holder.outgrow();
    }
    return entry.holder.acquire(waitUntil, meter);
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
        isOutgrown: () => this.#memory.couldGrow(entry),
        mayServe: (index) => this.#memory.mayServe(index),
        mayLook: () => this.#options.names !== undefined || name === DEFAULT_INDEX_NAME || this.#looks.take(),
      }),
      usedAt: this.#options.now(),
    };
    this.#entries.set(name, entry);
    return entry;
  }

  #open(name: string, entry: Entry<T>, store: Store, load: Load): Promise<T> {
    const work = async (meter: ReadMeter) => {
      // While this one waited for its turn, another attempt may have read the version.
      const { current } = entry.holder;
      if (current?.version === load.version && !this.#memory.couldGrow(entry)) return current;
      if (this.#entries.get(name) !== entry)
        throw new OverloadedError("The index had to make room for another one", {
          cause: new ReadError("memory", `index "${name}" was evicted while it waited for its turn to be read`),
        });
      return this.#read(store, { ...load, meter }, current, async (demand) => {
        // Once more, with no more memory than it must have.
        for (const other of this.#memory.makeRoom(name, entry, demand))
          await other.holder.openAnew(meter, (...args) =>
            this.#read(...args, async (demand) => this.#memory.grantLeast(other, demand)),
          );
        return this.#memory.grant(name, entry, demand);
      });
    };
    return this.#loading.run(work, 1, load.meter);
  }

  /** Opens a version in the memory that it is given. */
  async #read(
    store: Store,
    load: Load,
    current: T | undefined,
    hold: (demand: MemoryDemand) => Promise<Held<T>>,
  ): Promise<T> {
    let index: T | undefined;
    let held: Held<T> | undefined;
    this.#memory.begin();
    const grant: Grant = async (demand) => {
      held = await hold(demand);
      return held.bytes;
    };
    try {
      index = await this.#options.open(store, load, grant, current);
      return index;
    } finally {
      if (held !== undefined) this.#memory.end(held, index);
    }
  }
}
