/**
 * Who of the indexes of an isolate has how much memory: versions that serve, those that are being read or may serve
 * soon, and those that are replaced but not gone yet.
 *
 * Two sums are kept: what the versions that serve have, now and after any take-over that may come, and what there is in
 * all. Neither grows but by what is granted here, so it is enough that no grant is too large.
 */
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import type { IndexEvent } from "../log.ts";
import { OverloadedError } from "./errors.ts";
import { ReadError } from "./failures.ts";
import type { IndexHolder } from "./holder.ts";
import type { LoadedIndex } from "./loaded-index.ts";
import type { MemoryDemand } from "./memory-plan.ts";

/** An index by its name. */
export interface Entry<T extends LoadedIndex> {
  readonly holder: IndexHolder<T>;
  /** When somebody last asked for it. */
  usedAt: number;
}

export interface IndexMemoryOptions {
  /** Bytes of all versions that serve. */
  readonly maxBytes: number;
  /** Bytes of these, of what is being read, and of what is not gone yet. */
  readonly roomBytes: number;
  readonly now: () => number;
  readonly report?: ((event: IndexEvent) => void) | undefined;
}

/** What one version has. */
export interface Held<T extends LoadedIndex> extends MemoryDemand {
  readonly entry: Entry<T>;
  bytes: number;
  /** What it has in common with `base` is counted once. */
  shared: number;
  base: Held<T> | undefined;
  /** In this order; nothing comes back once it is leaving. */
  state: "reading" | "opened" | "serving" | "leaving";
  /** When it came to be opened, or leaving. */
  since: number;
  index?: T;
}

/** An index that nobody asked for this long makes room for another one; until then it gives up what it can spare. */
export const IDLE_MS = 60_000;
/** A replaced version is freed no sooner: a request may have taken it and not used it yet. */
const GRACE_MS = 15_000;
/** What a cancelled request seems to use, or seems about to complete, is given up by then. */
const FORGET_MS = 60_000;

/** See the head of this file. */
export class IndexMemory<T extends LoadedIndex> {
  readonly #options: IndexMemoryOptions;
  readonly #entries: Map<string, Entry<T>>;
  /** Of each index in the order in which they were opened. */
  readonly #held = new Set<Held<T>>();
  /** Of versions that are gone, what only the garbage collector can free. */
  readonly #dead = new Set<{ readonly index: WeakRef<T>; readonly bytes: number }>();

  /** @param entries least recently used first; those that have to go are taken out */
  constructor(entries: Map<string, Entry<T>>, options: IndexMemoryOptions) {
    this.#entries = entries;
    this.#options = options;
  }

