import type { IndexingLayer, Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { FittedConfig } from "../config.ts";
import type { Dataset } from "../data/types.ts";
import { DenseOptimizer } from "../model/dense-optimizer.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { joinStates, randomState, restoreParts, type State, type Stateful } from "../state.ts";
import { NewItems } from "./new-items.ts";
import type { LearnedScale } from "./objectives/scale.ts";
import { StepInput } from "./step-input.ts";

/** What one step measured. */
export interface StepResult {
  /** What the objective makes of the right answers. */
  readonly loss: number;
  /** Mean over the batch of ‖x − x̂‖², 0 while the quantizer is bypassed. */
  readonly distortion: number;
}

/** What every step works on. */
export interface StepParts {
  readonly config: FittedConfig;
  readonly dataset: Dataset;
  readonly model: TwoTower;
  readonly layer: IndexingLayer;
  readonly random: Random;
}

/** What a step made of the item vectors: what gradients are taken of, and what is reported. */
export interface StepLosses {
  readonly total: tf.Scalar;
  readonly ranking: tf.Scalar;
  readonly distortion?: tf.Scalar | undefined;
}

/**
 * One step of joint training: towers → indexing layer → objective + the layer's losses → gradients →
 * optimizers. The tables are gathered and updated on the host; everything between is on the backend, and is read back
 * asynchronously.
 */
export abstract class JointStep implements Stateful {
  readonly #parts: StepParts;
  readonly #scale: LearnedScale | undefined;
  readonly #optimizer: DenseOptimizer;
  readonly #queryInput: StepInput;
  readonly #itemInput: StepInput;
  readonly #newItems: NewItems;

  constructor(parts: StepParts, scale?: LearnedScale) {
    const { config, model } = parts;
    this.#parts = parts;
    this.#scale = scale;
    const variables = [...model.variables, ...(scale?.variables ?? [])];
    this.#optimizer = new DenseOptimizer(config.training.optimizer, variables);
    this.#queryInput = new StepInput(model.dim);
    this.#itemInput = new StepInput(model.dim);
    this.#newItems = new NewItems(config, parts.dataset);
  }

  /**
   * @param events positions in the event list
   * @param rateShare share of the configured learning rates, for a schedule
   */
  abstract run(events: Uint32Array, rateShare: number): Promise<StepResult>;

  /**
   * @param read items that compete, and the events of the queries; no events where a query is nothing but a history.
   * `asked` are the queries that the leading items are each to be found by
   * @param losses of the item vectors (items.length, dim) and the sums of the query tower's inputs (events.length, dim)
   */
  protected async take(
    read: {
      readonly items: Uint32Array;
      readonly events: Uint32Array | undefined;
      readonly asked?: Uint32Array | undefined;
    },
    rateShare: number,
    losses: (vectors: tf.Tensor2D, queryInput: tf.Tensor2D | undefined) => StepLosses,
  ): Promise<StepResult> {
    const { config, model, layer, random } = this.#parts;
    const { items, events, asked } = read;
    const queries =
      events && this.#queryInput.variable(events.length, (sum) => model.queryInputs.add({ events }, sum, { random }));
    const asNew = this.#newItems.draw(items, random);
    const [itemInput, itemBack] = this.#itemInput.variable(items.length, (sum) =>
      model.itemInputs.add(items, sum, { random, asked, asNew }),
    );
    const inputs = [...(queries ? [queries[0]] : []), itemInput];
    const scales = this.#scale?.variables ?? [];
    const kept: tf.Tensor[] = [];
    const keep = <T extends tf.Tensor>(tensor: T): T => {
      kept.push(tf.keep(tf.clone(tensor)));
      return kept.at(-1) as T;
    };
    let measured: { vectors: tf.Tensor2D; ranking: tf.Scalar; distortion: tf.Scalar | undefined } | undefined;
    const { value, grads } = tf.variableGrads(() => {
      const vectors = model.embedItems(itemInput as unknown as tf.Tensor2D);
      const { total, ranking, distortion } = losses(vectors, queries?.[0] as unknown as tf.Tensor2D | undefined);
      measured = { vectors: keep(vectors), ranking: keep(ranking), distortion: distortion && keep(distortion) };
      return total;
    }, [...inputs, ...model.variables, ...scales]);

    this.#optimizer.apply(grads, config.training.towerLearningRate * rateShare);
    this.#scale?.clip();
    const { vectors, ranking, distortion } = measured!;
    await layer.afterStep(vectors);
    const [queryGradient, itemGradient, loss, lost] = await Promise.all([
      queries && (grads[queries[0].name]!.data() as Promise<Float32Array>),
      grads[itemInput.name]!.data() as Promise<Float32Array>,
      ranking.data(),
      distortion?.data() ?? [0],
    ]);
    if (queryGradient) queries![1](queryGradient);
    itemBack(itemGradient);
    model.stepTables(config.training.learningRate * rateShare);
    tf.dispose([value, grads, ...inputs, ...kept]);
    return { loss: loss[0]!, distortion: lost[0]! };
  }

  /** A step whose events have no history learns nothing, but the warm-up and the gathering of items go by steps. */
  protected async pass(): Promise<StepResult> {
    const { layer, model } = this.#parts;
    const none = tf.zeros<tf.Rank.R2>([0, model.dim]);
    if (!layer.ready) await layer.afterStep(none);
    none.dispose();
    return { loss: 0, distortion: 0 };
  }

  /** (rows, dim) of 1 and 0: which coordinates of what a history is read from are read in a step; undefined: all. */
  protected drawDropped(rows: number): tf.Tensor2D | undefined {
    const { model, config, random } = this.#parts;
    const { sourceDropout } = config.training;
    if (sourceDropout === 0) return undefined;
    const kept = Float32Array.from({ length: rows * model.dim }, () => Number(random.uniform() >= sourceDropout));
    return tf.tensor2d(kept, [rows, model.dim]);
  }

  /** What steps leave behind beside model and layer. */
  get #left(): Record<string, Stateful> {
    const scale = this.#scale;
    return { optimizer: this.#optimizer, ...(scale && { scale }), random: randomState(this.#parts.random) };
  }

  state(): Promise<State> {
    return joinStates(this.#left);
  }

  restore(state: State): void {
    restoreParts(this.#left, state);
  }

  dispose(): void {
    this.#optimizer.dispose();
    this.#scale?.dispose();
  }
}
