import type { AdcKernel } from "../kernel/kernel.ts";
import type { QueryVector } from "./score.ts";

/** Kept queries take no more than this. */
const KEEP_FLOATS = 256 * 1024;

/** Gives the kernel one query vector after the other, and recomputes tables only where it must. */
export class Queries {
  readonly #kernel: AdcKernel;
  readonly vectors: readonly QueryVector[];
  /** Table and products of each vector, one after another. */
  #room: Float32Array | undefined;
  readonly #kept: boolean[] = [];

  /** To be made and used without an await: the kernel must have the query that was set last. */
  constructor(kernel: AdcKernel, vectors: readonly QueryVector[]) {
    this.#kernel = kernel;
    this.vectors = vectors;
  }

  /** Keeps the query that the kernel has, of vector h. */
  keep(h: number): void {
    const { length } = this.vectors;
    if (length === 1 || this.#kernel.query === undefined) return;
    const { table, products } = this.#kernel.query();
    const size = table.length + products.length;
    if (length * size > KEEP_FLOATS) return;
    this.#room ??= new Float32Array(length * size);
    this.#room.set(table, h * size);
    this.#room.set(products, h * size + table.length);
    this.#kept[h] = true;
  }

  /** Gives the kernel one query after the other, and `use` each with its products with the cells. */
  each(use: (vector: QueryVector, products: Float32Array, h: number) => void): void {
    for (const [h, vector] of this.vectors.entries()) use(vector, this.#set(h), h);
  }

  #set(h: number): Float32Array {
    if (this.#kept[h]) {
      const { table, products } = this.#kernel.query!();
      const at = h * (table.length + products.length) + table.length;
      table.set(this.#room!.subarray(at - table.length, at));
      return this.#room!.subarray(at, at + products.length);
    }
    const products = this.#kernel.setQuery(this.vectors[h]!.query);
    this.keep(h);
    return products;
  }
}
