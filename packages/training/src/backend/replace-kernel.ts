import * as tf from "@tensorflow/tfjs";

/** A kernel as TensorFlow.js calls it; undefined for a call that is left to the original. */
export type Kernel<Backend> = (args: {
  inputs: Record<string, tf.TensorInfo>;
  attrs: Record<string, unknown>;
  backend: Backend;
}) => tf.TensorInfo | undefined;

const replaced = new Set<string>();

/** Lets `fast` do what it takes of a kernel of a backend, and the original the rest. */
export function replaceKernel<Backend>(kernelName: string, backend: string, fast: Kernel<Backend>): void {
  const original = tf.getKernel(kernelName, backend);
  if (!original || replaced.has(`${backend} ${kernelName}`)) return;
  replaced.add(`${backend} ${kernelName}`);
  tf.unregisterKernel(kernelName, backend);
  tf.registerKernel({
    ...original,
    kernelFunc: (args) => fast(args as unknown as Parameters<Kernel<Backend>>[0]) ?? original.kernelFunc(args),
  });
}
