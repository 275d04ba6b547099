/**
 * Who of the indexes of an isolate has how much memory: versions that serve, one that is being read, and those that
 * are replaced but not gone yet.
 */
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import type { IndexEvent } from "../log.ts";
import { OverloadedError } from "./errors.ts";
import { ReadError } from "./failures.ts";
import type { IndexHolder, LoadedIndex } from "./holder.ts";
import type { MemoryDemand } from "./memory-plan.ts";

/** An index by its name. */
export interface Entry<T extends LoadedIndex> {
  readonly holder: IndexHolder<T>;
  /** When somebody last asked for it. */
  usedAt: number;
  /** The version that is counted as serving. */
  serving?: T | undefined;
  /** Versions that were read and may serve soon, oldest first, and when that was. */
  readonly opened: Map<T, number>;
}

export interface IndexMemoryOptions {
  /** Bytes of all versions that serve. */
  readonly maxBytes: number;
  /** Bytes of these, of what is being read, and of what is not gone yet. */
  readonly roomBytes: number;
  readonly now: () => number;
  readonly report?: ((event: IndexEvent) => void) | undefined;
}

/** What a version has. */
export interface Granted extends MemoryDemand {
  bytes: number;
}

/** An index that nobody asked for this long makes room for another one; until then it gives up what it can spare. */
export const IDLE_MS = 60_000;
/** A replaced version is freed no sooner: a request may have taken it and not used it yet. */
const GRACE_MS = 15_000;
/** What a cancelled request seems to use is left to the garbage collector by then. */
const FORGET_MS = 60_000;

/** See the head of this file. */
export class IndexMemory<T extends LoadedIndex> {
  readonly #options: IndexMemoryOptions;
  readonly #entries: Map<string, Entry<T>>;
  readonly #granted = new WeakMap<T, Granted>();
  readonly #leaving = new Map<T, number>();
  /** Of versions that are gone, what only the garbage collector can free. */
  readonly #dead = new Set<{ readonly index: WeakRef<T>; readonly bytes: number }>();
  /** Of the version that is being read, what it does not share with one that serves. */
  #reading = 0;

  /** @param entries least recently used first; those that have to go are taken out */
  constructor(entries: Map<string, Entry<T>>, options: IndexMemoryOptions) {
    this.#entries = entries;
    this.#options = options;
  }

