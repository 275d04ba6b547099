import * as tf from "@tensorflow/tfjs";

/** What a tower reads in a step: rows that the host adds up, in memory that all steps share. */
export class StepInput {
  readonly #dim: number;
  #room = new Float32Array(0);

  constructor(dim: number) {
    this.#dim = dim;
  }

  /**
   * (n, dim) of zeros after `fill` has added its rows to them, as a variable, to have a gradient, and what `fill`
   * returned. A backend may keep the memory itself: dispose of the variable before the next call.
   */
  variable<T>(n: number, fill: (zeros: Float32Array<ArrayBuffer>) => T): [tf.Variable, T] {
    const length = n * this.#dim;
    if (this.#room.length < length) this.#room = new Float32Array(length);
    const rows = this.#room.subarray(0, length).fill(0);
    const filled = fill(rows);
    return [tf.tidy(() => tf.variable(tf.tensor2d(rows, [n, this.#dim]))), filled];
  }
}
