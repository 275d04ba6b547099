import * as tf from "@tensorflow/tfjs";
import { readVariables, restoreVariables } from "../../model/dense-optimizer.ts";
import type { State, Stateful } from "../../state.ts";

// The bounds of CLIP (Radford et al., ICML 2021): past 100 a batch is won by single pairs.
const MOST = Math.log(100);

/** The logarithm of the softmax's inverse temperature, fixed or learned with everything else. */
export class LearnedScale implements Stateful {
  readonly #variable: tf.Variable<tf.Rank.R0>;
  readonly #learned: boolean;

  constructor(scale: number, learned: boolean) {
    this.#learned = learned;
    this.#variable = tf.tidy(() => tf.variable(tf.scalar(Math.log(scale)), learned));
  }

  get logScale(): tf.Scalar {
    return this.#variable;
  }

  /** For the optimizer: none when the scale is fixed. */
  get variables(): tf.Variable[] {
    return this.#learned ? [this.#variable] : [];
  }

  /** Keeps a learned scale within 1 to 100. */
  clip(): void {
    if (this.#learned) tf.tidy(() => this.#variable.assign(tf.clipByValue(this.#variable, 0, MOST)));
  }

  state(): Promise<State> {
    return readVariables([this.#variable]);
  }

  restore(state: State): void {
    restoreVariables([this.#variable], state);
  }

  dispose(): void {
    this.#variable.dispose();
  }
}
