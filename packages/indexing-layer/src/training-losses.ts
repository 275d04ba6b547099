import * as tf from "@tensorflow/tfjs-core";
import { balanceLoss } from "./balance-loss.ts";
import type { IndexingLayerConfig } from "./config.ts";
import { withGradient } from "./custom-gradient.ts";
import { fail } from "./errors.ts";
import { type Assignment, commitmentLoss, distortionLoss } from "./losses.ts";
import type { Quantizer } from "./quantizer.ts";
import { distillationLoss, routingLoss } from "./ranking-losses.ts";
import { rotationTrick } from "./rotation-trick.ts";
import { straightThrough } from "./straight-through.ts";

/** Weighted terms and their sum, scalars that stay on the tape. Terms whose weight is 0 are absent. */
export interface Losses {
  total: tf.Scalar;
  distortion?: tf.Scalar;
  commitment?: tf.Scalar;
  balance?: tf.Scalar;
  distillation?: tf.Scalar;
  routing?: tf.Scalar;
}

/** Quantized items with the configured gradient towards the items. */
export function estimate(x: tf.Tensor2D, quantized: tf.Tensor2D, config: IndexingLayerConfig): tf.Tensor2D {
  return config.estimator === "rotation-trick" ? rotationTrick(x, quantized) : straightThrough(x, quantized);
}

/**
 * All terms of one joint step.
 * @param x (n, dim) items, @param quantized (n, dim) T(x), @param at how they were quantized
 * @param student (n, dim) T(x) with its gradient towards the items, from `estimate`
 * @param queries (b, dim), row i belonging to item i, b <= n
 */
export function trainingLosses(
  quantizer: Quantizer,
  config: IndexingLayerConfig,
  x: tf.Tensor2D,
  quantized: tf.Tensor2D,
  student: tf.Tensor2D,
  at: Assignment,
  queries: tf.Tensor2D | undefined,
): Losses {
  const n = x.shape[0];
  const scale = config.reduction === "mean" ? 1 / n : 1;
  const { coarseCentroids, centroids } = quantizer;
  const terms: Omit<Losses, "total"> = {};
  if (config.distortionWeight > 0) {
    const weight = config.distortionWeight * scale;
    terms.distortion = distortionLoss(at, coarseCentroids, centroids, weight, config.anisotropicEta);
  }
  if (config.commitmentWeight > 0) terms.commitment = commitmentLoss(x, quantized, config.commitmentWeight * scale);
  if (config.balanceWeight > 0) terms.balance = batchBalance(quantizer, config, x, at);
  if (queries) {
    const [b, dim] = queries.shape;
    if (b > n || dim !== config.dim) fail("queries", `at most ${n} rows of ${config.dim}`, `[${b},${dim}]`);
    const perQuery = config.reduction === "mean" ? 1 / b : 1;
    if (config.distillationWeight > 0) {
      terms.distillation = distillationLoss(
        queries,
        x,
        student,
        config.scoreScale,
        config.distillationWeight * perQuery,
      );
    }
    if (config.routingWeight > 0 && coarseCentroids) {
      const cells = tf.slice(at.coarseCodes, 0, b);
      const own = quantizer.rotateBack(coarseCentroids);
      terms.routing = routingLoss(queries, cells, own, config.routingScale, config.routingWeight * perQuery);
    }
  }
  const values = Object.values(terms) as tf.Scalar[];
  return { total: values.length > 0 ? tf.addN(values) : tf.scalar(0), ...terms };
}

/** The balance loss acts on rotated items; its softness follows the batch's own mean squared distances. */
function batchBalance(quantizer: Quantizer, config: IndexingLayerConfig, x: tf.Tensor2D, at: Assignment): tf.Scalar {
  const { coarseCentroids, centroids, rotationTransposed } = quantizer;
  const temperature = (error: tf.Tensor2D, parts: number) =>
    tf.mul<tf.Scalar>(tf.sum(tf.square(error)), config.balanceTemperature / (x.shape[0] * parts));
  const residual = quantizer.residual(at);
  const cells = coarseCentroids ? tf.sub<tf.Tensor2D>(at.y, residual) : null;
  const y = rotationTransposed
    ? withGradient([x], at.y, [rotationTransposed], (dy, kept) => [tf.matMul(dy, kept[0] as tf.Tensor2D)])
    : x;
  return balanceLoss(
    y,
    coarseCentroids,
    cells,
    centroids,
    temperature(residual, 1),
    temperature(tf.sub(at.y, at.decoded), config.numSubQuantizers),
    config.balanceWeight,
  );
}
