import * as tf from "@tensorflow/tfjs";
import { joined } from "../data/csr.ts";
import type { BatchBuilder } from "../model/batch.ts";
import { type DrawnDislikes, drawnDislikes } from "./dislikes.ts";
import { JointStep, type PreparedStep, type StepParts } from "./joint-step.ts";
import { candidateLogQ } from "./objectives/log-q.ts";
import { objectiveLoss } from "./objectives/objective.ts";
import { LearnedScale } from "./objectives/scale.ts";

/** One step of joint training for queries that are a text, a context or both. */
export class TrainingStep extends JointStep {
  readonly #parts: StepParts;
  readonly #numItems: number;
  readonly #batches: BatchBuilder;
  readonly #logQ: Float32Array;
  readonly #scale: LearnedScale;
  readonly #eventWeight: Float32Array | undefined;
  readonly #dislikes: DrawnDislikes | undefined;

  constructor(parts: StepParts & { readonly batches: BatchBuilder }) {
    const { training } = parts.config;
    const { eventItem, eventWeight, dislikes, ids } = parts.dataset;
    const scale = new LearnedScale(training.scale, training.learnScale);
    super(parts, scale);
    this.#parts = parts;
    this.#numItems = ids.length;
    this.#batches = parts.batches;
    this.#dislikes = drawnDislikes(parts.config, parts.dataset);
    const drawn = this.#dislikes ? joined(eventItem, dislikes!.values) : eventItem;
    const fromEvents = (training.batchSize * drawn.length) / eventItem.length;
    this.#logQ = candidateLogQ(drawn, ids.length, fromEvents, training.negatives, training.logQ);
    this.#scale = scale;
    this.#eventWeight = eventWeight;
  }

  protected prepare(events: Uint32Array): PreparedStep {
    const { config, model, layer, random } = this.#parts;
    const { objective, negatives } = config.training;
    const others = Array.from({ length: negatives }, () => random.integer(this.#numItems));
    // behind the batch's own and the others, or where the catalogue has it
    const place = (item: number): number => (objective === "full" ? item : events.length + others.push(item) - 1);
    const dislikes = this.#dislikes?.draw(
      Array.from(events, (event) => Uint32Array.of(event)),
      random,
      place,
    );
    const batch = this.#batches.build(events, objective === "full" ? "all" : Uint32Array.from(others));
    const eventWeight = this.#eventWeight;
    const weighted = eventWeight && {
      targets: { offsets: Uint32Array.from({ length: events.length + 1 }, (_, i) => i), values: batch.right },
      targetWeights: Float32Array.from(events, (event) => eventWeight[event]!),
    };
    const logQ = Float32Array.from(batch.items, (item) => this.#logQ[item]!);
    // in the whole catalogue an item stands for every query of the batch, and reads them all
    const asked = objective === "full" ? undefined : batch.queries;
    const rows = this.read({ items: batch.items, events, asked });
    const losses: PreparedStep["losses"] = (vectors, queryInput) => {
      const queries = model.query.call(queryInput!);
      const right = tf.tensor1d(Int32Array.from(batch.right), "int32");
      const { quantized, losses, teacher } = layer.call(vectors, { training: true, queries, answers: right });
      const { total, ranking } = objectiveLoss(config.training, {
        ...{ queries, candidates: quantized, teacher, right, weighted, dislikes, logQ },
        masked: batch.masked,
        logScale: this.#scale.logScale,
      });
      return { total: tf.add<tf.Scalar>(total, losses.total), ranking, distortion: losses.distortion };
    };
    return { rows, losses };
  }
}
