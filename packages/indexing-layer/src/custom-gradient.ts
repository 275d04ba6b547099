import * as tf from "@tensorflow/tfjs-core";

/**
 * `value`, however it was made, with the gradient given here towards `inputs` and none towards anything else.
 * TensorFlow.js disposes what a forward pass made before the backward pass runs, so whatever `gradient` reads goes
 * through `saved`.
 *
 * @param gradient (dy, saved) -> one tensor per input
 */
export function withGradient<T extends tf.Tensor>(
  inputs: tf.Tensor[],
  value: T,
  saved: tf.Tensor[],
  gradient: (dy: T, saved: tf.Tensor[]) => tf.Tensor[],
): T {
  return tf.customGrad<T>((...args) => {
    const save = args[args.length - 1] as (tensors: tf.Tensor[]) => void;
    save(saved);
    return { value: tf.clone(value), gradFunc: (dy, kept) => gradient(dy, kept) };
  })(...inputs);
}
