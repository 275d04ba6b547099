import { type EmbeddingColumn, type EmbeddingWeights, embeddingMap } from "@poeem/towers";
import type { Vectors } from "../data/types.ts";
import { type State, type Stateful, stateArray } from "../state.ts";
import type { TableInit } from "./embedding-table.ts";
import type { Backward, Learned } from "./inputs/input.ts";
import { createRowOptimizer, type RowOptimizer } from "./row-optimizer.ts";
import { addOuter, addProduct } from "./vector-map.ts";

interface MapInit extends TableInit {
  readonly dim: number;
}

/** The linear maps of the columns of one tower, learned: what they make of the vectors of a batch is added up. */
export class EmbeddingMaps {
  readonly #maps: readonly LearnedMap[];
  readonly learned: Readonly<Record<string, Learned>>;

  /** @param start (length, dim) where each map starts, by the name of its column */
  constructor(
    tower: "item" | "query",
    columns: ReadonlyMap<string, Vectors>,
    start: ReadonlyMap<string, Float32Array>,
    init: MapInit,
  ) {
    this.#maps = Array.from(columns, ([name, vectors]) => new LearnedMap(name, vectors, start.get(name)!, init));
    this.learned = Object.fromEntries(this.#maps.map((map) => [`${tower} embedding ${map.name}`, map]));
  }

  /** out (rows.length, dim) += the maps of the vectors of some rows; nothing for row −1. */
  add(rows: ArrayLike<number>, out: Float32Array): Backward {
    const back = this.#maps.map((map) => map.add(rows, out));
    return (gradients) => {
      for (const backward of back) backward(gradients);
    };
  }

  settle(): void {
    for (const map of this.#maps) map.settle();
  }

  weights(encoder?: string): EmbeddingWeights {
    const columns = this.#maps.map((map) => ({ ...map.weights(), ...(encoder !== undefined && { encoder }) }));
    return { kind: "embedding", columns };
  }
}

/** Where Adagrad's sums start: every row has a gradient in every step. */
const ACCUMULATOR = 1e-8;

/** How fast a map learns next to a table: it starts where things lie, and few events had better not turn it far. */
const RATE = 0.3;

/** x / ‖x‖ ↦ bias + x / ‖x‖ · map. */
class LearnedMap implements Learned, Stateful {
  readonly name: string;
  readonly #vectors: Vectors;
  readonly #dim: number;
  /** (length + 1, dim): the map, and the bias. */
  readonly #rows: Float32Array;
  readonly #gradients: Float32Array;
  readonly #optimizer: RowOptimizer;
  #settled: EmbeddingColumn["map"];

  constructor(name: string, vectors: Vectors, start: Float32Array, { dim, optimizer }: MapInit) {
    const { length } = vectors;
    this.name = name;
    this.#vectors = vectors;
    this.#dim = dim;
    this.#rows = new Float32Array((length + 1) * dim);
    this.#rows.set(start);
    this.#gradients = new Float32Array(this.#rows.length);
    this.#optimizer = createRowOptimizer(optimizer ?? "adagrad", length + 1, dim, ACCUMULATOR);
  }

  add(rows: ArrayLike<number>, out: Float32Array): Backward {
    const dim = this.#dim;
    const { length, values } = this.#vectors;
    const bias = this.#rows.subarray(length * dim);
    const sum = new Float64Array(dim);
    for (let i = 0; i < rows.length; i++) {
      if (rows[i]! < 0) continue;
      sum.set(bias);
      addProduct(values, rows[i]! * length, length, this.#rows, sum);
      for (let d = 0, at = i * dim; d < dim; d++) out[at + d]! += sum[d]!;
    }
    return (gradients) => {
      const ofBias = this.#gradients.subarray(length * dim);
      for (let i = 0; i < rows.length; i++) {
        if (rows[i]! < 0) continue;
        const gradient = gradients.subarray(i * dim, (i + 1) * dim);
        for (let d = 0; d < dim; d++) ofBias[d]! += gradient[d]!;
        addOuter(values, rows[i]! * length, length, gradient, this.#gradients);
      }
    };
  }

  /** All rows move at once, and together not quite as far as a row of a table does. */
  step(learningRate: number): void {
    const { length } = this.#vectors;
    this.#optimizer.beginStep((RATE * learningRate) / Math.sqrt(length));
    for (let row = 0; row <= length; row++) this.#optimizer.update(this.#rows, row, this.#gradients, row * this.#dim);
    this.#gradients.fill(0);
  }

  settle(): void {
    const { map } = this.weights();
    const { values, scales, bias } = map!;
    const dim = this.#dim;
    this.#settled = map;
    if (scales) for (let i = 0; i < values.length; i++) this.#rows[i] = scales[Math.floor(i / dim)]! * values[i]!;
    this.#rows.set(bias, this.#vectors.length * dim);
  }

  weights(): EmbeddingColumn {
    const { length } = this.#vectors;
    const end = length * this.#dim;
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
