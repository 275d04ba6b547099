import type { ChunkSource } from "./chunk-source.ts";

/** Payloads in memory, least recently used first; those of all versions of an index within one budget. */
export class PayloadPool {
  readonly payloads = new Map<string, Uint8Array>();
  /** How many readers each payload has that wait for something else meanwhile. */
  readonly pins = new WeakMap<Uint8Array, number>();
  readonly #sources = new WeakMap<Uint8Array, ChunkSource>();
  #budget: number;
  #bytes = 0;

  /** @param budget bytes of all payloads together */
  constructor(budget: number) {
    this.#budget = budget;
  }

  /** Remembers whom to tell when a payload is needed no longer. */
  cameFrom(payload: Uint8Array, source: ChunkSource): void {
    this.#sources.set(payload, source);
  }

  /** Tells the source of a payload that nothing reads it any more. */
  release(payload: Uint8Array): void {
    this.#sources.get(payload)?.release?.(payload);
  }

  /** Keeps a payload by its key, unless it is larger than the budget. */
  keep(key: string, payload: Uint8Array): void {
    if (payload.length > this.#budget || this.payloads.has(key)) return;
    this.payloads.set(key, payload);
    this.#bytes += payload.length;
    this.limit(this.#budget);
  }

  /** Changes the budget; what is too much by now goes. */
  limit(budget: number): void {
    this.#budget = budget;
    for (const [oldest, bytes] of this.payloads) {
      if (this.#bytes <= budget) break;
      this.payloads.delete(oldest);
      this.#bytes -= bytes.length;
      if (!this.pins.has(bytes)) this.release(bytes);
    }
  }
}
