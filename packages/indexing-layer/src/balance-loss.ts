import * as tf from "@tensorflow/tfjs-core";
import { computeWithGradient } from "./custom-gradient.ts";
import { nearness, subNearness } from "./quantize.ts";

/**
 * Code balance: how far the batch's soft usage of each codebook is from uniform, KL(p̄ | 1/K) with p̄ the mean over the
 * batch of softmax(-|y - c|² / 2τ), summed over the coarse quantizer and the M sub-quantizers, times `scale`. The
 * uniform-usage aim is RepCONC's (Zhan et al., WSDM 2022, arXiv 2110.05789); this soft form replaces its Sinkhorn
 * constraint. The gradient goes to the rotated items alone.
 *
 * @param y (n, dim) rotated items
 * @param coarseCentroids (nlist, dim) or null
 * @param cells (n, dim) each item's coarse centroid, or null
 * @param centroids (M, ksub, subDim)
 * @param coarseTemperature, @param subTemperature τ of either level, in squared distance
 */
export function balanceLoss(
  y: tf.Tensor2D,
  coarseCentroids: tf.Tensor2D | null,
  cells: tf.Tensor2D | null,
  centroids: tf.Tensor3D,
  coarseTemperature: tf.Scalar | number,
  subTemperature: tf.Scalar | number,
  scale: number,
): tf.Scalar {
  const compute = () => {
    const [m, ksub, subDim] = centroids.shape;
    const n = y.shape[0];
    const residual: tf.Tensor2D = cells ? tf.sub<tf.Tensor2D>(y, cells) : y;
    const scores = tf.reshape<tf.Rank.R3>(subNearness(residual, centroids), [n, m, ksub]);
    const sub = divergence(scores, subTemperature);
    // Σ_k g_k c_k per sub-vector, M small products instead of a block-diagonal one: this loss is off by default.
    const parts = tf.unstack(sub.gradient, 1).map((g, j) => {
      const table = tf.reshape<tf.Rank.R2>(tf.slice(centroids, [j, 0, 0], [1, ksub, subDim]), [ksub, subDim]);
      return tf.matMul<tf.Tensor2D>(g as tf.Tensor2D, table);
    });
    let gradient = tf.concat<tf.Tensor2D>(parts, 1);
    let value: tf.Scalar = sub.value;
    if (coarseCentroids) {
      const nlist = coarseCentroids.shape[0];
      const coarse = divergence(tf.reshape(nearness(y, coarseCentroids), [n, 1, nlist]), coarseTemperature);
      value = tf.add<tf.Scalar>(value, coarse.value);
      gradient = tf.add<tf.Tensor2D>(
        gradient,
        tf.matMul(tf.reshape<tf.Rank.R2>(coarse.gradient, [n, nlist]), coarseCentroids),
      );
    }
    return { value: tf.mul<tf.Scalar>(value, scale), saved: [tf.mul(gradient, scale)] };
  };
  return computeWithGradient([y], compute, (dy, kept) => [tf.mul(kept[0]!, dy)]);
}

/**
 * `scores` (n, M, K) -> Σ_m KL(p̄_m | uniform) and its gradient by the scores. With h_k = log(K p̄_k) the gradient of the
 * softmax row p is p_k (h_k - Σ_j p_j h_j) / (nτ).
 */
function divergence(scores: tf.Tensor3D, temperature: tf.Scalar | number): { value: tf.Scalar; gradient: tf.Tensor3D } {
  const [n, , k] = scores.shape;
  const p = tf.softmax(tf.div<tf.Tensor3D>(scores, temperature));
  const mean = tf.mean(p, 0, true);
  const h = tf.log(tf.mul(tf.maximum(mean, 1e-12), k));
  const centred = tf.sub(h, tf.sum(tf.mul(p, h), 2, true));
  return {
    value: tf.sum(tf.mul(mean, h)),
    gradient: tf.div(tf.mul<tf.Tensor3D>(p, centred), tf.mul(temperature, n)),
  };
}
