/**
 * Frees pages at once when they are let go, because the garbage collector takes its time: it counts what JavaScript allocates, not what
 * comes from KV, and 100 MB of dead pages are soon there.
 *
 * A page may still be read by whatever was running when it was let go, so it is freed when all of that has ended. Something that runs for
 * longer than `leaseMs` (a request that was cancelled never ends) no longer counts, and gets an error should it end after all.
 */
export interface ReclaimerOptions {
  readonly leaseMs: number;
  readonly now: () => number;
}

/** Pages that wait to be freed; more are left to the garbage collector, oldest first. */
const maxWaitingBytes = 8 * 1024 * 1024;

interface Running {
  /** Pages let go up to here were so before this began. */
  readonly from: number;
  readonly since: number;
}

export class Reclaimer {
  readonly #options: ReclaimerOptions;
  readonly #running = new Set<Running>();
  /** Oldest first. */
  readonly #released: { readonly buffer: ArrayBuffer; readonly at: number }[] = [];
  #waitingBytes = 0;
  #count = 0;

  constructor(options: ReclaimerOptions) {
    this.#options = options;
  }

  /** Runs what reads pages. @throws Error when it took longer than its lease: what it read may have been freed. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const running = { from: this.#count, since: this.#options.now() };
    this.#running.add(running);
    let isValid: boolean;
    let result: T;
    try {
      result = await work();
    } finally {
      isValid = this.#running.delete(running);
      this.#free();
    }
    if (!isValid) throw new Error(`[edge] reading pages took longer than ${this.#options.leaseMs} ms`);
    return result;
  }

  /** Takes a page that nothing will be given any more. */
  release({ buffer }: Uint8Array): void {
    if (!(buffer instanceof ArrayBuffer)) return;
    this.#released.push({ buffer, at: this.#count++ });
    this.#waitingBytes += buffer.byteLength;
    this.#free();
    while (this.#waitingBytes > maxWaitingBytes) this.#waitingBytes -= this.#released.shift()!.buffer.byteLength;
  }

  #free(): void {
    const { leaseMs, now } = this.#options;
    let oldest = Number.POSITIVE_INFINITY;
    for (const running of this.#running) {
      if (now() - running.since >= leaseMs) this.#running.delete(running);
      else oldest = Math.min(oldest, running.from);
    }
    const kept = this.#released.findIndex(({ at }) => at >= oldest);
    for (const { buffer } of this.#released.splice(0, kept < 0 ? this.#released.length : kept)) {
      this.#waitingBytes -= buffer.byteLength;
      // Leaves the old buffer without its memory; nothing else does so at once.
      buffer.transfer(0);
    }
  }
}
