import * as tf from "@tensorflow/tfjs-core";
import { computeWithGradient } from "./custom-gradient.ts";
import { sumRows } from "./quantize.ts";

/** What one pass through the quantizer found, all in the rotated space y = x·R. */
export interface Assignment {
  /** (n, dim) rotated items. */
  readonly y: tf.Tensor2D;
  /** (n, dim) coarse centroid + decoded residual. */
  readonly decoded: tf.Tensor2D;
  /** (n) int32; all 0 without coarse centroids. */
  readonly coarseCodes: tf.Tensor1D;
  /** (n, M) int32. */
  readonly codes: tf.Tensor2D;
  /** (n·M) int32, `codes` as rows of the (M·ksub, subDim) centroid table. */
  readonly rows: tf.Tensor1D;
}

/**
 * Distortion, the codebook loss of Poeem (arXiv 2105.03933): sum over items and dimensions of |T(x) - sg(x)|², times
 * `scale`. R is orthogonal, so it is taken in the rotated space. Its gradient goes to the centroids alone.
 *
 * With eta other than 1 the residual's part parallel to the item counts eta times (anisotropic loss of ScaNN, Guo et
 * al., ICML 2020, eq. 3).
 *
 * @param coarseCentroids (nlist, dim), or null without a coarse quantizer
 * @param centroids (M, ksub, subDim)
 */
export function distortionLoss(
  at: Assignment,
  coarseCentroids: tf.Tensor2D | null,
  centroids: tf.Tensor3D,
  scale: number,
  eta = 1,
): tf.Scalar {
  const [m, ksub, subDim] = centroids.shape;
  const n = at.y.shape[0];
  const compute = () => {
    const error = tf.sub<tf.Tensor2D>(at.decoded, at.y);
    const weighted = eta === 1 ? error : weighParallel(error, at.y, eta);
    const value = tf.mul<tf.Scalar>(tf.sum(tf.mul(error, weighted)), scale);
    return { value, saved: [weighted, at.rows, at.coarseCodes] };
  };
  const toRows = (dy: tf.Tensor, kept: tf.Tensor[]) => tf.mul<tf.Tensor2D>(kept[0]!, tf.mul(dy, 2 * scale));
  const toCentroids = (g: tf.Tensor2D, rows: tf.Tensor) =>
    tf.reshape(sumRows(rows as tf.Tensor1D, tf.reshape(g, [n * m, subDim]), m * ksub), [m, ksub, subDim]);
  if (!coarseCentroids) {
    return computeWithGradient([centroids], compute, (dy, kept) => [toCentroids(toRows(dy, kept), kept[1]!)]);
  }
  const nlist = coarseCentroids.shape[0];
  return computeWithGradient([coarseCentroids, centroids], compute, (dy, kept) => {
    const g = toRows(dy, kept);
    return [sumRows(kept[2] as tf.Tensor1D, g, nlist), toCentroids(g, kept[1]!)];
  });
}

/** e + (eta - 1)·(e·ŷ)ŷ for every row: the residual with its parallel part weighed eta times. */
function weighParallel(error: tf.Tensor2D, y: tf.Tensor2D, eta: number): tf.Tensor2D {
  const squaredNorm = tf.maximum(tf.sum(tf.square(y), 1, true), 1e-12);
  const along = tf.div(tf.sum(tf.mul(error, y), 1, true), squaredNorm);
  return tf.add<tf.Tensor2D>(error, tf.mul(y, tf.mul(along, eta - 1)));
}

/**
 * Commitment: sum of |x - sg(T(x))|² times `scale`; it pulls items to their centroids (VQ-VAE, van den Oord et al.,
 * arXiv 1711.00937, eq. 3). Poeem has none. Its gradient goes to `x` alone.
 */
export function commitmentLoss(x: tf.Tensor2D, quantized: tf.Tensor2D, scale: number): tf.Scalar {
  const compute = () => {
    const error = tf.sub(x, quantized);
    return { value: tf.mul<tf.Scalar>(tf.sum(tf.square(error)), scale), saved: [error] };
  };
  return computeWithGradient([x], compute, (dy, kept) => [tf.mul(kept[0]!, tf.mul(dy, 2 * scale))]);
}
