import * as tf from "@tensorflow/tfjs-core";
import { freeing } from "../device/freeing.ts";
import { isOnDevice } from "../device/on-device.ts";
import { entriesOf, entriesOfColumns, maskOf, mergedLists } from "./entries.ts";
import { mixturePart } from "./mixture.ts";
import type { LogitsOf, SoftmaxProblem, SoftmaxResult } from "./problem.ts";
import { slopeOf, type TargetPart, type TeacherPart } from "./target-part.ts";

/**
 * The definition of the softmax in tensors. Gradients are written out, because automatic ones would keep and pass over
 * the (G·S, C) matrix a dozen times; there are never more than four of its size. On the wasm backend `softmax` is a
 * fused operation, seven times as fast as `exp`: log Σ exp is read off its result.
 */
export function softmaxInTensors(problem: SoftmaxProblem): SoftmaxResult {
  const { candidates, teacher, weight = 1, targets, logWeights, shared, least = 0, jointly } = problem;
  return tf.tidy(() => {
    const scale = scaleOf(problem);
    const logitsOf = logitsMaker(problem, scale);
    const soft = teacher && softmaxOf(logitsOf(teacher.candidates));
    const logits = logitsOf(candidates);
    const p = tf.softmax(logits);
    const isMixture = logWeights !== undefined || shared !== undefined || least > 0;
    const logSums = teacher || !isMixture || jointly ? logSumExp(logits, p) : undefined;
    const found =
      targets &&
      (isMixture ? mixturePart(problem, p, jointly ? logSums : undefined) : plainPart(problem, logits, logSums!));
    const taught = soft && teacherPart(logits, logSums!, soft, teacher.weight);
    logits.dispose();
    const { slope, factor } = slopeOf(p, found, taught);
    const value = found?.value ?? tf.scalar(0);
    const both = taught ? tf.add(value, tf.mul(taught.value, teacher!.weight)) : value;
    return {
      ranking: value,
      total: tf.mul<tf.Scalar>(both, weight),
      ...gradientsBy(
        slope,
        problem,
        typeof scale === "number" ? scale * (weight * factor) : tf.mul(scale, weight * factor),
      ),
      dLogWeights: found?.dLogWeights && tf.mul<tf.Tensor2D>(found.dLogWeights, weight * found.share),
    };
  });
}

/** Gradients to queries and candidates by the slope (rows, C), which is freed, times a factor. */
function gradientsBy(
  slope: tf.Tensor2D,
  { queries, candidates, constantCandidates }: SoftmaxProblem,
  factor: number | tf.Tensor,
): Pick<SoftmaxResult, "dQueries" | "dCandidates"> {
  if (isOnDevice()) {
    const dQueries = tf.mul<tf.Tensor2D>(tf.matMul(slope, candidates), factor);
    if (constantCandidates) return freeing(slope, { dQueries });
    return freeing(slope, { dQueries, dCandidates: tf.mul<tf.Tensor2D>(tf.matMul(slope, queries, true), factor) });
  }
  const scaled = freeing(slope, tf.mul<tf.Tensor2D>(slope, factor));
  const dQueries = tf.matMul<tf.Tensor2D>(scaled, candidates);
  if (constantCandidates) return { dQueries };
  return { dQueries, dCandidates: tf.transpose<tf.Tensor2D>(tf.matMul(tf.transpose(queries), scaled)) };
}

function scaleOf({ scale }: LogitsOf): number | tf.Scalar {
  return typeof scale === "number" ? scale : tf.exp(scale.log);
}

/** The softmax of logits that nobody else wants. */
function softmaxOf(logits: tf.Tensor2D): tf.Tensor2D {
  return freeing(logits, tf.softmax(logits));
}

