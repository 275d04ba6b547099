/**
 * Chunks of versions that are being read, between their arrival and their use.
 *
 * An attempt to read a version may end before the version is complete: a chunk is missing, the request is cancelled,
 * or it takes too long. The next attempt, by whatever request, finds here what has arrived. Plain data, by keys that
 * are made of what they hold, so it does not matter which attempt or which index brought it.
 */
export class Arrivals {
  /** Bytes of all chunks. */
  readonly #budget: number;
  /** Those that were wanted longest ago first. */
  readonly #chunks = new Map<string, Uint8Array>();
  #bytes = 0;

  /** @param budget bytes that are kept; default none */
  constructor(budget = 0) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(key: string): boolean {
    return this.#chunks.has(key);
  }

  /** Makes room among chunks that are not wanted now. @returns whether there is enough */
  makeRoom(size: number, wanted: ReadonlySet<string>): boolean {
    for (const key of this.#chunks.keys()) {
      if (this.#bytes + size <= this.#budget) break;
      if (!wanted.has(key)) this.drop(key);
    }
    return this.#bytes + size <= this.#budget;
  }

  /** @param bytes checked, with a buffer of their own */
  add(key: string, bytes: Uint8Array): void {
    if (this.#chunks.has(key)) return;
    this.#chunks.set(key, bytes);
    this.#bytes += bytes.length;
  }

  /** Hands a chunk over to whoever uses it. */
  take(key: string): Uint8Array | undefined {
    const bytes = this.#chunks.get(key);
    if (bytes === undefined) return undefined;
    this.#chunks.delete(key);
    this.#bytes -= bytes.length;
    return bytes;
  }

  /** Frees a chunk. */
  drop(key: string): void {
    free(this.take(key));
  }
}

/**
 * Frees memory without waiting for the garbage collector: it counts what JavaScript allocates, not what comes from KV,
 * and 100 MB of dead pages are soon there. This leaves the old buffer without its memory; nothing else does so at once.
 */
export function free(bytes: Uint8Array | undefined): void {
  if (bytes?.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}
