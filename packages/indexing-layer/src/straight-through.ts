import type * as tf from "@tensorflow/tfjs-core";
import { withGradient } from "./custom-gradient.ts";

/**
 * Straight-through estimator: the value of `quantized`, the gradient of the identity towards `x`, none towards
 * whatever `quantized` came from. TensorFlow.js has no stop-gradient; a custom gradient whose only input is `x` cuts
 * the other path (Bengio et al., arXiv 1308.3432; Poeem, arXiv 2105.03933: x - sg(x - T(x))).
 *
 * @param x (n, dim) before quantization
 * @param quantized (n, dim) after it
 */
export function straightThrough(x: tf.Tensor2D, quantized: tf.Tensor2D): tf.Tensor2D {
  return withGradient([x], quantized, [], (dy) => [dy]);
}
