import { type IndexingLayer, MASKED, type Random, softmaxLoss, type Teacher } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import { toCsr } from "../data/csr.ts";
import type { Dataset } from "../data/dataset.ts";
import { gatherRows } from "../model/ops.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { joinStates, randomState, restoreParts, type State, type Stateful } from "../state.ts";
import { type HistoryBatch, HistoryBatchBuilder } from "./history-batch.ts";
import { Optimizers } from "./optimizers.ts";
import type { StepResult } from "./step.ts";
import { StepInput } from "./step-input.ts";

/**
 * Keeps the logarithm of an impossible candidate finite; below every probability that single precision tells from 0.
 */
const TINY = 1e-30;

/**
 * One step of joint training for queries with a history. The items of a history are read as the index will hold them,
 * that is through the quantizer, by the same layer call as the candidates; gradients reach them there too, straight
 * through.
 */
export class HistoryStep implements Stateful {
  private readonly config: PoeemConfig;
  private readonly model: TwoTower;
  private readonly layer: IndexingLayer;
  private readonly batches: HistoryBatchBuilder;
  private readonly random: Random;
  private readonly queryInput: StepInput;
  private readonly itemInput: StepInput;
  private readonly optimizers: Optimizers;
  private readonly hasInputs: boolean;

  constructor(parts: {
    config: PoeemConfig;
    dataset: Dataset;
    model: TwoTower;
    layer: IndexingLayer;
    random: Random;
  }) {
    this.config = parts.config;
    this.model = parts.model;
    this.layer = parts.layer;
    this.random = parts.random;
    const { history } = parts.config.model;
    this.hasInputs = parts.dataset.train.texts.length > 0 || parts.dataset.eventContext !== undefined;
    this.batches = new HistoryBatchBuilder(parts.dataset, {
      groupSize: groupSizeOfModel(parts.config, parts.dataset),
      sources: history.sources,
      length: history.length,
      negatives: parts.config.training.negatives,
      keepEmpty: this.hasInputs,
    });
    this.queryInput = new StepInput(parts.model.dim);
    this.itemInput = new StepInput(parts.model.dim);
    this.optimizers = new Optimizers(parts.config.training, parts.model, parts.layer);
  }

  /**
   * @param events positions in the event list. @param rateShare share of the configured learning rates, for a schedule.
   */
  async run(events: Uint32Array, rateShare: number): Promise<StepResult> {
    const { config, model, layer } = this;
    const { learningRate } = config.training;
    const batch = this.batches.build(events, this.random);
    if (batch.numGroups === 0) return { loss: 0, distortion: 0 };
    const [itemInput, itemBack] = this.itemInput.variable(batch.candidates.length, (zeros) =>
      model.itemInputs.add(batch.candidates, zeros, this.random),
    );
    const firsts = { events: Uint32Array.from(batch.events, (group) => group[0]!) };
    const [queryInput, queryBack] = this.hasInputs
      ? this.queryInput.variable(batch.numGroups, (zeros) => model.queryInputs.add(firsts, zeros, this.random))
      : [];
    let items: tf.Tensor2D | undefined;
    let softmax: tf.Scalar | undefined;
    let distortion: tf.Scalar | undefined;
    const { value, grads } = tf.variableGrads(() => {
      const vectors = model.embedItems(itemInput as unknown as tf.Tensor2D);
      const { quantized, losses, teacher } = layer.call(vectors, { training: true });
      const { total, ranking } = this.loss(batch, quantized, teacher, queryInput as unknown as tf.Tensor2D | undefined);
      items = tf.keep(tf.clone(vectors));
      softmax = tf.keep(tf.clone(ranking));
      distortion = losses.distortion && tf.keep(tf.clone(losses.distortion));
      return tf.add(total, losses.total) as tf.Scalar;
    }, [itemInput, ...(queryInput ? [queryInput] : []), ...model.variables, ...layer.trainableVariables]);

    this.optimizers.apply(grads, rateShare);
    await layer.afterStep(items);
    const [itemGradient, queryGradient, loss, lost] = await Promise.all([
      grads[itemInput.name]!.data() as Promise<Float32Array>,
      queryInput && (grads[queryInput.name]!.data() as Promise<Float32Array>),
      softmax!.data(),
      distortion?.data() ?? [0],
    ]);
    itemBack(itemGradient);
    if (queryGradient) queryBack!(queryGradient);
    model.stepTables(learningRate * rateShare);
    tf.dispose([value, grads, itemInput, items!, softmax!]);
    queryInput?.dispose();
    distortion?.dispose();
    return { loss: loss[0]!, distortion: lost[0]! };
  }

  /** Quantized candidates (C, dim) → what gradients are taken of, and the loss of the targets alone. */
  private loss(
    batch: HistoryBatch,
    quantized: tf.Tensor2D,
    teacher: Teacher | undefined,
    queryInput: tf.Tensor2D | undefined,
  ): { total: tf.Scalar; ranking: tf.Scalar } {
    const { model, config } = this;
    const places = config.model.history.sources;
    const { scale, logQ } = config.training;
    const sources = tf.tensor1d(Int32Array.from(batch.sources), "int32");
    const placeMask = tf.tensor2d(batch.placeMask, [batch.numGroups, places]);
    const read = gatherRows(quantized, sources);
    const problem = {
      candidates: quantized,
      scale,
      targets: batch.targets,
      logQ: batch.logQ.map((value) => value * logQ),
      least: TINY,
    };
    // what a history holds does not compete to be the answer to it: it is left out of a search, too
    const histories = Array.from({ length: batch.numGroups }, (_, g) => {
      const group = batch.sources.subarray(g * places, (g + 1) * places);
      return group.filter((_, s) => batch.placeMask[g * places + s] !== MASKED);
    });
    if (model.history!.form === "mixture") {
      const components = model.history!.components(read, placeMask);
      const masked = toCsr(histories.flatMap((history) => new Array<Uint32Array>(places).fill(history)));
      return softmaxLoss({ ...problem, queries: components, logWeights: placeMask, masked, teacher });
    }
    const pooled = model.history!.pool(read, placeMask);
    const query = model.query.call(queryInput ? (tf.add(pooled, queryInput) as tf.Tensor2D) : pooled);
    return softmaxLoss({ ...problem, queries: query, masked: toCsr(histories), teacher });
  }

  /** What steps leave behind beside model and layer. */
  private get parts(): Record<string, Stateful> {
    return {
      optimizers: this.optimizers,
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
  }
}

/** Events that share a history in a step: one where each event has a text or a context of its own. */
export function groupSizeOfModel(config: PoeemConfig, dataset: Dataset): number {
  if (dataset.past === undefined || dataset.train.texts.length > 0 || dataset.eventContext !== undefined) return 1;
  return config.model.history.targets;
}
