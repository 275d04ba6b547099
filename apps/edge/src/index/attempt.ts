import { ReadError } from "./failures.ts";
import type { StoreMeter } from "./store.ts";

/** However steadily a store trickles, an attempt ends after this; the next one finds what has arrived. */
const MAX_ATTEMPT_MS = 300_000;

/** One try to read an index: how far it is, as plain data that other requests look at. */
export class Attempt implements StoreMeter {
  readonly startedAt: number;
  readonly #now: () => number;
  readonly #leaseMs: number;
  #progressAt: number;
  reads = 0;
  bytes = 0;
  /** Values that a cache had. */
  cached = 0;
  /** When it ended, well or not. */
  endedAt: number | undefined;
  /** Answers wait for it, though an older version could give them. */
  isAwaited = false;
  /** Set when it has failed and nothing serves. Each waiting request throws an error of its own. */
  newError: (() => Error) | undefined;

  constructor(now: () => number, leaseMs: number) {
    this.#now = now;
    this.#leaseMs = leaseMs;
    this.startedAt = now();
    this.#progressAt = this.startedAt;
  }

  get ms(): number {
    return this.#now() - this.startedAt;
  }

  /** Neither ended nor made any progress for a lease: its request may have been cancelled. */
  get isLost(): boolean {
    return this.endedAt === undefined && this.#now() - this.#progressAt >= this.#leaseMs;
  }

  /** Under way, as far as can be told. */
  get isAlive(): boolean {
    return this.endedAt === undefined && !this.isLost;
  }

  /** @throws ReadError when the attempt takes too long as a whole */
  spend(): void {
    if (this.ms >= MAX_ATTEMPT_MS) throw new ReadError("late", `a version was not there after ${this.ms} ms`);
    this.reads++;
  }

  got(bytes: number): void {
    this.bytes += bytes;
    this.#progressAt = this.#now();
  }

  hit(): void {
    this.reads--;
    this.cached++;
  }

  end(): void {
    this.endedAt = this.#now();
  }
}
