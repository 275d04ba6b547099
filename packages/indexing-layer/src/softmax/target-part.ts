import * as tf from "@tensorflow/tfjs-core";
import { freeing } from "../device/freeing.ts";

/**
 * What targets say of the logits (rows, C), of which p is the softmax: the gradient of their loss by the logits is
 * share · (p · pull − what is taken at their entries).
 */
export interface TargetPart {
  readonly value: tf.Scalar;
  readonly share: number;
  /** (rows, 1); 1 when left out. */
  readonly pull?: tf.Tensor2D | undefined;
  /** (k, 2) int32 entries, each of them once, and (k) what is taken there; nothing when left out. */
  readonly taken?: { readonly at: tf.Tensor2D; readonly amounts: tf.Tensor1D | tf.Scalar } | undefined;
  readonly dLogWeights?: tf.Tensor2D;
}

/**
 * What the teacher's soft targets say: the gradient of their loss is share · (p − soft).
 */
export interface TeacherPart {
  readonly value: tf.Scalar;
  readonly share: number;
  /** (rows, C) */
  readonly soft: tf.Tensor2D;
}

/**
 * The gradient of both losses by the logits, but for a factor that is returned with it.
 * @param p (rows, C), which nobody else wants: it is freed, as the teacher's softmax
 */
export function slopeOf(
  p: tf.Tensor2D,
  targets: TargetPart | undefined,
  teacher: TeacherPart | undefined,
): { slope: tf.Tensor2D; factor: number } {
  if (!teacher) {
    const { pull, taken, share } = targets!;
    const pulled = pull ? freeing(p, tf.mul<tf.Tensor2D>(p, pull)) : p;
    return { slope: taken ? take(pulled, taken.at, taken.amounts) : pulled, factor: share };
  }
  const { soft, share } = teacher;
  if (!targets) return { slope: freeing([p, soft], tf.sub<tf.Tensor2D>(p, soft)), factor: share };
  const { pull, taken } = targets;
  const both = freeing(
    p,
    tf.mul<tf.Tensor2D>(p, pull ? tf.add(tf.mul(pull, targets.share), share) : targets.share + share),
  );
  const softened = freeing(soft, tf.mul<tf.Tensor2D>(soft, share));
  const slope = freeing([both, softened], tf.sub<tf.Tensor2D>(both, softened));
  return { slope: taken ? take(slope, taken.at, tf.mul(taken.amounts, targets.share)) : slope, factor: 1 };
}

/** Takes amounts away at entries of a matrix, which is freed. */
function take(from: tf.Tensor2D, at: tf.Tensor2D, amounts: tf.Tensor): tf.Tensor2D {
  const left = tf.sub(tf.gatherND(from, at), amounts);
  return freeing(from, tf.tensorScatterUpdate(from, at, left) as tf.Tensor2D);
}
