import type { EmbeddingTable } from "../embedding-table.ts";
import type { Backward } from "./input.ts";

/** Rows of a table with a weight each, for one query or item of a batch after the other. */
export class WeightedRows {
  #rows = new Uint32Array(0);
  #weights = new Float64Array(0);
  #ends = new Uint32Array(0);
  #length = 0;
  #lists = 0;

  push(row: number, weight: number): void {
    if (this.#length === this.#rows.length) this.#grow();
    this.#rows[this.#length] = row;
    this.#weights[this.#length++] = weight;
  }

  /** The mean of rows, so many times. */
  pushMean(rows: ArrayLike<number>, weight = 1): void {
    for (let i = 0; i < rows.length; i++) this.push(rows[i]!, weight / rows.length);
  }

  /**
   * Adds to out, (n, table.dim), the weighted rows of each of n lists, and returns the way back.
   * @param list pushes the rows of list i
   */
  addTo(table: EmbeddingTable, out: Float32Array, n: number, list: (i: number) => void): Backward {
    this.#length = 0;
    this.#lists = n;
    if (this.#ends.length < n) this.#ends = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      list(i);
      this.#ends[i] = this.#length;
    }
    this.#each((row, weight, at) => table.addRow(row, weight, out, at * table.dim));
    return (gradients) => this.#each((row, weight, at) => table.addGradient(row, weight, gradients, at * table.dim));
  }

  #each(visit: (row: number, weight: number, list: number) => void): void {
    let next = 0;
    for (let list = 0; list < this.#lists; list++) {
      for (const end = this.#ends[list]!; next < end; next++) visit(this.#rows[next]!, this.#weights[next]!, list);
    }
  }

  #grow(): void {
    const rows = new Uint32Array(Math.max(1024, 2 * this.#rows.length));
    const weights = new Float64Array(rows.length);
    rows.set(this.#rows);
    weights.set(this.#weights);
    this.#rows = rows;
    this.#weights = weights;
  }
}
