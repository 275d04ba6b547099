import type * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../../config.ts";
import type { Csr } from "../../data/csr.ts";
import { candidateSoftmaxLoss } from "./candidate-softmax.ts";
import { fullSoftmaxLoss } from "./full-softmax.ts";
import { hingeLoss } from "./hinge.ts";

/** What an objective compares: n queries with c candidates. */
export interface Comparison {
  /** (n, dim) unit rows. */
  readonly queries: tf.Tensor2D;
  /** (c, dim) as they will be searched. */
  readonly candidates: tf.Tensor2D;
  /** (c, dim) as they were before quantization; undefined while they are not quantized. */
  readonly dense: tf.Tensor2D | undefined;
  /** Candidate that query i led to: i itself, unless the objective is the full softmax. */
  readonly right: Uint32Array;
  /** Candidates, by query, that are also right and therefore do not compete. */
  readonly masked: Csr;
  /** (c) */
  readonly logQ: Float32Array;
  readonly logScale: tf.Scalar;
}

/** How much the softmax before quantization counts as a teacher, next to the right answers. */
export const DISTILLATION_WEIGHT = 0.25;

/** The objective that `training.objective` names. @returns what gradients are taken of, and what is reported */
export function objectiveLoss(
  training: PoeemConfig["training"],
  { queries, candidates, dense, right, masked, logQ, logScale }: Comparison,
): { total: tf.Scalar; ranking: tf.Scalar } {
  if (training.objective === "softmax") {
    const teacher = dense && { candidates: dense, weight: DISTILLATION_WEIGHT };
    return candidateSoftmaxLoss(queries, candidates, { masked, logQ }, logScale, teacher);
  }
  const loss =
    training.objective === "hinge"
      ? hingeLoss(queries, candidates, masked, training.margin)
      : fullSoftmaxLoss(queries, candidates, right, masked, logScale);
  return { total: loss, ranking: loss };
}
