import type { RowLists } from "@poeem/indexing-layer";

/** Lists of rows with a weight each, one for each query or item of a batch, in memory that all batches share. */
export class WeightedRows {
  #rows = new Uint32Array(0);
  #weights = new Float64Array(0);
  #ends = new Uint32Array(0);
  #length = 0;

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
   * Lists of a batch of n, good until the next call.
   * @param list pushes the rows of list i
   */
  take(n: number, list: (i: number) => void): RowLists {
    this.#length = 0;
    if (this.#ends.length < n) this.#ends = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      list(i);
      this.#ends[i] = this.#length;
    }
    const ends = this.#ends.subarray(0, n);
    return { ends, rows: this.#rows.subarray(0, this.#length), weights: this.#weights.subarray(0, this.#length) };
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
