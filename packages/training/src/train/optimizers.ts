import type { IndexingLayer } from "@poeem/indexing-layer";
import type * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import { DenseOptimizer } from "../model/dense-optimizer.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { joinStates, restoreParts, type State, type Stateful } from "../state.ts";

/** Moves a step's variables: towers by the configured optimizer, codebooks by Adagrad once they are in use. */
export class Optimizers implements Stateful {
  readonly #training: PoeemConfig["training"];
  readonly #layer: IndexingLayer;
  readonly #towers: DenseOptimizer;
  readonly #codebooks: DenseOptimizer;

  /** @param more variables that move with the towers */
  constructor(
    training: PoeemConfig["training"],
    model: TwoTower,
    layer: IndexingLayer,
    more: readonly tf.Variable[] = [],
  ) {
    this.#training = training;
    this.#layer = layer;
    this.#towers = new DenseOptimizer(training.optimizer, [...model.variables, ...more]);
    this.#codebooks = new DenseOptimizer("adagrad", layer.trainableVariables);
  }

  /** @param gradients by the variable's name @param rateShare share of the configured learning rates */
  apply(gradients: Readonly<Record<string, tf.Tensor>>, rateShare: number): void {
    this.#towers.apply(gradients, this.#training.towerLearningRate * rateShare);
    if (this.#layer.ready) this.#codebooks.apply(gradients, this.#training.codebookLearningRate * rateShare);
  }

  get #parts(): Record<string, Stateful> {
    return { towers: this.#towers, codebooks: this.#codebooks };
  }

  state(): Promise<State> {
    return joinStates(this.#parts);
  }

  restore(state: State): void {
    restoreParts(this.#parts, state);
  }

  dispose(): void {
    this.#towers.dispose();
    this.#codebooks.dispose();
  }
}
