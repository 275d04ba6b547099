import { MASKED, type SoftmaxProblem, softmaxLogSums } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { type Csr, listOf, toCsr } from "../data/csr.ts";
import type { Dislikes } from "../data/types.ts";
import { takeRows } from "../model/ops.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { type Asked, tasteLoss } from "./dislikes.ts";
import type { HistoryBatch } from "./history-batch.ts";
import type { AskedGroups, SomeGroups } from "./leaning-groups.ts";

/** The candidates of a step, as all its problems have them, and the weight of what is disliked. */
type Shared = Pick<SoftmaxProblem, "candidates" | "logQ"> & {
  readonly scale: number;
  readonly least: number;
  readonly dislikes: number;
};

interface Losses {
  readonly total: tf.Scalar;
  readonly ranking: tf.Scalar;
  /** Weight of its targets, by which losses are averaged. */
  readonly weight: number;
}

/**
 * The loss of groups that are asked by their history alone, each a mixture of softmaxes, and of groups that a text or a
 * context leans to its history, each one softmax: what a search scores by is normalised as a whole, as
 * packages/towers/src/inputs/history.ts has it.
 *
 * @param queryInput sums of the query tower's inputs, (groups, dim)
 */
export function leaningLoss(
  model: TwoTower,
  batch: HistoryBatch,
  { alone, beside }: AskedGroups,
  { dislikes: weight, least, ...shared }: Shared,
  queryInput: tf.Tensor2D,
): Pick<Losses, "total" | "ranking"> {
  const history = model.history!;
  const parts: Losses[] = [];
  const add = (asked: Asked, tastes: Tastes): void => {
    const { targets, targetWeights } = tastes;
    const total = targetWeights?.reduce((sum, one) => sum + one, 0) ?? targets.values.length;
    parts.push({ ...tasteLoss(asked, tastes, weight, { least }), weight: total });
  };
  if (alone.groups.length > 0) {
    const { items, placeMask, masked, tastes } = readGroups(batch, alone, shared.candidates);
    add({ ...shared, masked, queries: history.components(items, placeMask), logWeights: placeMask }, tastes);
  }
  if (beside.groups.length > 0) {
    const { items, placeMask, masked, tastes } = readGroups(batch, beside, shared.candidates);
    const texts = model.query.call(takeRows(queryInput, beside.groups));
    const components = history.components(items, placeMask);
    const logZ = tf.reshape<tf.Rank.R2>(softmaxLogSums({ ...shared, queries: components, masked }), placeMask.shape);
    const asked = {
      queries: history.leaning(texts, components, placeMask),
      logWeights: history.leaningWeights(logZ, placeMask),
    };
    add({ ...shared, ...asked, masked, jointly: true }, tastes);
  }
  const all = parts.reduce((sum, part) => sum + part.weight, 0);
  const mean = (of: "total" | "ranking"): tf.Scalar =>
    parts.map((part) => tf.mul<tf.Scalar>(part[of], part.weight / all)).reduce((sum, part) => tf.add(sum, part));
  return { total: mean("total"), ranking: mean("ranking") };
}

/** What some groups of a batch read and are to find. */
function readGroups(
  batch: HistoryBatch,
  { groups, placeMask }: SomeGroups,
  candidates: tf.Tensor2D,
): {
  /** (G·S, dim) */
  readonly items: tf.Tensor2D;
  /** (G, S) */
  readonly placeMask: tf.Tensor2D;
  /** A group's history, for each of its places: it does not compete to be the answer. */
  readonly masked: Csr;
  readonly tastes: Tastes;
} {
  const places = placeMask.length / groups.length;
  const lists = Array.from(groups, (group) => batch.sources.subarray(group * places, (group + 1) * places));
  const sources = Int32Array.from(lists.flatMap((list) => [...list]));
  const masked = lists.flatMap((list, g) => {
    const known = list.filter((_, s) => placeMask[g * places + s] !== MASKED);
    return new Array<Uint32Array>(places).fill(known);
  });
  return {
    items: takeRows(candidates, sources),
    placeMask: tf.tensor2d(placeMask, [groups.length, places]),
    masked: toCsr(masked),
    tastes: tastesOf(batch, groups),
  };
}

/** What some groups of a batch are to find, and what they dislike. */
interface Tastes {
  readonly targets: Csr;
  readonly targetWeights?: Float32Array | undefined;
  readonly dislikes?: Dislikes | undefined;
}

function tastesOf({ targets, targetWeights, dislikes }: HistoryBatch, groups: Uint32Array): Tastes {
  const some = (lists: Csr): Csr => toCsr(Array.from(groups, (group) => listOf(lists, group)));
  /** Of what stands beside the lists, that of the groups. */
  const weightsOf = ({ offsets }: Csr, weights: Float32Array): Float32Array =>
    Float32Array.from(Array.from(groups).flatMap((group) => [...weights.subarray(offsets[group], offsets[group + 1])]));
  return {
    targets: some(targets),
    targetWeights: targetWeights && weightsOf(targets, targetWeights),
    dislikes: dislikes && { ...some(dislikes), weights: weightsOf(dislikes, dislikes.weights) },
  };
}
