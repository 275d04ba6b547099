import { MASKED, type Teacher } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { toCsr } from "../data/csr.ts";
import { asksMoreThanHistory } from "../data/past.ts";
import type { Dataset } from "../data/types.ts";
import { gatherRows } from "../model/ops.ts";
import { type Asked, tasteLoss } from "./dislikes.ts";
import { createHistoryBatches, type HistoryBatch, type HistoryBatchBuilder } from "./history-batch.ts";
import { JointStep, type StepParts, type StepResult } from "./joint-step.ts";

/** Keeps the logarithm of an impossible candidate finite; below what single precision tells from 0. */
export const TINY = 1e-30;

/**
 * One step of joint training for queries with a history. The items of a history are read as the index will hold them,
 * that is through the quantizer, by the same layer call as the candidates; gradients reach them straight through.
 */
export class HistoryStep extends JointStep {
  readonly #parts: StepParts;
  readonly #batches: HistoryBatchBuilder;
  readonly #hasInputs: boolean;

  constructor(parts: StepParts & { readonly dataset: Dataset }) {
    super(parts);
    this.#parts = parts;
    this.#hasInputs = asksMoreThanHistory(parts.dataset);
    this.#batches = createHistoryBatches(parts.config, parts.dataset);
  }

  async run(events: Uint32Array, rateShare: number): Promise<StepResult> {
    const { layer, random } = this.#parts;
    const batch = this.#batches.build(events, random);
    if (batch.numGroups === 0) return this.pass();
    const firsts = this.#hasInputs ? Uint32Array.from(batch.events, (group) => group[0]!) : undefined;
    return this.take({ items: batch.candidates, events: firsts }, rateShare, (vectors, queryInput) => {
      const { quantized, losses, teacher } = layer.call(vectors, { training: true });
      const { total, ranking } = this.#loss(batch, quantized, teacher, queryInput);
      return { total: tf.add(total, losses.total), ranking, distortion: losses.distortion };
    });
  }

  /** Quantized candidates (C, dim) → what gradients are taken of, and the loss of the targets alone. */
  #loss(
    batch: HistoryBatch,
    quantized: tf.Tensor2D,
    teacher: Teacher | undefined,
    queryInput: tf.Tensor2D | undefined,
  ): { total: tf.Scalar; ranking: tf.Scalar } {
    const { model, config } = this.#parts;
    const places = config.model.history.sources;
    const { scale, logQ, dislikes } = config.training;
    const sources = tf.tensor1d(Int32Array.from(batch.sources), "int32");
    const placeMask = tf.tensor2d(batch.placeMask, [batch.numGroups, places]);
    const read = gatherRows(quantized, sources);
    const asked = { candidates: quantized, scale, logQ: batch.logQ.map((value) => value * logQ) };
    const lossOf = (problem: Asked) => tasteLoss(problem, batch, dislikes, { least: TINY, teacher });
    // what a history holds does not compete to be the answer to it: it is left out of a search, too
    const histories = Array.from({ length: batch.numGroups }, (_, g) => {
      const group = batch.sources.subarray(g * places, (g + 1) * places);
      return group.filter((_, s) => batch.placeMask[g * places + s] !== MASKED);
    });
    if (model.history!.form === "mixture") {
      const components = model.history!.components(read, placeMask);
      const masked = toCsr(histories.flatMap((history) => new Array<Uint32Array>(places).fill(history)));
      return lossOf({ ...asked, queries: components, logWeights: placeMask, masked });
    }
    const pooled = model.history!.pool(read, placeMask);
    const query = model.query.call(queryInput ? (tf.add(pooled, queryInput) as tf.Tensor2D) : pooled);
    return lossOf({ ...asked, queries: query, masked: toCsr(histories) });
  }
}
