import type { AdcKernel } from "../kernel.ts";
import type { Head } from "./score.ts";

/** Kept queries take no more than this. */
const KEEP_FLOATS = 256 * 1024;

/** Gives the kernel the query of one vector after the other, and comes back to them without computing their tables again where it can. */
export class Queries {
  readonly #kernel: AdcKernel;
  readonly #heads: readonly Head[];
  /** Table and products by number of the vector. */
  readonly #kept: { readonly table: Float32Array; readonly products: Float32Array }[] = [];

  /** To be made and used without an await: the kernel must have the query that was set last. */
  constructor(kernel: AdcKernel, heads: readonly Head[]) {
    this.#kernel = kernel;
    this.#heads = heads;
  }

  /** Keeps the query that the kernel has, of head h. */
  keep(h: number): void {
    const { length } = this.#heads;
    const query = this.#kernel.query?.();
    if (length === 1 || !query || length * (query.table.length + query.products.length) > KEEP_FLOATS) return;
    this.#kept[h] = { table: query.table.slice(), products: query.products.slice() };
  }

  /** Gives the kernel the query of head h; returns its products with the cells. */
  set(h: number): Float32Array {
    const kept = this.#kept[h];
    if (kept) {
      this.#kernel.query!().table.set(kept.table);
      return kept.products;
    }
    const products = this.#kernel.setQuery(this.#heads[h]!.query);
    this.keep(h);
    return products;
  }
}
