import * as tf from "@tensorflow/tfjs-core";
import { usesOfCells, usesOfCodes } from "../centroid-sums.ts";
import { computeWithGradient } from "../custom-gradient.ts";
import { type Assignment, layerLoss } from "./loss.ts";

/** Pulls centroids to the items; only a reported figure where they are moving averages. */
export const distortion = layerLoss({
  options: { distortionWeight: 1 },
  about: {
    distortionWeight:
      "How strongly gradients pull centroids to the items; the trainer's centroids are moving averages instead.",
  },
  needs: "items",
  compute: ({ at, coarseCentroids, centroids, perItem }, { distortionWeight }) =>
    distortionLoss(at, coarseCentroids, centroids, distortionWeight * perItem),
});

/**
 * Distortion, the codebook loss of Poeem (arXiv 2105.03933): sum over items and dimensions of |T(x) - sg(x)|², times
 * `scale`. R is orthogonal, so it is taken in the rotated space. Its gradient goes to the centroids alone.
 *
 * @param coarseCentroids (nlist, dim), or null without a coarse quantizer
 * @param centroids (M, ksub, subDim)
 */
export function distortionLoss(
  at: Assignment,
  coarseCentroids: tf.Tensor2D | null,
  centroids: tf.Tensor3D,
  scale: number,
): tf.Scalar {
  const [m, ksub, subDim] = centroids.shape;
  const compute = () => {
    const error = tf.sub<tf.Tensor2D>(at.decoded, at.y);
    const value = tf.mul<tf.Scalar>(tf.sum(tf.square(error)), scale);
    return { value, saved: [error, at.rows, at.codes, at.coarseCodes] };
  };
  const toRows = (dy: tf.Tensor, kept: tf.Tensor[]) => tf.mul<tf.Tensor2D>(kept[0]!, tf.mul(dy, 2 * scale));
  const toCentroids = (g: tf.Tensor2D, [, rows, codes]: tf.Tensor[]) => {
    const uses = usesOfCodes({ rows: rows as tf.Tensor1D, codes: codes as tf.Tensor2D }, ksub);
    return tf.reshape(uses.sumsOf(g), [m, ksub, subDim]);
  };
  if (!coarseCentroids) {
    return computeWithGradient([centroids], compute, (dy, kept) => [toCentroids(toRows(dy, kept), kept)]);
  }
  const nlist = coarseCentroids.shape[0];
  return computeWithGradient([coarseCentroids, centroids], compute, (dy, kept) => {
    const g = toRows(dy, kept);
    return [usesOfCells(kept[3] as tf.Tensor1D, nlist).sumsOf(g), toCentroids(g, kept)];
  });
}
