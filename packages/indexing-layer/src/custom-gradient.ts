import * as tf from "@tensorflow/tfjs-core";

/**
 * What `compute` returns, with the gradient given here towards `inputs` and none towards anything else. Its operations
 * stay off the tape, which otherwise clones what every one of them might need for a backward pass.
 *
 * TensorFlow.js disposes what a forward pass made before the backward pass runs, so whatever `gradient` reads goes
 * through `saved`.
 *
 * @param gradient (dy, saved) -> one tensor per input
 */
export function computeWithGradient<T extends tf.Tensor>(
  inputs: tf.Tensor[],
  compute: () => { value: T; saved: tf.Tensor[] },
  gradient: (dy: T, saved: tf.Tensor[]) => tf.Tensor[],
): T {
  return tf.customGrad<T>((...args) => {
    const save = args[args.length - 1] as (tensors: tf.Tensor[]) => void;
    const { value, saved } = compute();
    save(saved);
    return { value, gradFunc: (dy, kept) => gradient(dy, kept) };
  })(...inputs);
}

/** A `value` that is there already, with the gradient given here; see `computeWithGradient`. */
export function withGradient<T extends tf.Tensor>(
  inputs: tf.Tensor[],
  value: T,
  saved: tf.Tensor[],
  gradient: (dy: T, saved: tf.Tensor[]) => tf.Tensor[],
): T {
  return computeWithGradient(inputs, () => ({ value: tf.clone(value), saved }), gradient);
}

/** Runs `compute` off the tape: no gradient flows through what it returns. */
export function offTape<T extends tf.Tensor[]>(compute: () => [...T]): T {
  let kept: tf.Tensor[] = [];
  // A custom gradient has one value only; the others leave its scope by being kept.
  const nothing = tf.customGrad(() => {
    kept = compute().map((tensor) => tf.keep(tf.clone(tensor)));
    return { value: tf.scalar(0), gradFunc: () => [] };
  })();
  nothing.dispose();
  // Clones belong to the caller's scope, as any result does.
  const results = kept.map((tensor) => tf.clone(tensor));
  tf.dispose(kept);
  return results as T;
}
