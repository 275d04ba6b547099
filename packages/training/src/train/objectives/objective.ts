import { softmaxLoss, type Teacher } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { PoeemConfig } from "../../config.ts";
import type { Csr } from "../../data/csr.ts";
import type { Dislikes } from "../../data/types.ts";
import { tasteLoss } from "../dislikes.ts";
import { hingeLoss } from "./hinge.ts";

/** What an objective compares: n queries with c candidates. */
export interface Comparison {
  /** (n, dim) unit rows. */
  readonly queries: tf.Tensor2D;
  /** (c, dim) as they will be searched. */
  readonly candidates: tf.Tensor2D;
  /** The candidates as they were before quantization, if the layer distils. */
  readonly teacher: Teacher | undefined;
  /** (n) int32, the candidate that each query led to. */
  readonly right: tf.Tensor1D;
  /** The same as lists, with how much each counts; undefined where all count alike. */
  readonly weighted?: { readonly targets: Csr; readonly targetWeights: Float32Array } | undefined;
  /** Candidates, by query, that are disliked. */
  readonly dislikes?: Dislikes | undefined;
  /** Candidates, by query, that are also right and therefore do not compete. */
  readonly masked: Csr;
  /** (c) logarithm of how often each is expected among the candidates; of no use when those are the catalogue. */
  readonly logQ: Float32Array;
  /** Logarithm of the inverse temperature; a variable to learn it. */
  readonly logScale: tf.Scalar;
}

/**
 * The objective that `training.objective` names. softmax: over the items of the batch and those drawn from the
 * catalogue behind them (mixed negative sampling, Yang et al., WWW 2020), query i's own being candidate i. full: over
 * the whole catalogue, so without anything to correct. hinge: see there; a teacher then adds its softmax.
 *
 * @returns what gradients are taken of, and what is reported
 */
export function objectiveLoss(
  training: PoeemConfig["training"],
  { queries, candidates, teacher, right, weighted, dislikes, masked, logQ, logScale }: Comparison,
): { total: tf.Scalar; ranking: tf.Scalar } {
  const softmax = { queries, candidates, scale: { log: logScale }, teacher };
  if (training.objective === "hinge") {
    const ranking = hingeLoss(queries, candidates, masked, training.margin, weighted?.targetWeights);
    return { ranking, total: teacher ? tf.add(ranking, softmaxLoss(softmax).total) : ranking };
  }
  const asked = {
    queries,
    candidates,
    scale: softmax.scale,
    masked,
    ...(training.objective === "softmax" && { logQ }),
  };
  const tastes = { ...(weighted ?? { targets: right }), dislikes };
  return tasteLoss(asked, tastes, training.dislikes, { teacher });
}
