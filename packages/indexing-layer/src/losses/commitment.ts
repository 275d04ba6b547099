import * as tf from "@tensorflow/tfjs-core";
import { computeWithGradient } from "../custom-gradient.ts";
import { layerLoss } from "./loss.ts";

/** Pulls items to what they are quantized to. */
export const commitment = layerLoss({
  options: { commitmentWeight: 10 },
  about: { commitmentWeight: "How strongly item vectors are pulled towards what they are quantized to." },
  needs: "items",
  compute: ({ x, quantized, perItem }, { commitmentWeight }) =>
    commitmentLoss(x, quantized, commitmentWeight * perItem),
});

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
