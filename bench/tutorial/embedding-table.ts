import { Random } from "@poeem/indexing-layer";

/**
 * An embedding table in host memory with sparse Adagrad: a step costs what its rows cost, whatever the size of the
 * table (and the wasm backend has no gradient of gather). Rows are handed out as unit vectors; the gradient by a unit
 * vector is carried back through the normalisation here.
 */
export class EmbeddingTable {
  readonly dim: number;
  readonly weights: Float32Array;
  readonly #accumulators: Float32Array;
  readonly #firstUse: Int32Array;

  /** Truncated normal, standard deviation 1/√dim before truncation at two of them; Adagrad starts from 0.1. */
  constructor(numRows: number, dim: number, seed: number) {
    this.dim = dim;
    const random = new Random(seed);
    this.weights = Float32Array.from({ length: numRows * dim }, () => truncatedNormal(random) / Math.sqrt(dim));
    this.#accumulators = new Float32Array(numRows * dim).fill(0.1);
    this.#firstUse = new Int32Array(numRows).fill(-1);
  }

  fork(): EmbeddingTable {
    const copy = new EmbeddingTable(0, this.dim, 0);
    return Object.assign(copy, {
      weights: this.weights.slice(),
      accumulators: this.#accumulators.slice(),
      firstUse: this.#firstUse.slice(),
    });
  }

  /** (n, dim) unit vectors of the rows. */
  units(ids: ArrayLike<number>): Float32Array {
    const { dim, weights } = this;
    const out = new Float32Array(ids.length * dim);
    for (let i = 0; i < ids.length; i++) {
      const row = ids[i]! * dim;
      const norm = this.#norm(row);
      for (let d = 0; d < dim; d++) out[i * dim + d] = weights[row + d]! / norm;
    }
    return out;
  }

  #norm(row: number): number {
    let square = 0;
    for (let d = 0; d < this.dim; d++) square += this.weights[row + d]! ** 2;
    return Math.sqrt(Math.max(square, 1e-12));
  }

  /** One Adagrad step; gradients (n, dim) by the unit vectors, summed where a row comes up more than once. */
  step(ids: ArrayLike<number>, units: Float32Array, gradients: Float32Array, learningRate: number): void {
    const { dim, weights } = this;
    const accumulators = this.#accumulators;
    const firstUse = this.#firstUse;
    const summed = new Float32Array(gradients.length);
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      const norm = this.#norm(id * dim);
      let along = 0;
      for (let d = 0; d < dim; d++) along += gradients[i * dim + d]! * units[i * dim + d]!;
      if (firstUse[id] === -1) firstUse[id] = i;
      const to = firstUse[id]! * dim;
      for (let d = 0; d < dim; d++) {
        summed[to + d]! += (gradients[i * dim + d]! - along * units[i * dim + d]!) / norm;
      }
    }
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (firstUse[id] !== i) continue;
      for (let d = 0; d < dim; d++) {
        const g = summed[i * dim + d]!;
        const at = id * dim + d;
        accumulators[at]! += g * g;
        weights[at]! -= (learningRate * g) / Math.sqrt(accumulators[at]!);
      }
    }
    for (let i = 0; i < ids.length; i++) firstUse[ids[i]!] = -1;
  }
}

function truncatedNormal(random: Random): number {
  for (;;) {
    const value = random.normal();
    if (Math.abs(value) <= 2) return value;
  }
}
