import type { Random } from "@poeem/indexing-layer";

const EPSILON = 1e-7;

/**
 * An embedding table on the host with sparse, row-wise Adagrad: a step reads and writes only the rows of its batch, so its
 * cost does not grow with the catalogue. TensorFlow.js would rewrite the whole table each step, and its wasm backend has no
 * gradient for `gather`.
 *
 * Adagrad (Duchi et al., JMLR 2011) keeps a sum of squared gradients for every number; row-wise, one sum of their mean over
 * a row: half the memory and one square root a row.
 */
export class EmbeddingTable {
  readonly numRows: number;
  readonly dim: number;
  /** (numRows, dim) */
  readonly rows: Float32Array;
  /** Sums over steps of a row's mean squared gradient, (numRows). */
  readonly accumulator: Float32Array;
  // Gradients of the rows met in this step, (slots, dim), and which row each slot belongs to.
  private gradients = new Float32Array(0);
  private readonly slotRows: number[] = [];
  private readonly slotOf: Int32Array;

  constructor(numRows: number, dim: number, init: { random: Random; stddev: number; accumulator: number }) {
    this.numRows = numRows;
    this.dim = dim;
    this.rows = Float32Array.from({ length: numRows * dim }, () => init.random.normal() * init.stddev);
    this.accumulator = new Float32Array(numRows).fill(init.accumulator);
    this.slotOf = new Int32Array(numRows).fill(-1);
  }

  /** out[at…] += weight * row */
  addRow(row: number, weight: number, out: Float32Array, at: number): void {
    const { rows, dim } = this;
    const start = row * dim;
    for (let d = 0; d < dim; d++) out[at + d]! += weight * rows[start + d]!;
  }

  /** Adds weight * gradient[at…] to the gradient of a row, to be applied by `step`. */
  addGradient(row: number, weight: number, gradient: Float32Array, at: number): void {
    const { dim } = this;
    let slot = this.slotOf[row]!;
    if (slot < 0) {
      slot = this.slotRows.length;
      this.slotOf[row] = slot;
      this.slotRows.push(row);
      this.growTo((slot + 1) * dim);
    }
    const { gradients } = this;
    const start = slot * dim;
    for (let d = 0; d < dim; d++) gradients[start + d]! += weight * gradient[at + d]!;
  }

  /** Adagrad over the rows that got a gradient since the last step. */
  step(learningRate: number): void {
    const { rows, accumulator, gradients, slotRows, slotOf, dim } = this;
    for (let slot = 0; slot < slotRows.length; slot++) {
      const row = slotRows[slot]!;
      slotOf[row] = -1;
      const from = slot * dim;
      let squares = 0;
      for (let d = 0; d < dim; d++) squares += gradients[from + d]! * gradients[from + d]!;
      const sum = accumulator[row]! + squares / dim;
      accumulator[row] = sum;
      const rate = learningRate / (Math.sqrt(sum) + EPSILON);
      const to = row * dim;
      for (let d = 0; d < dim; d++) {
        rows[to + d]! -= rate * gradients[from + d]!;
        gradients[from + d] = 0;
      }
    }
    slotRows.length = 0;
  }

  private growTo(length: number): void {
    if (this.gradients.length >= length) return;
    const grown = new Float32Array(Math.max(length, 2 * this.gradients.length));
    grown.set(this.gradients);
    this.gradients = grown;
  }
}
