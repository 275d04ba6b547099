import * as tf from "@tensorflow/tfjs";
import { takeRows } from "../model/ops.ts";
import { tasteLoss } from "./dislikes.ts";
import { type DroppedCoordinates, JointStep, type PreparedStep, type StepParts } from "./joint-step.ts";
import { createOrderedBatches, type OrderedBatch, type OrderedBatchBuilder } from "./ordered-batch.ts";

/**
 * What nothing in a history leads to happens too: each item has so much of an even share of the probability, so that
 * such targets pull less at the vectors; docs/experiments/trainer.md.
 */
const UNLED = 0.1;

/**
 * One step of joint training for ordered histories: every prefix of a history predicts the item that follows it. What
 * follows from an item is one softmax over the batch's candidates, whoever had it, and a prefix is a mixture of those
 * of its items, weighted by their ranks.
 */
export class OrderedStep extends JointStep {
  readonly #parts: StepParts;
  readonly #batches: OrderedBatchBuilder;
  readonly #numItems: number;

  constructor(parts: StepParts) {
    super(parts);
    this.#parts = parts;
    this.#batches = createOrderedBatches(parts.config, parts.dataset);
    this.#numItems = parts.dataset.ids.length;
  }

  protected prepare(events: Uint32Array): PreparedStep | undefined {
    const { layer, random } = this.#parts;
    const batch = this.#batches.build(events, random);
    if (batch.numGroups === 0) return undefined;
    const rows = this.read({ items: batch.candidates, events: undefined });
    const dropped = this.drawDropped(batch.sources.length);
    const losses = (vectors: tf.Tensor2D) => {
      const { quantized, losses } = layer.call(vectors, { training: true });
      const { total, ranking } = this.#loss(batch, dropped, quantized);
      return { total: tf.add<tf.Scalar>(total, losses.total), ranking, distortion: losses.distortion };
    };
    return { rows, losses };
  }

  /** Quantized candidates (C, dim) → what gradients are taken of, and the loss of the targets alone. */
  #loss(
    batch: OrderedBatch,
    dropped: DroppedCoordinates,
    quantized: tf.Tensor2D,
  ): { total: tf.Scalar; ranking: tf.Scalar } {
    const { model, config } = this.#parts;
    const { numGroups, places, rows: shared, placeMask, masked, logQ } = batch;
    const history = model.history!;
    const read = takeRows(quantized, batch.sources);
    const asked = {
      queries: history.sources(read, dropped?.()),
      candidates: quantized,
      scale: config.training.scale,
      shared,
      logWeights: tf.add(history.rankWeights(places), tf.tensor2d(placeMask, [numGroups, places])) as tf.Tensor2D,
      ...{ masked, logQ },
    };
    return tasteLoss(asked, batch, config.training.dislikes, { least: UNLED / this.#numItems });
  }
}
