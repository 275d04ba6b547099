import type { IndexingLayer, Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { type BatchBuilder, logQCorrection } from "../model/batch.ts";
import { DenseOptimizer } from "../model/dense-optimizer.ts";
import { inBatchSoftmaxLoss } from "../model/ops.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { joinStates, randomState, restoreParts, type State, type Stateful } from "../state.ts";

/** What one step measured. */
export interface StepResult {
  /** In-batch softmax cross-entropy. */
  readonly loss: number;
  /** Mean over the batch of ‖x − x̂‖², 0 while the quantizer is bypassed. */
  readonly distortion: number;
}

/**
 * One step of joint training: towers → indexing layer → in-batch softmax + the layer's losses → gradients → Adagrad.
 * The tables are gathered and updated on the host; everything between is on the backend, and is read back asynchronously.
 */
export class TrainingStep implements Stateful {
  private readonly config: PoeemConfig;
  private readonly dataset: Dataset;
  private readonly model: TwoTower;
  private readonly layer: IndexingLayer;
  private readonly batches: BatchBuilder;
  private readonly random: Random;
  private readonly logQ: Float32Array;
  private readonly towerOptimizer: DenseOptimizer;
  private readonly codebookOptimizer: DenseOptimizer;

  constructor(parts: {
    config: PoeemConfig;
    dataset: Dataset;
    model: TwoTower;
    layer: IndexingLayer;
    batches: BatchBuilder;
    random: Random;
  }) {
    this.config = parts.config;
    this.dataset = parts.dataset;
    this.model = parts.model;
    this.layer = parts.layer;
    this.batches = parts.batches;
    this.random = parts.random;
    this.logQ = logQCorrection(parts.dataset).map((value) => value * parts.config.training.logQ);
    this.towerOptimizer = new DenseOptimizer(parts.config.training.optimizer, parts.model.variables);
    this.codebookOptimizer = new DenseOptimizer("adagrad", parts.layer.trainableVariables);
  }

  /** @param events positions in the event list. @param rateShare share of the configured learning rates, for a schedule. */
  async run(events: Uint32Array, rateShare: number): Promise<StepResult> {
    const { config, dataset, model, layer } = this;
    const { scale, learningRate, towerLearningRate, codebookLearningRate } = config.training;
    const { dim } = model;
    const n = events.length;
    const batch = this.batches.build(events);
    const textRows: Uint32Array[] = [];
    const input = (rows: Float32Array): tf.Variable => tf.tidy(() => tf.variable(tf.tensor2d(rows, [n, dim])));
    const contexts = dataset.eventContext && { rows: dataset.eventContext, of: events };
    const queryInput = input(model.queryInputs(dataset.queryRows, batch.queries, contexts));
    const itemInput = input(model.itemInputs(dataset, batch.items, { random: this.random, textRows }));
    const mask = tf.tensor2d(batch.mask, [n, n]);
    const logQ = tf.tensor2d(
      Float32Array.from(batch.items, (item) => this.logQ[item]!),
      [1, n],
    );
    let items: tf.Tensor2D | undefined;
    let softmax: tf.Scalar | undefined;
    let distortion: tf.Scalar | undefined;
    const { value, grads } = tf.variableGrads(() => {
      const queries = model.query.call(queryInput as unknown as tf.Tensor2D);
      const vectors = model.embedItems(itemInput as unknown as tf.Tensor2D);
      const { quantized, losses } = layer.call(vectors, { training: true, queries });
      const loss = inBatchSoftmaxLoss(queries, quantized, mask, logQ, scale);
      items = tf.keep(tf.clone(vectors));
      softmax = tf.keep(tf.clone(loss));
      distortion = losses.distortion && tf.keep(tf.clone(losses.distortion));
      return tf.add(loss, losses.total) as tf.Scalar;
    }, [queryInput, itemInput, ...model.variables, ...layer.trainableVariables]);

    this.towerOptimizer.apply(grads, towerLearningRate * rateShare);
    if (layer.ready) this.codebookOptimizer.apply(grads, codebookLearningRate * rateShare);
    await layer.afterStep(items);
    const [queryGradient, itemGradient, loss, lost] = (await Promise.all([
      grads[queryInput.name]!.data(),
      grads[itemInput.name]!.data(),
      softmax!.data(),
      distortion?.data() ?? [0],
    ])) as [Float32Array, Float32Array, Float32Array, ArrayLike<number>];
    model.queryGradients(dataset.queryRows, batch.queries, queryGradient, contexts);
    model.itemGradients(dataset, batch.items, textRows, itemGradient);
    model.stepTables(learningRate * rateShare);
    tf.dispose([
      value,
      grads,
      queryInput,
      itemInput,
      mask,
      logQ,
      items!,
      softmax!,
      ...(distortion ? [distortion] : []),
    ]);
    return { loss: loss[0]!, distortion: lost[0]! };
  }

  /** What steps leave behind beside model and layer. */
  private get parts(): Record<string, Stateful> {
    return {
      towers: this.towerOptimizer,
      codebooks: this.codebookOptimizer,
      random: randomState(this.random),
    };
  }

  state(): Promise<State> {
    return joinStates(this.parts);
  }

  restore(state: State): void {
    restoreParts(this.parts, state);
  }

  dispose(): void {
    this.towerOptimizer.dispose();
    this.codebookOptimizer.dispose();
  }
}
