import type { IndexingLayer, Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import type { BatchBuilder } from "../model/batch.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { joinStates, randomState, restoreParts, type State, type Stateful } from "../state.ts";
import { candidateLogQ } from "./objectives/log-q.ts";
import { objectiveLoss } from "./objectives/objective.ts";
import { LearnedScale } from "./objectives/scale.ts";
import { Optimizers } from "./optimizers.ts";
import { StepInput } from "./step-input.ts";

/** What one step measured. */
export interface StepResult {
  /** What the objective makes of the right answers. */
  readonly loss: number;
  /** Mean over the batch of ‖x − x̂‖², 0 while the quantizer is bypassed. */
  readonly distortion: number;
}

/**
 * One step of joint training: towers → indexing layer → objective + the layer's losses → gradients → optimizers. The
 * tables are gathered and updated on the host; everything between is on the backend, and is read back asynchronously.
 */
export class TrainingStep implements Stateful {
  private readonly config: PoeemConfig;
  private readonly dataset: Dataset;
  private readonly model: TwoTower;
  private readonly layer: IndexingLayer;
  private readonly batches: BatchBuilder;
  private readonly random: Random;
  private readonly logQ: Float32Array;
  private readonly optimizers: Optimizers;
  private readonly scale: LearnedScale;
  private readonly queryInput: StepInput;
  private readonly itemInput: StepInput;

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
    const { training } = parts.config;
    const { eventItem, ids } = parts.dataset;
    this.logQ = candidateLogQ(eventItem, ids.length, training.batchSize, training.negatives, training.logQ);
    this.scale = new LearnedScale(training.scale, training.learnScale);
    this.queryInput = new StepInput(parts.model.dim);
    this.itemInput = new StepInput(parts.model.dim);
    this.optimizers = new Optimizers(training, parts.model, parts.layer, this.scale.variables);
  }

  /**
   * @param events positions in the event list. @param rateShare share of the configured learning rates, for a schedule.
   */
  async run(events: Uint32Array, rateShare: number): Promise<StepResult> {
    const { config, dataset, model, layer } = this;
    const { objective, negatives, learningRate } = config.training;
    const others = Uint32Array.from({ length: negatives }, () => this.random.integer(dataset.ids.length));
    const batch = this.batches.build(events, objective === "full" ? "all" : others);
    const [queryInput, queryBack] = this.queryInput.variable(events.length, (zeros) =>
      model.queryInputs.add({ events }, zeros, this.random),
    );
    const [itemInput, itemBack] = this.itemInput.variable(batch.items.length, (zeros) =>
      model.itemInputs.add(batch.items, zeros, this.random),
    );
    const logQ = Float32Array.from(batch.items, (item) => this.logQ[item]!);
    let items: tf.Tensor2D | undefined;
    let softmax: tf.Scalar | undefined;
    let distortion: tf.Scalar | undefined;
    const { value, grads } = tf.variableGrads(() => {
      const queries = model.query.call(queryInput as unknown as tf.Tensor2D);
      const vectors = model.embedItems(itemInput as unknown as tf.Tensor2D);
      const right = tf.tensor1d(Int32Array.from(batch.right), "int32");
      const { quantized, losses, teacher } = layer.call(vectors, { training: true, queries, answers: right });
      const { total, ranking } = objectiveLoss(config.training, {
        queries,
        candidates: quantized,
        teacher,
        right,
        masked: batch.masked,
        logQ,
        logScale: this.scale.logScale,
      });
      items = tf.keep(tf.clone(vectors));
      softmax = tf.keep(tf.clone(ranking));
      distortion = losses.distortion && tf.keep(tf.clone(losses.distortion));
      return tf.add(total, losses.total) as tf.Scalar;
    }, [queryInput, itemInput, ...model.variables, ...this.scale.variables, ...layer.trainableVariables]);

    this.optimizers.apply(grads, rateShare);
    this.scale.clip();
    await layer.afterStep(items);
    const [queryGradient, itemGradient, loss, lost] = (await Promise.all([
      grads[queryInput.name]!.data(),
      grads[itemInput.name]!.data(),
      softmax!.data(),
      distortion?.data() ?? [0],
    ])) as [Float32Array, Float32Array, Float32Array, ArrayLike<number>];
    queryBack(queryGradient);
    itemBack(itemGradient);
    model.stepTables(learningRate * rateShare);
    tf.dispose([value, grads, queryInput, itemInput, items!, softmax!, ...(distortion ? [distortion] : [])]);
    return { loss: loss[0]!, distortion: lost[0]! };
  }

  /** What steps leave behind beside model and layer. */
  private get parts(): Record<string, Stateful> {
    return {
      optimizers: this.optimizers,
      scale: this.scale,
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
    this.optimizers.dispose();
    this.scale.dispose();
  }
}