/** Logits (rows, C) of a problem's queries for candidates, its own or others in their place. */
function logitsMaker(problem: LogitsOf, scale: number | tf.Scalar): (candidates: tf.Tensor2D) => tf.Tensor2D {
  const { queries, masked } = problem;
  const logQ = problem.logQ && tf.tensor2d(problem.logQ, [1, problem.candidates.shape[0]]);
  const mask = maskOf(masked);
  const scoresFor = isOnDevice() ? byFlag(tf.mul(queries, scale)) : byTransposing(queries, scale);
  return (to) => {
    const scores = scoresFor(to);
    const corrected = logQ ? freeing(scores, tf.sub<tf.Tensor2D>(scores, logQ)) : scores;
    return mask ? freeing(corrected, mask(corrected)) : corrected;
  };
}

function byFlag(scaled: tf.Tensor2D) {
  return (to: tf.Tensor2D): tf.Tensor2D => tf.matMul(scaled, to, false, true);
}

/** The wasm backend multiplies by flagged transposes ten times more slowly than by explicit ones. */
function byTransposing(queries: tf.Tensor2D, scale: number | tf.Scalar) {
  return (to: tf.Tensor2D): tf.Tensor2D => {
    const products = tf.matMul(queries, tf.transpose(to));
    return freeing(products, tf.mul<tf.Tensor2D>(products, scale));
  };
}

/** The definition of `logSums` in tensors, (rows), with the softmax (rows, C) that gradients are made from. */
export function logSumsInTensors(problem: LogitsOf): { readonly value: tf.Tensor1D; readonly p: tf.Tensor2D } {
  const logits = logitsMaker(problem, scaleOf(problem))(problem.candidates);
  const p = tf.softmax(logits);
  return { value: freeing(logits, logSumExp(logits, p)), p };
}

/** Targets of one query each, in logarithms throughout. @param logSums (rows) log Σ exp of the logits */
function plainPart({ targets, targetWeights }: SoftmaxProblem, logits: tf.Tensor2D, logSums: tf.Tensor1D): TargetPart {
  const rows = logits.shape[0];
  if (targets instanceof tf.Tensor) {
    const at = entriesOfColumns(targets, 1);
    const share = rows > 0 ? 1 / rows : 0;
    const lost = tf.sub(tf.sum(logSums), tf.sum(tf.gatherND(logits, at)));
    return { value: tf.mul<tf.Scalar>(lost, share), taken: { at, amounts: tf.scalar(1) }, share };
  }
  const given = targetWeights ?? new Float32Array(targets!.values.length).fill(1);
  const total = given.reduce((sum, weight) => sum + weight, 0);
  const share = total > 0 ? 1 / total : 0;
  const { lists, weights } = mergedLists(targets!, given);
  const ofRows = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    for (let i = lists.offsets[row]!; i < lists.offsets[row + 1]!; i++) ofRows[row]! += weights[i]!;
  }
  const pull = tf.tensor2d(ofRows, [rows, 1]);
  const all = tf.sum(tf.mul(tf.reshape(pull, [rows]), logSums));
  if (weights.length === 0) return { value: tf.mul<tf.Scalar>(all, share), pull, share };
  const at = entriesOf(lists);
  const amounts = tf.tensor1d(weights);
  const lost = tf.sub(all, tf.sum(tf.mul(amounts, tf.gatherND(logits, at))));
  return { value: tf.mul<tf.Scalar>(lost, share), pull, taken: { at, amounts }, share };
}

/** Cross entropy with `soft` (rows, C), mean over the rows. */
function teacherPart(logits: tf.Tensor2D, logSums: tf.Tensor1D, soft: tf.Tensor2D, weight: number): TeacherPart {
  const rows = logits.shape[0];
  const products = tf.mul(soft, logits);
  const value = tf.sub(tf.mean(logSums), tf.div(freeing(products, tf.sum(products)), rows)) as tf.Scalar;
  return { value, soft, share: weight / rows };
}

/** (n, C) logits and their softmax → (n) log Σ exp, from each row's largest entry: plain `exp` is slow on wasm. */
export function logSumExp(logits: tf.Tensor2D, p: tf.Tensor2D): tf.Tensor1D {
  return tf.sub(tf.max(logits, 1), tf.log(tf.max(p, 1)));
}