  /** Bytes of the versions that serve. */
  get serving(): number {
    this.#follow();
    let sum = 0;
    for (const { state, bytes } of this.#held) if (state === "serving") sum += bytes;
    return sum;
  }

  /** Bytes of everything. */
  get all(): number {
    let sum = 0;
    for (const held of this.#held) sum += ownBytes(held);
    for (const dead of this.#dead) {
      if (dead.index.deref() === undefined) this.#dead.delete(dead);
      else sum += dead.bytes;
    }
    return sum;
  }

  /** A version is going to be read; what was read before and lost its turn counts no more. */
  begin(): void {
    for (const held of this.#held) if (held.state === "reading") this.#held.delete(held);
  }

  /**
   * What was read may serve from now on; undefined: it could not be read.
   * @throws ReadError when there is no room for it: it had lost its turn, or takes more than was granted
   */
  end(held: Held<T>, index: T | undefined): void {
    const hasLostTurn = !this.#held.delete(held) || held.state !== "reading";
    if (index === undefined) return;
    const { version, unplanned = 0 } = index;
    Object.assign(held, {
      index,
      state: "opened",
      since: this.#options.now(),
      least: held.least + unplanned,
      most: held.most + unplanned,
      bytes: held.bytes + unplanned,
    });
    if (hasLostTurn || unplanned > 0) {
      const others = [...this.#held].filter(({ entry, state }) => entry !== held.entry && state === "serving");
      for (const each of [held, ...others]) if (!this.#fits(held)) shrink(each);
      if (!this.#fits(held)) {
        index.free?.();
        const kind = hasLostTurn ? "late" : "memory";
        throw new ReadError(kind, `version ${version} expected ${held.bytes} bytes of free memory when it was read`);
      }
    }
    this.#held.add(held);
  }

  /** Whether a version may serve, or does: not when what it had was given to others. */
  mayServe(index: T): boolean {
    for (const held of this.#held) if (held.index === index) return held.state !== "leaving";
    return false;
  }

  /** Frees what is not used any more, and gives back what versions had to give up and there is room for. */
  settle(): void {
    this.#sweep();
    for (const held of this.#held) {
      if (held.state !== "serving" || held.bytes >= held.most) continue;
      const more = Math.min(this.#free(undefined), this.#room());
      const bytes = Math.min(held.most, held.bytes + more);
      if (bytes > held.bytes) held.bytes = held.index?.resize?.(bytes) ?? held.bytes;
    }
  }

  /** Whether there would be room for all lists of a version that could not be granted them when it was read. */
  couldGrow(entry: Entry<T>): boolean {
    this.#sweep();
    const held = this.#servingOf(entry);
    const wanted = held?.index?.bytesWithLists;
    if (held === undefined || wanted === undefined) return false;
    return this.#free(entry) >= wanted && this.#room() + spareOf(held) >= wanted + held.loading;
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
    const free = () => this.#freeFor(entry, demand);
    for (const [other, { usedAt }] of this.#others(name))
      if (other !== DEFAULT_INDEX_NAME && free() < most && now() - usedAt >= IDLE_MS) this.#evict(other, name);
    // What is not shared with its successor is used for a moment only.
    const serving = this.#servingOf(entry);
    if (free() < most && serving !== undefined && !sharesPages) shrink(serving);
    for (const [, , held] of this.#others(name)) if (free() < least) shrink(held);
    let missing = least - this.#free(entry);
    const inTheWay: Entry<T>[] = [];
    for (const [, other, held] of this.#others(name)) {
      const spare = spareOf(held);
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
  grant(name: string, entry: Entry<T>, demand: MemoryDemand): Held<T> {
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
    return this.#hold(entry, demand, Math.min(most, left));
  }

  /**
   * Grants a version that serves what it must have, to be opened anew without its lists.
   * @throws OverloadedError when there is no room to do so
   */
  grantLeast(entry: Entry<T>, demand: MemoryDemand): Held<T> {
    if (this.#freeFor(entry, demand) < demand.least)
      throw new OverloadedError("There is no room to read an index in use anew, with less memory");
    return this.#hold(entry, demand, demand.least);
  }

  #hold(entry: Entry<T>, demand: MemoryDemand, bytes: number): Held<T> {
    const base = this.#servingOf(entry);
    const shared = base === undefined ? 0 : demand.shared;
    const held: Held<T> = { ...demand, entry, bytes, shared, base, state: "reading", since: this.#options.now() };
    this.#held.add(held);
    return held;
  }

  /** Whether there is room for a version that is not counted. */
  #fits(held: Held<T>): boolean {
    const { entry, bytes } = held;
    if (![...this.#entries.values()].includes(entry)) return false;
    if (held.base !== undefined && !this.#held.has(held.base)) held.base = undefined;
    this.#follow();
    return this.#free(entry) >= bytes && this.#room() >= ownBytes(held);
  }

  /** Bytes for another version of an index, now and when it serves. */
  #freeFor(entry: Entry<T>, demand: MemoryDemand): number {
    const shared = Math.min(demand.shared, this.#servingOf(entry)?.bytes ?? 0);
    return Math.min(this.#free(entry), this.#room() + shared - demand.loading);
  }

  #servingOf(entry: Entry<T>): Held<T> | undefined {
    this.#follow();
    for (const held of this.#held) if (held.entry === entry && held.state === "serving") return held;
    return undefined;
  }

  /** The other indexes that serve, least recently used first. */
  #others(name: string): [string, Entry<T>, Held<T>][] {
    const others: [string, Entry<T>, Held<T>][] = [];
    for (const [other, entry] of this.#entries) {
      const held = other === name ? undefined : this.#servingOf(entry);
      if (held !== undefined) others.push([other, entry, held]);
    }
    return others;
  }

  /** Bytes for versions that serve, now or in a moment. @param but an index whose versions are not counted */
  #free(but: Entry<T> | undefined): number {
    this.#follow();
    const most = new Map<Entry<T>, number>();
    for (const { entry, state, bytes } of this.#held)
      if (entry !== but && state !== "leaving") most.set(entry, Math.max(bytes, most.get(entry) ?? 0));
    let left = this.#options.maxBytes;
    for (const bytes of most.values()) left -= bytes;
    return left;
  }

  #room(): number {
    return this.#options.roomBytes - this.all;
  }

  /** Notices which versions serve by now: those of the same index that were opened before them leave. */
  #follow(): void {
    for (const held of this.#held) {
      if (held.state !== "opened" || held.index !== held.entry.holder.current) continue;
      for (const other of this.#held) {
        if (other === held) break;
        if (other.entry === held.entry && other.state !== "reading") this.#leave(other);
      }
      held.state = "serving";
    }
  }

  /** Frees what is not used any more. */
  #sweep(): void {
    this.#follow();
    for (const held of this.#held) {
      const { state, since, index } = held;
      const age = this.#options.now() - since;
      if (state === "opened" && age >= FORGET_MS && index !== held.entry.holder.coming) this.#leave(held);
      if (state !== "leaving" || ((age < GRACE_MS || index?.free?.() === false) && age < FORGET_MS)) continue;
      this.#bury(held);
    }
  }

  #leave(held: Held<T>): void {
    if (held.state === "leaving") return;
    held.state = "leaving";
    held.since = this.#options.now();
  }

  #bury(gone: Held<T>): void {
    this.#held.delete(gone);
    for (const held of this.#held) {
      if (held.base !== gone) continue;
      // What all three have in common is still there.
      held.base = gone.base;
      held.shared = Math.min(held.shared, gone.shared);
    }
    const { index } = gone;
    const bytes = index?.residue ?? 0;
    // A Worker of an early compatibility date has no weak references.
    if (index && bytes > 0 && typeof WeakRef === "function") this.#dead.add({ index: new WeakRef(index), bytes });
  }

  #evict(name: string, inFavourOf: string): void {
    const entry = this.#entries.get(name)!;
    const serving = this.#servingOf(entry)!;
    this.#entries.delete(name);
    const idleMs = this.#options.now() - entry.usedAt;
    this.#options.report?.({
      event: "evicted",
      index: name,
      indexVersion: serving.index!.version,
      for: inFavourOf,
      bytes: serving.bytes,
      idleMs,
    });
    for (const held of this.#held) if (held.entry === entry) this.#leave(held);
    if (idleMs >= GRACE_MS && serving.index!.free?.() !== false) this.#bury(serving);
  }
}

/** Bytes of a version that only it has, and what it takes to read it. */
function ownBytes<T extends LoadedIndex>({ bytes, shared, base, state, loading }: Held<T>): number {
  return bytes - Math.min(shared, base?.bytes ?? 0) + (state === "reading" ? loading : 0);
}

function spareOf<T extends LoadedIndex>({ bytes, least }: Held<T>): number {
  return bytes - least;
}

function shrink<T extends LoadedIndex>(held: Held<T>): void {
  held.bytes = held.index?.resize?.(0) ?? held.bytes;
}
