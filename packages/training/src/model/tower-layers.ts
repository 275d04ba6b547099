import type { Random } from "@poeem/indexing-layer";
import type { DenseLayer } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import type { State, Stateful } from "../state.ts";
import { readVariables, restoreVariables } from "./dense-optimizer.ts";
import { l2NormalizeRows, matMul } from "./ops.ts";

/** Hidden layers of one tower as variables, with a skip connection: (n, dim) → unit rows (n, dim). */
export class TowerLayers implements Stateful {
  readonly variables: tf.Variable[];

  constructor(dim: number, hiddenDim: number, random: Random) {
    const variable = (shape: [number, number], stddev: number): tf.Variable => {
      const values = Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal() * stddev);
      return tf.tidy(() => tf.variable(tf.tensor2d(values, shape)));
    };
    this.variables =
      hiddenDim === 0
        ? []
        : [
            variable([dim, hiddenDim], Math.sqrt(2 / dim)),
            variable([1, hiddenDim], 0),
            // near zero: at the start the tower is its skip connection
            variable([hiddenDim, dim], 0.1 * Math.sqrt(1 / hiddenDim)),
            variable([1, dim], 0),
          ];
  }

  /** (n, dim) → (n, dim), unit rows unless `normalize` is false. */
  call(input: tf.Tensor2D, normalize = true): tf.Tensor2D {
    const [w1, b1, w2, b2] = this.variables as unknown as tf.Tensor2D[];
    let output = input;
    if (w1 && b1 && w2 && b2) {
      const hidden = tf.relu(tf.add(matMul(input, w1), b1)) as tf.Tensor2D;
      output = tf.add(tf.add(matMul(hidden, w2), b2), input) as tf.Tensor2D;
    }
    return normalize ? l2NormalizeRows(output) : output;
  }

  state(): Promise<State> {
    return readVariables(this.variables);
  }

  restore(state: State): void {
    restoreVariables(this.variables, state);
  }

  /** The layers as packages/towers computes them. */
  async dense(): Promise<DenseLayer[]> {
    const data = (await Promise.all(this.variables.map((variable) => variable.data()))) as Float32Array[];
    const layers: DenseLayer[] = [];
    for (let i = 0; i < data.length; i += 2) {
      const [inputDim, outputDim] = this.variables[i]!.shape as [number, number];
      layers.push({ inputDim, outputDim, weights: Float32Array.from(data[i]!), bias: Float32Array.from(data[i + 1]!) });
    }
    return layers;
  }
}