  /** Bytes granted to the versions that serve. */
  get serving(): number {
    this.#follow();
    let sum = 0;
    for (const { serving } of this.#entries.values()) sum += this.#bytesOf(serving);
    return sum;
  }

  /** Bytes of everything. */
  get all(): number {
    let sum = this.serving + this.#reading;
    for (const { opened } of this.#entries.values()) for (const index of opened.keys()) sum += this.#ownBytes(index);
    for (const index of this.#leaving.keys()) sum += this.#bytesOf(index);
    for (const dead of this.#dead) {
      if (dead.index.deref() === undefined) this.#dead.delete(dead);
      else sum += dead.bytes;
    }
    return sum;
  }

  /** A version is going to be read; what was read before and lost its turn is over. */
  begin(entry: Entry<T>): void {
    this.#reading = 0;
    this.#follow();
    for (const [index, at] of entry.opened) {
      if (this.#options.now() - at < FORGET_MS) continue;
      entry.opened.delete(index);
      this.#leave(index);
    }
  }

  /** What was read is about to serve; undefined: it could not be read. */
  end(entry: Entry<T>, index: T | undefined, granted: Granted | undefined): void {
    this.#reading = 0;
    if (index === undefined || granted === undefined) return;
    this.#granted.set(index, granted);
    entry.opened.set(index, this.#options.now());
  }

  /** Frees what is not used any more, and gives back what versions had to give up and there is room for. */
  settle(): void {
    this.#sweep();
    for (const { serving } of this.#entries.values()) {
      const granted = serving && this.#granted.get(serving);
      if (!granted || granted.bytes >= granted.most) continue;
      const more = Math.min(this.#free(undefined), this.#room());
      const bytes = Math.min(granted.most, granted.bytes + more);
      if (bytes > granted.bytes) granted.bytes = serving.resize?.(bytes) ?? granted.bytes;
    }
  }

  /** Whether there would be room for all lists of a version that could not be granted them when it was read. */
  couldGrow(entry: Entry<T>): boolean {
    const { serving } = entry;
    const wanted = serving?.bytesWithLists;
    const granted = serving && this.#granted.get(serving);
    if (wanted === undefined || granted === undefined) return false;
    this.#sweep();
    const spare = granted.bytes - granted.least;
    return this.#free(serving) >= wanted && this.#room() + spare >= wanted + granted.loading;
  }

  /**
   * Makes room for a version: idle indexes go for all that it can use, and for what it must have, those in use give up
   * the pages that they can do without.
   * @returns indexes in use that have to be opened anew without their lists, so that it has that much; none where that
   *   is not needed, or does not suffice
   */
  makeRoom(name: string, entry: Entry<T>, demand: MemoryDemand): Entry<T>[] {
    const { maxBytes, now } = this.#options;
    const { least, most, sharesPages } = demand;
    if (least > maxBytes)
      throw new ReadError(
        "memory",
        `index "${name}" expected at most ${maxBytes} bytes that must be in memory, got ${least}`,
      );
    this.#sweep();
    const { serving } = entry;
    const free = () => this.#freeFor(entry, demand);
    for (const [other, { usedAt }] of this.#others(name))
      if (other !== DEFAULT_INDEX_NAME && free() < most && now() - usedAt >= IDLE_MS) this.#evict(other, name);
    // What is not shared with its successor is used for a moment only.
    if (free() < most && serving !== undefined && !sharesPages) this.#shrink(serving);
    for (const [, { serving }] of this.#others(name)) if (free() < least) this.#shrink(serving!);
    let missing = least - this.#free(serving);
    const inTheWay: Entry<T>[] = [];
    for (const [, other] of this.#others(name)) {
      const spare = this.#spareOf(other.serving!);
      if (missing <= 0 || spare <= 0) continue;
      missing -= spare;
      inTheWay.push(other);
    }
    return missing <= 0 ? inTheWay : [];
  }

  /**
   * Grants what is free by now. The default index may drive out others for what it must have, and is never driven out.
   * @throws OverloadedError when that is not enough
   */
  grant(name: string, entry: Entry<T>, demand: MemoryDemand): Granted {
    const { least, most } = demand;
    this.#follow();
    if (name === DEFAULT_INDEX_NAME)
      for (const [other] of this.#others(name)) if (this.#freeFor(entry, demand) < least) this.#evict(other, name);
    const left = this.#freeFor(entry, demand);
    if (left < least) {
      this.settle();
      const cause = `index "${name}" expected ${least} bytes of free memory, got ${Math.max(0, left)}`;
      throw new OverloadedError("There is no room for the index beside those in use", {
        cause: new ReadError("memory", cause),
      });
    }
    return this.#read(entry, demand, Math.min(most, left));
  }

  /**
   * Grants a version that serves what it must have, to be opened anew without its lists.
   * @throws OverloadedError when there is no room to do so
   */
  grantLeast(entry: Entry<T>, demand: MemoryDemand): Granted {
    if (this.#freeFor(entry, demand) < demand.least)
      throw new OverloadedError("There is no room to read an index in use anew, with less memory");
    return this.#read(entry, demand, demand.least);
  }

  #read(entry: Entry<T>, demand: MemoryDemand, bytes: number): Granted {
    const shared = this.#sharedOf(entry, demand);
    this.#reading = bytes - shared;
    return { ...demand, shared, bytes };
  }

  /** Bytes for another version of an index, now and when it serves. */
  #freeFor(entry: Entry<T>, demand: MemoryDemand): number {
    const shared = this.#sharedOf(entry, demand);
    return Math.min(this.#free(entry.serving), this.#room() + shared - demand.loading);
  }

  #sharedOf({ serving }: Entry<T>, { shared }: MemoryDemand): number {
    return Math.min(shared, this.#bytesOf(serving));
  }

  #spareOf(index: T): number {
    const granted = this.#granted.get(index);
    return granted === undefined ? 0 : granted.bytes - granted.least;
  }

  /** The other indexes that serve, least recently used first. */
  #others(name: string): [string, Entry<T>][] {
    return [...this.#entries].filter(([other, { serving }]) => other !== name && serving !== undefined);
  }

  /** Frees what is not used any more. */
  #sweep(): void {
    this.#follow();
    for (const [index, since] of this.#leaving) {
      const age = this.#options.now() - since;
      if ((age < GRACE_MS || index.free?.() === false) && age < FORGET_MS) continue;
      this.#leaving.delete(index);
      this.#bury(index);
    }
  }

  #bury(index: T): void {
    const bytes = index.residue ?? 0;
    // A Worker of an early compatibility date has no weak references.
    if (bytes > 0 && typeof WeakRef === "function") this.#dead.add({ index: new WeakRef(index), bytes });
  }

  /** Bytes for versions that serve, now or in a moment. @param old that comes free */
  #free(old: T | undefined): number {
    this.#follow();
    let { maxBytes } = this.#options;
    for (const { serving, opened } of this.#entries.values())
      if (serving === undefined || serving !== old)
        maxBytes -= Math.max(this.#bytesOf(serving), ...Array.from(opened.keys(), (index) => this.#bytesOf(index)));
    return maxBytes;
  }

  #room(): number {
    return this.#options.roomBytes - this.all;
  }

  #bytesOf(index: T | undefined): number {
    return (index && this.#granted.get(index)?.bytes) ?? 0;
  }

  /** Without what it shares with the version that it is going to replace. */
  #ownBytes(index: T): number {
    const { bytes, shared } = this.#granted.get(index)!;
    return bytes - shared;
  }

  /** Notices which versions serve by now. */
  #follow(): void {
    for (const entry of this.#entries.values()) {
      const { current } = entry.holder;
      if (current === entry.serving) continue;
      if (entry.serving !== undefined) {
        const granted = this.#granted.get(entry.serving);
        // It is counted as what its successor has.
        if (granted !== undefined) granted.bytes -= (current && this.#granted.get(current)?.shared) ?? 0;
        this.#leave(entry.serving);
      }
      entry.serving = current;
      if (current !== undefined) this.#leaving.delete(current);
      if (current === undefined || !entry.opened.has(current)) continue;
      for (const index of entry.opened.keys()) {
        entry.opened.delete(index);
        if (index === current) break;
        this.#leave(index);
      }
    }
  }

  #leave(index: T): void {
    this.#leaving.set(index, this.#options.now());
  }

  #shrink(index: T): void {
    const granted = this.#granted.get(index);
    if (granted !== undefined) granted.bytes = index.resize?.(0) ?? granted.bytes;
  }

  #evict(name: string, inFavourOf: string): void {
    const entry = this.#entries.get(name);
    const serving = entry?.serving;
    if (entry === undefined || serving === undefined) return;
    this.#entries.delete(name);
    const idleMs = this.#options.now() - entry.usedAt;
    this.#options.report?.({
      event: "evicted",
      index: name,
      indexVersion: serving.version,
      for: inFavourOf,
      bytes: this.#bytesOf(serving),
      idleMs,
    });
    for (const index of entry.opened.keys()) this.#leave(index);
    if (idleMs < GRACE_MS || serving.free?.() === false) this.#leave(serving);
    else this.#bury(serving);
  }
}
