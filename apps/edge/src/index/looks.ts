/** Looks at once, and further ones in a second. */
const BURST = 50;
const A_SECOND = 20;

/**
 * How often names are looked for of which nothing is known here. Anybody can make up names, and each is a read of the
 * store: with a budget for all of them a flood costs little more than its refusals. A new index is found as soon as
 * there is no flood, and at any time where it is listed in `INDEXES`.
 */
export class Looks {
  readonly #now: () => number;
  #left = BURST;
  #at: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#at = now();
  }

  /** Takes one, if there is one left. */
  take(): boolean {
    const now = this.#now();
    this.#left = Math.min(BURST, this.#left + (Math.max(0, now - this.#at) * A_SECOND) / 1000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
