import * as tf from "@tensorflow/tfjs-core";
import { offTape, withGradient } from "../custom-gradient.ts";
import { isOnDevice } from "../device/on-device.ts";
import { fail } from "../errors.ts";
import type { SoftmaxKernel } from "./kernel.ts";
import type { LogitsOf, SoftmaxProblem, SoftmaxResult, Teacher } from "./problem.ts";
import { logSumsInTensors, softmaxInTensors } from "./tensors.ts";

let kernel: SoftmaxKernel | undefined;

/** Lets `softmaxLoss` compute what this kernel serves by it; without one everything is computed in tensors. */
export function useSoftmaxKernel(fast: SoftmaxKernel | undefined): void {
  kernel = fast;
}

/** The kernel, if it is one for the problem. */
function serving(problem: SoftmaxProblem): SoftmaxKernel | undefined {
  return !isOnDevice() && kernel?.serves(problem) ? kernel : undefined;
}

/** Loss and gradients of a problem, by the kernel where it serves, else in tensors. */
function softmax(problem: SoftmaxProblem): SoftmaxResult {
  return serving(problem)?.run(problem) ?? softmaxInTensors(problem);
}

/**
 * The loss that `SoftmaxProblem` defines.
 * @returns `total` with its gradients to queries, candidates, log weights and scale, and `ranking` without
 * @throws InputError for a teacher beside a mixture, a problem without anything to find, or shared rows without weights
 * or lists
 */
export function softmaxLoss(problem: SoftmaxProblem): { total: tf.Scalar; ranking: tf.Scalar } {
  const { queries, candidates, logWeights, teacher, scale, shared, jointly } = problem;
  if (teacher && logWeights) fail("teacher", "one query per group, without logWeights", "a mixture");
  if (shared && jointly) fail("jointly", "false where groups share rows", "true");
  if (shared && !logWeights) fail("shared", "logWeights beside it", "none");
  if (shared && problem.targets instanceof tf.Tensor) fail("targets", "lists where groups share rows", "a tensor");
  if (!teacher && !problem.targets) fail("softmaxLoss", "targets or a teacher", "neither");
  const log = typeof scale === "number" ? undefined : scale.log;
  const inputs = [queries, problem.constantCandidates ? undefined : candidates, logWeights, log];
  const [total, ranking, ...gradients] = offTape<[tf.Scalar, tf.Scalar, ...tf.Tensor[]]>(() => {
    const made = softmax(problem);
    // the logits are linear in the scale
    const dLog = log && tf.sum(tf.mul(queries, made.dQueries));
    const all = [made.dQueries, made.dCandidates, made.dLogWeights, dLog];
    return [made.total, made.ranking, ...all.filter((gradient) => gradient !== undefined)];
  });
  const value = withGradient(
    inputs.filter((input) => input !== undefined),
    total,
    gradients,
    (dy, saved) => saved.map((gradient) => tf.mul(gradient, dy)),
  );
  return { total: value, ranking };
}

/**
 * log Σ_c exp(logit) of each query over the candidates that are not masked, (rows): a softmax without targets, by the
 * kernel where it serves, else in tensors.
 */
export async function logSums(problem: LogitsOf): Promise<Float64Array> {
  const served = serving(problem)?.logSums(problem);
  if (served) return served;
  const sums = tf.tidy(() => logSumsInTensors(problem).value);
  const values = Float64Array.from(await sums.data());
  sums.dispose();
  return values;
}

/**
 * In-batch softmax: cross entropy of each query's own row against all items of the batch, summed over queries, times
 * `weight`. Gradients go to `queries` and `items`.
 *
 * @param queries (b, dim), @param items (n, dim), n >= b, row i of the items belonging to query i
 * @param scale inverse temperature of the inner products
 * @param teacher that of `IndexingLayer.call`, for distillation into the quantized items
 */
export function inBatchSoftmaxLoss(
  queries: tf.Tensor2D,
  items: tf.Tensor2D,
  scale: number,
  weight: number,
  teacher?: Teacher,
): tf.Scalar {
  const b = queries.shape[0];
  const targets = tf.range(0, b, 1, "int32");
  return softmaxLoss({ queries, candidates: items, targets, scale, weight: weight * b, teacher }).total;
}
