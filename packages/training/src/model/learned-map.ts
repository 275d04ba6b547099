import type { RowLists } from "@poeem/indexing-layer";
import { type EmbeddingColumn, embeddingMap } from "@poeem/towers";
import type { Vectors } from "../data/types.ts";
import { type State, stateArray } from "../state.ts";
import type { TableInit } from "./embedding-table.ts";
import { createRowOptimizer, type OptimizerName, type RowOptimizer } from "./row-optimizer.ts";
import type { Backward, RowSource } from "./row-source.ts";
import { addOuter, addProduct } from "./vector-map.ts";

export interface MapInit extends TableInit {
  readonly dim: number;
}

/** Where Adagrad's sums start: every row has a gradient in every step. */
const ACCUMULATOR = 1e-8;

/** How fast a map learns next to a table: it starts where things lie, and few events had better not turn it far. */
const RATE = 0.3;

/** x / ‖x‖ ↦ bias + x / ‖x‖ · map, learned from the vectors x of some rows. */
export class LearnedMap implements RowSource {
  readonly name: string;
  readonly vectors: Vectors;
  readonly dim: number;
  readonly optimizer: OptimizerName;
  /** (length + 1, dim): the map, and the bias. */
  readonly #rows: Float32Array;
  readonly #gradients: Float32Array;
  readonly #optimizer: RowOptimizer;
  #settled: EmbeddingColumn["map"];

  constructor(name: string, vectors: Vectors, start: Float32Array, { dim, optimizer = "adagrad" }: MapInit) {
    const { length } = vectors;
    this.name = name;
    this.vectors = vectors;
    this.dim = dim;
    this.optimizer = optimizer;
    this.#rows = new Float32Array((length + 1) * dim);
    this.#rows.set(start);
    this.#gradients = new Float32Array(this.#rows.length);
    this.#optimizer = createRowOptimizer(optimizer, length + 1, dim, ACCUMULATOR);
  }

  /** @param lists of at most one row each, once */
  addSums({ ends, rows }: RowLists, out: Float32Array): Backward {
    const dim = this.dim;
    const { length, values } = this.vectors;
    const bias = this.#rows.subarray(length * dim);
    const sum = new Float64Array(dim);
    const each = (visit: (row: number, at: number) => void): void => {
      for (let list = 0, next = 0; list < ends.length; list++) if (next < ends[list]!) visit(rows[next++]!, list * dim);
    };
    each((row, at) => {
      sum.set(bias);
      addProduct(values, row * length, length, this.#rows, sum);
      for (let d = 0; d < dim; d++) out[at + d]! += sum[d]!;
    });
    return (gradients) => {
      const ofBias = this.#gradients.subarray(length * dim);
      each((row, at) => {
        const gradient = gradients.subarray(at, at + dim);
        for (let d = 0; d < dim; d++) ofBias[d]! += gradient[d]!;
        addOuter(values, row * length, length, gradient, this.#gradients);
      });
    };
  }

  /** All rows move at once, and together not quite as far as a row of a table does. */
  rateOf(learningRate: number): number {
    return (RATE * learningRate) / Math.sqrt(this.vectors.length);
  }

  step(learningRate: number): void {
    const { length } = this.vectors;
    this.#optimizer.beginStep(this.rateOf(learningRate));
    for (let row = 0; row <= length; row++) this.#optimizer.update(this.#rows, row, this.#gradients, row * this.dim);
    this.#gradients.fill(0);
  }

  settle(): void {
    const { map } = this.weights();
    const { values, scales, bias } = map!;
    const dim = this.dim;
    this.#settled = map;
    if (scales) for (let i = 0; i < values.length; i++) this.#rows[i] = scales[Math.floor(i / dim)]! * values[i]!;
    this.#rows.set(bias, this.vectors.length * dim);
  }

  weights(): EmbeddingColumn {
    const { length } = this.vectors;
    const end = length * this.dim;
    const map = this.#settled ?? embeddingMap(this.#rows.slice(0, end), this.#rows.slice(end));
    return { name: this.name, length, map };
  }

  state(): State {
    return { rows: this.#rows, ...this.#optimizer.state() };
  }

  restore(state: State): void {
    this.#rows.set(stateArray(state, "rows", this.#rows));
    this.#optimizer.restore(state);
  }
}
