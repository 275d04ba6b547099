import * as tf from "@tensorflow/tfjs-core";

/** Backends whose tensors are in the process's own memory: reading one costs nothing, and many small steps little. */
const ON_HOST: readonly string[] = ["wasm", "cpu"];

let forced: boolean | undefined;

/**
 * Whether tensors are to be treated as those of a device, a GPU above all: where an operation costs a launch, however
 * small it is; where reading anything back waits for all that was asked for before; and where sums that several threads
 * write to have another order in each run. TensorFlow's own backend on the processor counts as one, so that what a GPU
 * runs is run without one too.
 */
export function isOnDevice(): boolean {
  return forced ?? !ON_HOST.includes(tf.getBackend());
}

/** For tests: treats the current backend as a device or not; undefined asks it again. */
export function treatAsDevice(treat: boolean | undefined): void {
  forced = treat;
}
