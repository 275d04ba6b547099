import { type State, stateArray } from "../state.ts";

/** Both kinds of optimizer a configuration can name. */
export type OptimizerName = "adagrad" | "adam";

/**
 * Updates single rows of a table, so that a step costs what its batch touches and not what the catalogue holds. A row
 * that got no gradient stays as it is, moments included ("lazy": TensorFlow Addons' LazyAdam does the same).
 */
export interface RowOptimizer {
  /** Once before the rows of a step. */
  beginStep(learningRate: number): void;
  /** rows[row] moves against gradients[from … from + dim). */
  update(rows: Float32Array, row: number, gradients: Float32Array, from: number): void;
  state(): State;
  restore(state: State): void;
}

/** @param accumulator where Adagrad's sums start */
export function createRowOptimizer(
  name: OptimizerName,
  numRows: number,
  dim: number,
  accumulator: number,
): RowOptimizer {
  return name === "adam" ? new RowAdam(numRows, dim) : new RowAdagrad(numRows, dim, accumulator);
}

export const ADAGRAD_EPSILON = 1e-7;

/**
 * Adagrad (Duchi et al., JMLR 2011) keeps a sum of squared gradients for every number; row-wise, one sum of their mean
 * over a row: a 1/dim of the memory and one square root a row.
 */
export class RowAdagrad implements RowOptimizer {
  /** Sums over steps of a row's mean squared gradient, (numRows). */
  readonly accumulator: Float32Array;
  readonly #dim: number;
  #learningRate = 0;

  constructor(numRows: number, dim: number, start: number) {
    this.#dim = dim;
    this.accumulator = new Float32Array(numRows).fill(start);
  }

  beginStep(learningRate: number): void {
    this.#learningRate = learningRate;
  }

  update(rows: Float32Array, row: number, gradients: Float32Array, from: number): void {
    const { accumulator } = this;
    const dim = this.#dim;
    let squares = 0;
    for (let d = 0; d < dim; d++) squares += gradients[from + d]! * gradients[from + d]!;
    const sum = accumulator[row]! + squares / dim;
    accumulator[row] = sum;
    const rate = this.#learningRate / (Math.sqrt(sum) + ADAGRAD_EPSILON);
    const to = row * dim;
    for (let d = 0; d < dim; d++) rows[to + d]! -= rate * gradients[from + d]!;
  }

  state(): State {
    return { accumulator: this.accumulator };
  }

  restore(state: State): void {
    this.accumulator.set(stateArray(state, "accumulator", this.accumulator));
  }
}

/** Decay of Adam's moments. */
export const BETA1 = 0.9;
export const BETA2 = 0.999;
/** Well under the gradients of a row, which are means over a batch: about 1e-5. */
export const ADAM_EPSILON = 1e-10;

/**
 * Adam (Kingma and Ba, ICLR 2015, algorithm 1) on the rows a step touches. The bias correction counts the steps of each
 * row, not those of the training: a rare row's moments have forgotten nothing in between.
 */
export class RowAdam implements RowOptimizer {
  readonly #dim: number;
  /** First and second moments, (numRows, dim). */
  readonly #first: Float32Array;
  readonly #second: Float32Array;
  /** Updates each row has had, (numRows). */
  readonly #updates: Uint32Array;
  readonly #epsilon: number;
  #learningRate = 0;

  constructor(numRows: number, dim: number, epsilon = ADAM_EPSILON) {
    this.#dim = dim;
    this.#epsilon = epsilon;
    this.#first = new Float32Array(numRows * dim);
    this.#second = new Float32Array(numRows * dim);
    this.#updates = new Uint32Array(numRows);
  }

  beginStep(learningRate: number): void {
    this.#learningRate = learningRate;
  }

  update(rows: Float32Array, row: number, gradients: Float32Array, from: number): void {
    const dim = this.#dim;
    const first = this.#first;
    const second = this.#second;
    const epsilon = this.#epsilon;
    const t = ++this.#updates[row]!;
    const correction1 = 1 - BETA1 ** t;
    const correction2 = 1 - BETA2 ** t;
    const to = row * dim;
    for (let d = 0; d < dim; d++) {
      const g = gradients[from + d]!;
      const m = BETA1 * first[to + d]! + (1 - BETA1) * g;
      const v = BETA2 * second[to + d]! + (1 - BETA2) * g * g;
      first[to + d] = m;
      second[to + d] = v;
      rows[to + d]! -= (this.#learningRate * (m / correction1)) / (Math.sqrt(v / correction2) + epsilon);
    }
  }

  state(): State {
    return { first: this.#first, second: this.#second, updates: this.#updates };
  }

  restore(state: State): void {
    this.#first.set(stateArray(state, "first", this.#first));
    this.#second.set(stateArray(state, "second", this.#second));
    this.#updates.set(stateArray(state, "updates", this.#updates));
  }
}
