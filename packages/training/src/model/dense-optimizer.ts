import * as tf from "@tensorflow/tfjs";
import { type State, type Stateful, type StateValue, stateArray, stateNumber } from "../state.ts";
import type { OptimizerName } from "./row-optimizer.ts";

const BETA1 = 0.9;
const BETA2 = 0.999;
const ADAM_EPSILON = 1e-7;
const ADAGRAD_START = 0.1;
const ADAGRAD_EPSILON = 1e-7;

/**
 * Adagrad or Adam for the few small TensorFlow.js variables of towers and codebooks, with the numbers of `tf.train`'s.
 * Its slots are named by the variable's place in the list given here, so a checkpoint can hold them: `tf.train` names
 * them by a counter of the process.
 */
export class DenseOptimizer implements Stateful {
  readonly #variables: readonly tf.Variable[];
  readonly #slots: tf.Variable[][];
  #steps = 0;

  constructor(name: OptimizerName, variables: readonly tf.Variable[]) {
    this.#variables = variables;
    const starts = name === "adam" ? [0, 0] : [ADAGRAD_START];
    this.#slots = variables.map((variable) =>
      starts.map((start) => tf.tidy(() => tf.variable(tf.fill(variable.shape, start), false))),
    );
  }

  /** @param gradients by the variable's name; a variable without one stays as it is */
  apply(gradients: Readonly<Record<string, tf.Tensor>>, learningRate: number): void {
    this.#steps++;
    this.#variables.forEach((variable, i) => {
      const gradient = gradients[variable.name];
      if (gradient) tf.tidy(() => this.#update(variable, this.#slots[i]!, gradient, learningRate));
    });
  }

  #update(variable: tf.Variable, slots: tf.Variable[], gradient: tf.Tensor, learningRate: number): void {
    const [first, second] = slots as [tf.Variable, tf.Variable?];
    if (!second) {
      first.assign(tf.add(first, tf.square(gradient)));
      const step = tf.div(gradient, tf.sqrt(tf.add(first, ADAGRAD_EPSILON)));
      variable.assign(tf.sub(variable, tf.mul(step, learningRate)));
      return;
    }
    first.assign(tf.add(tf.mul(first, BETA1), tf.mul(gradient, 1 - BETA1)));
    second.assign(tf.add(tf.mul(second, BETA2), tf.mul(tf.square(gradient), 1 - BETA2)));
    const rate = learningRate / (1 - BETA1 ** this.#steps);
    const deviation = tf.sqrt(tf.mul(second, 1 / (1 - BETA2 ** this.#steps)));
    variable.assign(tf.sub(variable, tf.mul(tf.div(first, tf.add(deviation, ADAM_EPSILON)), rate)));
  }

  async state(): Promise<State> {
    return { ...(await readVariables(this.#slots.flat())), steps: this.#steps };
  }

  restore(state: State): void {
    this.#steps = stateNumber(state, "steps");
    restoreVariables(this.#slots.flat(), state);
  }

  dispose(): void {
    tf.dispose(this.#slots.flat());
  }
}

/** Variables by their place in the list: names are a counter of the process. */
export async function readVariables(variables: readonly tf.Variable[]): Promise<State> {
  const state: Record<string, StateValue> = {};
  // a copy: some backends answer with a view of memory that the next operation may reuse
  for (const [i, variable] of variables.entries()) state[i] = Float32Array.from(await variable.data());
  return state;
}

/** Puts back what `readVariables` gave. */
export function restoreVariables(variables: readonly tf.Variable[], state: State): void {
  variables.forEach((variable, i) => {
    const values = stateArray(state, String(i), new Float32Array(variable.size));
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  });
}
