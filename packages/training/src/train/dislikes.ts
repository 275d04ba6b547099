import { type Random, type SoftmaxProblem, softmaxLoss } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../config.ts";
import { type Csr, CsrBuilder, countsOf, listOf, toCsr } from "../data/csr.ts";
import type { Dataset, Dislikes } from "../data/types.ts";
import { takeRows } from "../model/ops.ts";

/** Draws disliked items beside the events of a step: in an epoch each of them about once. */
export class DrawnDislikes {
  /** (items) share of the dislikes of each. */
  readonly share: Float64Array;
  readonly #dislikes: Dislikes;
  readonly #eventQuery: Uint32Array;
  /** Training events of each query. */
  readonly #counts: Uint32Array;

  constructor({ eventQuery, ids, train, ownSentences }: Dataset, dislikes: Dislikes) {
    this.share = new Float64Array(ids.length);
    for (const item of dislikes.values) this.share[item]! += 1 / dislikes.values.length;
    this.#dislikes = dislikes;
    this.#eventQuery = eventQuery;
    this.#counts = countsOf(eventQuery, train.count + ownSentences.count);
  }

  /**
   * @param groups events, those of a group of one query
   * @param place gives an item its position among the candidates
   * @returns positions for each group, and what they count
   */
  draw(groups: readonly Uint32Array[], random: Random, place: (item: number) => number): Dislikes {
    const { offsets, values, weights } = this.#dislikes;
    const lists = new CsrBuilder();
    const drawn: number[] = [];
    for (const events of groups) {
      const query = this.#eventQuery[events[0]!]!;
      // a sentence has none
      const [start = 0, end = start] = query + 1 < offsets.length ? [offsets[query]!, offsets[query + 1]!] : [];
      const left = Array.from({ length: end - start }, (_, i) => start + i);
      const share = left.length > 0 ? (left.length * events.length) / this.#counts[query]! + random.uniform() : 0;
      const count = Math.min(left.length, Math.floor(share));
      for (let i = 0; i < count; i++) {
        const j = i + random.integer(left.length - i);
        [left[i], left[j]] = [left[j]!, left[i]!];
        lists.push(place(values[left[i]!]!));
        drawn.push(weights[left[i]!]!);
      }
      lists.end();
    }
    return { ...lists.build(), weights: Float32Array.from(drawn) };
  }
}

/** What draws the disliked items of a training; undefined where there are none, or it leaves them alone. */
export function drawnDislikes(config: PoeemConfig, dataset: Dataset): DrawnDislikes | undefined {
  const { dislikes } = dataset;
  return dislikes && config.training.dislikes > 0 ? new DrawnDislikes(dataset, dislikes) : undefined;
}

/** A softmax problem of queries (or groups of them) that like something, without what they are to find. */
export type Asked = Omit<SoftmaxProblem, "targets" | "targetWeights" | "teacher"> & { readonly masked: Csr };

/** What the queries (or groups of them) of a step are to find, and what they dislike. */
interface Tastes {
  readonly targets: Csr | tf.Tensor1D;
  readonly targetWeights?: Float32Array | undefined;
  readonly dislikes?: Dislikes | undefined;
}

/**
 * The softmax of what is liked, and what pushes away what is disliked.
 *
 * @param weight of the latter, as `training.dislikes`
 * @param rest of the softmax of what is liked
 * @returns what gradients are taken of, and what is reported
 */
export function tasteLoss(
  asked: Asked,
  { targets, targetWeights, dislikes }: Tastes,
  weight: number,
  rest: Pick<SoftmaxProblem, "teacher" | "least">,
): { total: tf.Scalar; ranking: tf.Scalar } {
  const liked = softmaxLoss({ ...asked, targets, targetWeights, ...rest });
  if (!dislikes) return liked;
  const count = "offsets" in targets ? targets.values.length : targets.size;
  const pushed = dislikeLoss(asked, dislikes, weight / (targetWeights?.reduce((sum, one) => sum + one, 0) ?? count));
  return pushed ? { ...liked, total: tf.add(liked.total, pushed) } : liked;
}

/**
 * What pushes disliked items away from their queries, as the mixtures of the same softmax see them:
 *
 *   weight · Σ_g Σ_d w_d · log(p(d | g) + 1/C)
 *
 * 1/C is what chance gives each of C candidates: an item that is below it already is left alone, so that nothing is
 * pushed without end.
 *
 * @param dislikes columns of the candidates, of each group
 * @returns undefined where no group dislikes anything
 */
export function dislikeLoss(asked: Asked, dislikes: Dislikes, weight: number): tf.Scalar | undefined {
  if (dislikes.values.length === 0) return undefined;
  const { queries, candidates, logWeights, masked, shared } = asked;
  const groups = dislikes.offsets.length - 1;
  const places = logWeights?.shape[1] ?? 1;
  const disliking = Array.from({ length: groups }, (_, g) => g).filter((g) => listOf(dislikes, g).length > 0);
  const rows = disliking.flatMap((g) => Array.from({ length: places }, (_, s) => g * places + s));
  const total = dislikes.weights.reduce((sum, one) => sum + one, 0);
  return softmaxLoss({
    ...asked,
    // rows that all groups share stay as they are
    ...(shared
      ? { shared: Uint32Array.from(rows, (row) => shared[row]!) }
      : {
          queries: takeRows(queries, rows),
          masked: toCsr(rows.map((row) => listOf(masked, row))),
        }),
    logWeights: logWeights && takeRows(logWeights, disliking),
    targets: toCsr(disliking.map((g) => listOf(dislikes, g))),
    targetWeights: dislikes.weights,
    least: 1 / candidates.shape[0],
    // the softmax takes the mean, and its logarithms are to be small
    weight: -weight * total,
  }).total;
}
