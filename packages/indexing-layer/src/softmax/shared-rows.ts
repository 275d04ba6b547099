import * as tf from "@tensorflow/tfjs-core";
import { fail } from "../errors.ts";
import { type SoftmaxProblem, targetLists } from "./problem.ts";

/** Where the probabilities of a mixture in single precision end. */
export const SMALLEST = 1e-37;

/** What a loss says of the logits, (rows, C). */
export interface Part {
  readonly value: tf.Scalar;
  /** Its gradient by the logits, yet to be multiplied by `share`. */
  readonly slope: tf.Tensor2D;
  readonly share: number;
  readonly dLogWeights?: tf.Tensor2D;
}

/**
 * The mixtures of groups that share rows. Of row r, which many places of many groups have, the slope is
 *
 *   Σ_gst r_gst · (p_r − onehot(t)),   r_gst = a_gs p(t | r) / p(t | g) the place's share of a target t of its group
 *
 * so that a matrix of places by candidates is never made: what targets have in the rows is gathered, and their shares
 * go back to where it was.
 *
 * @param p (R, C) softmax of each row
 */
export function sharedPart(problem: SoftmaxProblem, p: tf.Tensor2D): Part {
  const { shared, logWeights, least = 0, targetWeights } = problem;
  if (!logWeights) fail("shared", "logWeights beside it", "none");
  const [groups, places] = logWeights.shape;
  const targets = targetLists(problem.targets, groups, (columns) => columns.dataSync());
  const count = targets.values.length;
  const weights = targetWeights ?? new Float32Array(count).fill(1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const share = total > 0 ? 1 / total : 0;
  if (count === 0) {
    return { value: tf.scalar(0), slope: tf.zerosLike(p), share, dLogWeights: tf.zerosLike(logWeights) };
  }
  const { groupOf, entries } = placesOfTargets(shared!, targets, places);
  const a = tf.gather(tf.softmax(logWeights), tf.tensor1d(groupOf, "int32")) as tf.Tensor2D;
  const at = tf.tensor2d(entries, [count * places, 2], "int32");
  const weighted = tf.mul(tf.reshape(tf.gatherND(p, at), [count, places]), a);
  const mixture = tf.add(tf.sum(weighted, 1, true), Math.max(least, SMALLEST));
  const wanted = tf.tensor2d(weights, [count, 1]);
  const shares = tf.mul<tf.Tensor2D>(weighted, tf.div(wanted, mixture));
  const taken = tf.scatterND(at, tf.reshape(shares, [count * places]), p.shape) as tf.Tensor2D;
  const dOfTargets = tf.sub(tf.mul(a, tf.sum(shares, 1, true)), shares);
  const groupRows = tf.tensor2d(groupOf, [count, 1], "int32");
  return {
    value: tf.mul<tf.Scalar>(tf.sum(tf.mul(wanted, tf.log(mixture))), -share),
    slope: tf.sub(tf.mul(p, tf.sum(taken, 1, true)), taken),
    share,
    dLogWeights: tf.scatterND(groupRows, dOfTargets, [groups, places]) as tf.Tensor2D,
  };
}

/** Of each target its group, and (row, column) of it at each place of its group. */
function placesOfTargets(
  shared: Uint32Array,
  { offsets, values }: { readonly offsets: Uint32Array; readonly values: Uint32Array },
  places: number,
) {
  const groupOf = new Int32Array(values.length);
  const entries = new Int32Array(2 * values.length * places);
  for (let group = 0, to = 0; group + 1 < offsets.length; group++) {
    for (let i = offsets[group]!; i < offsets[group + 1]!; i++) {
      groupOf[i] = group;
      for (let s = 0; s < places; s++) {
        entries[to++] = shared[group * places + s]!;
        entries[to++] = values[i]!;
      }
    }
  }
  return { groupOf, entries };
}
