/** An index that missed no page for so long counts as whole again. */
const RECENT_MS = 60_000;
/** Looks that a missing page makes come no more rarely than one in so many milliseconds. */
const MAX_PAUSE_MS = 30_000;

/**
 * Pages of what serves that were missing or damaged when they were wanted. A prune may have come after a version that
 * is not known here yet, so each is a reason to look at the pointer; but when that changes nothing, ever less often.
 */
export class Misses {
  readonly #now: () => number;
  readonly #pauseMs: number;
  #at = Number.NEGATIVE_INFINITY;
  #isNew = false;
  /** Looks that changed nothing. */
  #looks = 0;

  /** @param pauseMs that a second look comes after the first one, at least */
  constructor(now: () => number, pauseMs: number) {
    this.#now = now;
    this.#pauseMs = pauseMs;
  }

  /** Whether a page was missed a moment ago. */
  get areRecent(): boolean {
    return this.#now() - this.#at < RECENT_MS;
  }

  add(): void {
    this.#at = this.#now();
    this.#isNew = true;
  }

  /** Whether to look, after a look that ended at `endedAt`. */
  wantLook(endedAt: number): boolean {
    return this.#isNew && this.#now() - endedAt >= Math.min(this.#pauseMs * 2 ** this.#looks, MAX_PAUSE_MS);
  }

  /** There is going to be a look. */
  look(): void {
    if (this.#isNew) this.#looks++;
    this.#isNew = false;
  }

  /** Another version serves. */
  clear(): void {
    this.#at = Number.NEGATIVE_INFINITY;
    this.#isNew = false;
    this.#looks = 0;
  }
}
