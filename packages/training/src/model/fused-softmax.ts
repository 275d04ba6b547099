import * as tf from "@tensorflow/tfjs";
import type { Csr } from "../data/csr.ts";
import { MOST_PLACES, type SoftmaxProblem, softmaxKernel } from "./softmax-kernel.ts";

/** A `SoftmaxProblem` whose large parts are tensors. */
export type SoftmaxOfTensors = Omit<SoftmaxProblem, "dim" | "queries" | "candidates" | "logWeights" | "teacher"> & {
  readonly queries: tf.Tensor2D;
  readonly candidates: tf.Tensor2D;
  /** (G, S); left out = one query vector a group. */
  readonly logWeights?: tf.Tensor2D | undefined;
  readonly teacher?: { readonly candidates: tf.Tensor2D; readonly weight: number } | undefined;
};

export interface FusedSoftmax {
  /** The loss of the targets alone. */
  readonly ranking: tf.Scalar;
  /** With the teacher's. */
  readonly total: tf.Scalar;
  readonly dQueries: tf.Tensor2D;
  readonly dCandidates: tf.Tensor2D;
  /** (G, S) */
  readonly dLogWeights: tf.Tensor2D;
}

/**
 * Whether the kernel serves groups of so many query vectors: on the wasm backend, once it has been built, for groups that
 * fit it. Otherwise the same is computed in tensors.
 */
export function hasFusedSoftmax(places: number): boolean {
  return tf.getBackend() === "wasm" && places <= MOST_PLACES && softmaxKernel() !== undefined;
}

/**
 * Loss and gradients in one call of the kernel in src/kernels/softmax.as.ts; undefined where `hasFusedSoftmax` is false.
 */
export function fusedSoftmax(problem: SoftmaxOfTensors): FusedSoftmax | undefined {
  const { queries, candidates, logWeights, teacher, ...numbers } = problem;
  const groups = problem.targets.offsets.length - 1;
  const places = queries.shape[0] / groups;
  const kernel = hasFusedSoftmax(places) ? softmaxKernel() : undefined;
  if (!kernel) return undefined;
  // views of the backend's memory, which the kernel copies before anything is allocated there
  const backend = tf.backend() as unknown as { typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array };
  const { ranking, distillation, dQueries, dCandidates, dLogWeights } = kernel.run({
    ...numbers,
    dim: queries.shape[1],
    queries: backend.typedArrayFromHeap(queries),
    candidates: backend.typedArrayFromHeap(candidates),
    logWeights: logWeights ? backend.typedArrayFromHeap(logWeights) : new Float32Array(groups),
    ...(teacher && {
      teacher: { candidates: backend.typedArrayFromHeap(teacher.candidates), weight: teacher.weight },
    }),
  });
  // and these are views of the kernel's, which the backend copies
  return {
    ranking: tf.scalar(ranking),
    total: tf.scalar(ranking + distillation * (teacher?.weight ?? 0)),
    dQueries: tf.tensor2d(dQueries, queries.shape),
    dCandidates: tf.tensor2d(dCandidates, candidates.shape),
    dLogWeights: tf.tensor2d(dLogWeights, [groups, places]),
  };
}

/** Lists of columns → (lists, count) with `value` at each of them, else 0; for the backends that have no kernel for lists. */
export function denseRows(lists: Csr, count: number, value: number | Float32Array): tf.Tensor2D {
  const rows = lists.offsets.length - 1;
  const dense = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    for (let i = lists.offsets[row]!; i < lists.offsets[row + 1]!; i++)
      dense[row * count + lists.values[i]!] = typeof value === "number" ? value : value[i]!;
  }
  return tf.tensor2d(dense, [rows, count]);
}
