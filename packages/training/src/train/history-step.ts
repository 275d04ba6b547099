import { MASKED, type Teacher } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { toCsr } from "../data/csr.ts";
import { asksMoreThanHistory } from "../data/past.ts";
import type { Dataset } from "../data/types.ts";
import { takeRows } from "../model/ops.ts";
import { type Asked, tasteLoss } from "./dislikes.ts";
import { createHistoryBatches, type HistoryBatch, type HistoryBatchBuilder, isMutual } from "./history-batch.ts";
import { type DroppedCoordinates, JointStep, type PreparedStep, type StepParts } from "./joint-step.ts";
import { type AskedGroups, drawAsked } from "./leaning-groups.ts";
import { leaningLoss } from "./leaning-loss.ts";

/** Keeps the logarithm of an impossible candidate finite; below what single precision tells from 0. */
const TINY = 1e-30;

/**
 * One step of joint training for queries with a history. The items of a history are read as the index will hold them,
 * that is through the quantizer, by the same layer call as the candidates; gradients reach them straight through.
 */
export class HistoryStep extends JointStep {
  readonly #parts: StepParts;
  readonly #dataset: Dataset;
  readonly #batches: HistoryBatchBuilder;
  readonly #hasInputs: boolean;
  readonly #isMutual: boolean;

  constructor(parts: StepParts) {
    super(parts);
    this.#parts = parts;
    this.#dataset = parts.dataset;
    this.#hasInputs = asksMoreThanHistory(parts.dataset);
    this.#isMutual = isMutual(parts.config, parts.dataset);
    this.#batches = createHistoryBatches(parts.config, parts.dataset);
  }

  protected prepare(events: Uint32Array): PreparedStep | undefined {
    const { layer, random } = this.#parts;
    const batch = this.#batches.build(events, random);
    const asked = this.#parts.model.history!.leans ? drawAsked(batch, this.#dataset, random) : undefined;
    const numAsked = asked ? asked.alone.groups.length + asked.beside.groups.length : batch.numGroups;
    if (numAsked === 0) return undefined;
    const firsts = this.#hasInputs ? Uint32Array.from(batch.events, (group) => group[0]!) : undefined;
    const rows = this.read({ items: batch.candidates, events: firsts });
    const isDropped = asked === undefined && this.#parts.model.history!.form === "mixture";
    const dropped = isDropped ? this.drawDropped(batch.sources.length) : undefined;
    const losses: PreparedStep["losses"] = (vectors, queryInput) => {
      const { quantized, losses, teacher } = layer.call(vectors, { training: true });
      const { total, ranking } = this.#loss(batch, asked, dropped, quantized, teacher, queryInput);
      return { total: tf.add<tf.Scalar>(total, losses.total), ranking, distortion: losses.distortion };
    };
    return { rows, losses };
  }

  /** Quantized candidates (C, dim) → what gradients are taken of, and the loss of the targets alone. */
  #loss(
    batch: HistoryBatch,
    asked: AskedGroups | undefined,
    dropped: DroppedCoordinates,
    quantized: tf.Tensor2D,
    teacher: Teacher | undefined,
    queryInput: tf.Tensor2D | undefined,
  ): { total: tf.Scalar; ranking: tf.Scalar } {
    const { model, config } = this.#parts;
    const places = config.model.history.sources;
    const { scale, logQ, dislikes } = config.training;
    const candidates = { candidates: quantized, scale, logQ: batch.logQ.map((value) => value * logQ) };
    if (asked) return leaningLoss(model, batch, asked, { ...candidates, dislikes, least: TINY }, queryInput!);
    const placeMask = tf.tensor2d(batch.placeMask, [batch.numGroups, places]);
    const read = takeRows(quantized, batch.sources);
    const lossOf = (problem: Asked) => tasteLoss(problem, batch, dislikes, { least: TINY, teacher });
    // what a history holds does not compete to be the answer to it: it is left out of a search, too
    const histories = Array.from({ length: batch.numGroups }, (_, g) => {
      const group = batch.sources.subarray(g * places, (g + 1) * places);
      return group.filter((_, s) => batch.placeMask[g * places + s] !== MASKED);
    });
    if (model.history!.form === "mixture") {
      const components = model.history!.components(read, placeMask, dropped?.());
      // mutual items are found from the others: each is left out of what its own row finds, and of nothing else
      const masked = this.#isMutual
        ? toCsr(Array.from(batch.sources, (source, row) => (batch.placeMask[row] === MASKED ? [] : [source])))
        : toCsr(histories.flatMap((history) => new Array<Uint32Array>(places).fill(history)));
      return lossOf({ ...candidates, queries: components, logWeights: placeMask, masked });
    }
    const pooled = model.history!.pool(read, placeMask);
    const query = model.query.call(queryInput ? (tf.add(pooled, queryInput) as tf.Tensor2D) : pooled);
    return lossOf({ ...candidates, queries: query, masked: toCsr(histories) });
  }
}
