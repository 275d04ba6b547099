import type { Random, RowLists } from "@poeem/indexing-layer";
import { type State, stateArray } from "../state.ts";
import { createRowOptimizer, type OptimizerName, type RowOptimizer } from "./row-optimizer.ts";
import type { Backward, RowSource } from "./row-source.ts";

export interface TableInit {
  readonly random: Random;
  readonly stddev: number;
  /** Where Adagrad's sums start. */
  readonly accumulator: number;
  /** Default "adagrad". */
  readonly optimizer?: OptimizerName;
}

/**
 * An embedding table on the host with sparse updates: a step reads and writes only the rows of its batch, so its
 * cost does not grow with the catalogue. TensorFlow.js would rewrite the whole table each step, and its wasm backend
 * has no gradient for `gather`.
 */
export class EmbeddingTable implements RowSource {
  readonly numRows: number;
  readonly dim: number;
  /** (numRows, dim) */
  readonly rows: Float32Array;
  readonly optimizer: OptimizerName;
  readonly #optimizer: RowOptimizer;
  // Gradients of the rows met in this step, (slots, dim), and which row each slot belongs to.
  #gradients = new Float32Array(0);
  readonly #slotRows: number[] = [];
  readonly #slotOf: Int32Array;

  constructor(numRows: number, dim: number, init: TableInit) {
    this.numRows = numRows;
    this.dim = dim;
    this.rows = new Float32Array(numRows * dim);
    for (let i = 0; i < this.rows.length; i++) this.rows[i] = init.random.normal() * init.stddev;
    this.optimizer = init.optimizer ?? "adagrad";
    this.#optimizer = createRowOptimizer(this.optimizer, numRows, dim, init.accumulator);
    this.#slotOf = new Int32Array(numRows).fill(-1);
  }

  /** Sums of rows, one list after the other; the way back adds to their gradients in the same order. */
  addSums({ ends, rows, weights }: RowLists, out: Float32Array): Backward {
    const each = (visit: (row: number, weight: number, at: number) => void): void => {
      for (let list = 0, next = 0; list < ends.length; list++)
        for (const end = ends[list]!; next < end; next++) visit(rows[next]!, weights?.[next] ?? 1, list * this.dim);
    };
    each((row, weight, at) => this.addRow(row, weight, out, at));
    return (gradients) => each((row, weight, at) => this.addGradient(row, weight, gradients, at));
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
    let slot = this.#slotOf[row]!;
    if (slot < 0) {
      slot = this.#slotRows.length;
      this.#slotOf[row] = slot;
      this.#slotRows.push(row);
      this.#growTo((slot + 1) * dim);
    }
    const gradients = this.#gradients;
    const start = slot * dim;
    for (let d = 0; d < dim; d++) gradients[start + d]! += weight * gradient[at + d]!;
  }

  /** Updates the rows that got a gradient since the last step. */
  step(learningRate: number): void {
    const { rows, dim } = this;
    const gradients = this.#gradients;
    const slotRows = this.#slotRows;
    const slotOf = this.#slotOf;
    const optimizer = this.#optimizer;
    optimizer.beginStep(learningRate);
    for (let slot = 0; slot < slotRows.length; slot++) {
      const row = slotRows[slot]!;
      slotOf[row] = -1;
      optimizer.update(rows, row, gradients, slot * dim);
    }
    gradients.fill(0, 0, slotRows.length * dim);
    slotRows.length = 0;
  }

  /** Rows and the optimizer's memory of them, as views. */
  state(): State {
    return { rows: this.rows, ...this.#optimizer.state() };
  }

  restore(state: State): void {
    this.rows.set(stateArray(state, "rows", this.rows));
    this.#optimizer.restore(state);
  }

  #growTo(length: number): void {
    if (this.#gradients.length >= length) return;
    const grown = new Float32Array(Math.max(length, 2 * this.#gradients.length));
    grown.set(this.#gradients);
    this.#gradients = grown;
  }
}
