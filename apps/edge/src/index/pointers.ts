/**
 * Which of two pointers is newer.
 *
 * A store may give a pointer that was replaced a minute ago, so what is read last is not always what was written last:
 * the time of publishing decides. Publishers keep it growing (`movePointer` of @poeem/publish), a rollback included.
 * Where times are equal or are none, what was read last counts. And a pointer that stays, whatever its time, is what
 * the store has: no cache is that slow, so the clock of whoever wrote the other one was ahead.
 */
import type { IndexPointer } from "@poeem/pq-core/kv";

/** A pointer as it was read. */
export interface Sighting {
  readonly pointer: IndexPointer;
  /** When it was published, milliseconds since the epoch; NaN for a text that is no time. */
  readonly time: number;
  /** Grows with each read. */
  readonly seq: number;
  /** Older by its time, but it stayed. */
  readonly isSettled: boolean;
}

/** An older pointer counts when nothing else was read for so long, */
const SETTLED_MS = 30 * 60_000;
/** and in so many looks. */
const SETTLED_LOOKS = 4;

/** No cache gives an old pointer for so long: an operator is told that it is not followed. */
const IGNORED_MS = 5 * 60_000;

/** Whether `a` is older than `b`. */
export function isBefore(a: Sighting, b: Sighting): boolean {
  if (a.isSettled || Number.isNaN(a.time - b.time) || a.time === b.time) return a.seq < b.seq;
  return a.time < b.time;
}

/** The pointers of one index, as they are read one after the other. */
export class Pointers {
  readonly #now: () => number;
  #seq = 0;
  #older: { readonly time: number; readonly version: string; readonly since: number; looks: number } | undefined;
  #toldSince: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param served the pointer to what serves, if anything does */
  see(pointer: IndexPointer, served: Sighting | undefined): Sighting {
    const seen = { pointer, time: Date.parse(pointer.publishedAt), seq: ++this.#seq, isSettled: false };
    if (served === undefined || !isBefore(seen, served)) {
      this.#older = undefined;
      return seen;
    }
    const now = this.#now();
    const { version } = pointer;
    if (this.#older?.time !== seen.time || this.#older.version !== version)
      this.#older = { time: seen.time, version, since: now, looks: 0 };
    const { since } = this.#older;
    const looks = ++this.#older.looks;
    return { ...seen, isSettled: looks >= SETTLED_LOOKS && now - since >= SETTLED_MS };
  }

  /**
   * Since and until when the last pointer that was seen is not followed, as it is older: said once for each, when that
   * has lasted too long for a cache.
   */
  takeIgnored(): { readonly since: number; readonly until: number } | undefined {
    const since = this.#older?.since;
    if (since === undefined || since === this.#toldSince || this.#now() - since < IGNORED_MS) return undefined;
    this.#toldSince = since;
    return { since, until: since + SETTLED_MS };
  }

  /** Whether the last pointer that was seen is older, and the first of its kind in a row. */
  get isFirstOlder(): boolean {
    return this.#older?.looks === 1;
  }
}
