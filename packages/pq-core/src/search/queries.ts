import type { AdcKernel } from "../kernel.ts";
import type { Head } from "./score.ts";

/** Gives the kernel the query of one vector after the other, and comes back to them without computing their tables again where it can. */
export class Queries {
  readonly #kernel: AdcKernel;
  readonly #heads: readonly Head[];
  readonly #kept = new Set<number>();
  readonly #canKeep: boolean;

  /** To be made and used without an await: what the kernel keeps is of one search. */
  constructor(kernel: AdcKernel, heads: readonly Head[]) {
    this.#kernel = kernel;
    this.#heads = heads;
    this.#canKeep = heads.length > 1 && kernel.keepQueries?.(heads.length) === true;
  }

  /** Keeps the query that the kernel has, of head h. */
  keep(h: number): void {
    if (!this.#canKeep) return;
    this.#kernel.keepQuery!(h);
    this.#kept.add(h);
  }

  /** Gives the kernel the query of head h; returns its products with the cells, valid until the next call of the kernel. */
  set(h: number): Float32Array {
    if (this.#kept.has(h)) return this.#kernel.recallQuery!(h);
    const products = this.#kernel.setQuery(this.#heads[h]!.query);
    this.keep(h);
    return products;
  }
}
