import * as tf from "@tensorflow/tfjs-core";
import { computeWithGradient } from "./custom-gradient.ts";

/**
 * The rotation trick (Fifty et al., ICLR 2025, arXiv 2410.06424), an alternative to the straight-through estimator:
 * the value of `quantized`, the gradient of the rotation and rescaling that carries each x onto it, both held constant.
 *
 * With unit vectors e = x/|x|, f = q/|q|, r = (e + f)/|e + f| and λ = |q|/|x| the map is
 * λ(I - 2rrᵀ + 2feᵀ)x (eq. 4), so the gradient is λ(dy - 2r(r·dy) + 2e(f·dy)).
 *
 * @param x (n, dim) before quantization
 * @param quantized (n, dim) after it
 */
export function rotationTrick(x: tf.Tensor2D, quantized: tf.Tensor2D): tf.Tensor2D {
  const compute = () => {
    const normX = norms(x);
    const normQ = norms(quantized);
    const from = tf.div<tf.Tensor2D>(x, normX);
    const to = tf.div<tf.Tensor2D>(quantized, normQ);
    const sum = tf.add<tf.Tensor2D>(from, to);
    // Exactly opposite vectors have no half-way direction; the floor in `norms` then leaves r = 0, a harmless choice.
    return { value: tf.clone(quantized), saved: [from, to, tf.div(sum, norms(sum)), tf.div(normQ, normX)] };
  };
  return computeWithGradient([x], compute, (dy, kept) => {
    const [from, to, half, scale] = kept as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const along = (direction: tf.Tensor, probe: tf.Tensor) =>
      tf.mul(direction, tf.mul(2, tf.sum(tf.mul(probe, dy), 1, true)));
    return [tf.mul(scale, tf.add(tf.sub(dy, along(half, half)), along(from, to)))];
  });
}

/** (n, dim) -> (n, 1), the length of each row, never quite 0. */
function norms(x: tf.Tensor2D): tf.Tensor {
  return tf.maximum(tf.sqrt(tf.sum(tf.square(x), 1, true)), 1e-12);
}
