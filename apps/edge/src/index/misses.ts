import { failureKindOf } from "./failures.ts";
import type { StoreMeter } from "./store.ts";

/** A page that does not come for so long is missed: who wanted it may have gone, and never say so. */
const LATE_MS = 2_000;
/** Looks that a missing page makes come no more rarely than one in so many milliseconds. */
const MAX_PAUSE_MS = 30_000;
/** A miss after so long without any has nothing to do with those before. */
const FORGET_MS = 60_000;
/** So many pages tell enough: those missed last are asked for again. */
const MAX_KEYS = 16;

/**
 * Pages of what serves that could not be had when they were wanted, in whatever way, until they can. A prune may have
 * come after a version that is not known here yet, so each is a reason to look at the pointer; but when that changes
 * nothing, ever less often.
 */
export class Misses {
  readonly #now: () => number;
  readonly #pauseMs: number;
  readonly #missed = new Set<string>();
  /** Since when somebody waits for a page. */
  readonly #waiting = new Map<string, number>();
  /** The last read-ahead of what serves failed. */
  #lacksPages = false;
  /** Looks since the first miss of those that came one soon after the other. */
  #looks = 0;
  #at = Number.NEGATIVE_INFINITY;

  /** @param pauseMs that a second look comes after the first one, at least */
  constructor(now: () => number, pauseMs: number) {
    this.#now = now;
    this.#pauseMs = pauseMs;
  }

  /** Whether nothing is missed. */
  get areNone(): boolean {
    return !this.#lacksPages && this.keys.size === 0;
  }

  /** What is to be asked for again. */
  get keys(): ReadonlySet<string> {
    if (this.#waiting.size === 0) return this.#missed;
    const since = this.#now() - LATE_MS;
    return new Set([...this.#missed, ...[...this.#waiting].flatMap(([key, at]) => (at <= since ? [key] : []))]);
  }

  add(key: string): void {
    const now = this.#now();
    if (this.areNone && now - this.#at >= FORGET_MS) this.#looks = 0;
    this.#at = now;
    this.#waiting.delete(key);
    if (this.#missed.size >= MAX_KEYS && !this.#missed.has(key)) this.#missed.delete(first(this.#missed)!);
    this.#missed.add(key);
  }

  /**
   * Reads a page that somebody wants.
   * @param read is to read through the meter that it is given: what that throws is not the fault of the page
   */
  async watch(
    key: string,
    meter: StoreMeter | undefined,
    read: (meter: StoreMeter | undefined) => Promise<Uint8Array | null>,
  ): Promise<Uint8Array | null> {
    let isStopped = false;
    const watched = meter && {
      spend() {
        isStopped = true;
        meter.spend();
        isStopped = false;
      },
      got: (bytes: number) => meter.got(bytes),
      hit: () => meter.hit?.(),
    };
    if (!this.#waiting.has(key)) this.#waiting.set(key, this.#now());
    try {
      const bytes = await read(watched);
      if (bytes === null) this.add(key);
      else this.#came(key);
      return bytes;
    } catch (error) {
      if (isStopped) this.#waiting.delete(key);
      else this.add(key);
      throw error;
    }
  }

  /** Whether to look, after a look that ended at `endedAt`. */
  wantLook(endedAt: number): boolean {
    if (this.areNone) return false;
    return this.#now() - endedAt >= Math.min(this.#pauseMs * 2 ** this.#looks, MAX_PAUSE_MS);
  }

  /** There is going to be a look. */
  look(): void {
    if (!this.areNone) this.#looks++;
  }

  /**
   * Reads ahead, and again what was missed.
   * @throws what `read` throws, and remembers it
   */
  async heal(read: (keys: ReadonlySet<string>) => Promise<void>): Promise<void> {
    const keys = new Set(this.keys);
    try {
      await read(keys);
    } catch (error) {
      // Where there is no room to read ahead, pages are read when they are wanted.
      this.#lacksPages = failureKindOf(error) !== "memory";
      throw error;
    }
    for (const key of keys) this.#came(key);
    this.#lacksPages = false;
  }

  /** Another version serves. */
  clear(): void {
    this.#missed.clear();
    this.#waiting.clear();
    this.#lacksPages = false;
    this.#looks = 0;
  }

  #came(key: string): void {
    this.#waiting.delete(key);
    this.#missed.delete(key);
  }
}

function first<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}
