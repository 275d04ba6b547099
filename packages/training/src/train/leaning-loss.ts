import { type Lists, MASKED, type SoftmaxProblem, softmaxLogSums, softmaxLoss } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { listOf, toCsr } from "../data/csr.ts";
import { gatherRows } from "../model/ops.ts";
import type { TwoTower } from "../model/two-tower.ts";
import type { HistoryBatch } from "./history-batch.ts";
import type { AskedGroups, SomeGroups } from "./leaning-groups.ts";

/** The candidates of a step, as all its problems have them. */
type Shared = Pick<SoftmaxProblem, "candidates" | "logQ" | "least"> & { readonly scale: number };

interface Losses {
  readonly total: tf.Scalar;
  readonly ranking: tf.Scalar;
  /** Targets, by which losses are averaged. */
  readonly count: number;
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
  shared: Shared,
  queryInput: tf.Tensor2D,
): Pick<Losses, "total" | "ranking"> {
  const history = model.history!;
  const parts: Losses[] = [];
  if (alone.groups.length > 0) {
    const { items, placeMask, masked, targets } = readGroups(batch, alone, shared);
    const queries = history.components(items, placeMask);
    const losses = softmaxLoss({ ...shared, targets, masked, queries, logWeights: placeMask });
    parts.push({ ...losses, count: targets.values.length });
  }
  if (beside.groups.length > 0) {
    const { items, placeMask, masked, targets } = readGroups(batch, beside, shared);
    const texts = model.query.call(gatherRows(queryInput, tf.tensor1d(Int32Array.from(beside.groups), "int32")));
    const components = history.components(items, placeMask);
    const logZ = tf.reshape<tf.Rank.R2>(softmaxLogSums({ ...shared, queries: components, masked }), placeMask.shape);
    const losses = softmaxLoss({
      ...{ ...shared, targets, masked, jointly: true },
      queries: history.leaning(texts, components, placeMask),
      logWeights: history.leaningWeights(logZ, placeMask),
    });
    parts.push({ ...losses, count: targets.values.length });
  }
  const all = parts.reduce((sum, { count }) => sum + count, 0);
  const mean = (of: "total" | "ranking"): tf.Scalar =>
    parts.map((part) => tf.mul<tf.Scalar>(part[of], part.count / all)).reduce((sum, part) => tf.add(sum, part));
  return { total: mean("total"), ranking: mean("ranking") };
}

/** What some groups of a batch read and are to find. */
function readGroups(
  batch: HistoryBatch,
  { groups, placeMask }: SomeGroups,
  { candidates }: Shared,
): {
  /** (G·S, dim) */
  readonly items: tf.Tensor2D;
  /** (G, S) */
  readonly placeMask: tf.Tensor2D;
  /** A group's history, for each of its places: it does not compete to be the answer. */
  readonly masked: Lists;
  readonly targets: Lists;
} {
  const places = placeMask.length / groups.length;
  const lists = Array.from(groups, (group) => batch.sources.subarray(group * places, (group + 1) * places));
  const sources = Int32Array.from(lists.flatMap((list) => [...list]));
  const masked = lists.flatMap((list, g) => {
    const known = list.filter((_, s) => placeMask[g * places + s] !== MASKED);
    return new Array<Uint32Array>(places).fill(known);
  });
  return {
    items: gatherRows(candidates, tf.tensor1d(sources, "int32")),
    placeMask: tf.tensor2d(placeMask, [groups.length, places]),
    masked: toCsr(masked),
    targets: toCsr(Array.from(groups, (group) => listOf(batch.targets, group))),
  };
}
