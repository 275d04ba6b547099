/**
 * At most so many at a time of what takes memory: versions being read, searches that hold pages of a large index.
 *
 * Those that wait look every few milliseconds on timers of their own, because in a Worker no promise of one request
 * may be awaited by another; and a turn ends after `leaseMs` even when it is not given back, because the request that
 * has it may have been cancelled.
 */
export interface TurnsOptions {
  /** Turns at a time. */
  readonly limit: number;
  readonly leaseMs: number;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** How often a waiting request looks. */
const POLL_MS = 2;

/** See {@link TurnsOptions}. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #taken = new Set<{ readonly since: number }>();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Runs `work` when there is a turn for it. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    while (!this.#isFree()) await this.#options.sleep(POLL_MS);
    const turn = { since: this.#options.now() };
    this.#taken.add(turn);
    try {
      return await work();
    } finally {
      this.#taken.delete(turn);
    }
  }

  #isFree(): boolean {
    const { limit, leaseMs, now } = this.#options;
    if (this.#taken.size < limit) return true;
    for (const turn of this.#taken) if (now() - turn.since >= leaseMs) this.#taken.delete(turn);
    return this.#taken.size < limit;
  }
}
