import * as tf from "@tensorflow/tfjs-core";
import { type Lists, type LogitsOf, MASKED, type SoftmaxProblem, type SoftmaxResult } from "./problem.ts";
import { type Part, SMALLEST, sharedPart } from "./shared-rows.ts";

/**
 * The definition of the softmax in tensors. Gradients are written out, because automatic ones would keep and pass over
 * the (G·S, C) matrix a dozen times, and products with transposes made explicit, because the wasm backend multiplies
 * by flagged transposes ten times more slowly. There `softmax` is a fused operation, seven times as fast as `exp`: log
 * Σ exp is read off its result.
 */
export function softmaxInTensors(problem: SoftmaxProblem): SoftmaxResult {
  const { queries, candidates, teacher, weight = 1 } = problem;
  return tf.tidy(() => {
    const scale = scaleOf(problem);
    const logitsOf = logitsMaker(problem, scale);
    const logits = logitsOf(candidates);
    const p = tf.softmax(logits);
    const ranking = problem.targets && rankingPart(problem, logits, p);
    const distillation = teacher && teacherPart(logits, p, tf.softmax(logitsOf(teacher.candidates)), teacher.weight);
    const parts = [ranking, distillation].filter((part) => part !== undefined);
    const scaled = (share: number) => (typeof scale === "number" ? scale * share : tf.mul(scale, share));
    const slope = sum(parts.map((part) => tf.mul<tf.Tensor2D>(part.slope, scaled(weight * part.share))));
    const value = ranking?.value ?? tf.scalar(0);
    const both = distillation ? tf.add(value, tf.mul(distillation.value, teacher.weight)) : value;
    return {
      ranking: value,
      total: tf.mul<tf.Scalar>(both, weight),
      dQueries: tf.matMul<tf.Tensor2D>(slope, candidates),
      dCandidates: problem.constantCandidates
        ? undefined
        : tf.transpose<tf.Tensor2D>(tf.matMul(tf.transpose(queries), slope)),
      dLogWeights: ranking?.dLogWeights && tf.mul<tf.Tensor2D>(ranking.dLogWeights, weight * ranking.share),
    };
  });
}

function scaleOf({ scale }: LogitsOf): number | tf.Scalar {
  return typeof scale === "number" ? scale : tf.exp(scale.log);
}

/** Logits (rows, C) of a problem's queries for candidates, its own or others in their place. */
function logitsMaker(problem: LogitsOf, scale: number | tf.Scalar): (candidates: tf.Tensor2D) => tf.Tensor2D {
  const count = problem.candidates.shape[0];
  const logQ = problem.logQ && tf.tensor2d(problem.logQ, [1, count]);
  const mask = problem.masked && denseRows(problem.masked, count, MASKED);
  return (to) => {
    const scores = tf.mul<tf.Tensor2D>(tf.matMul(problem.queries, tf.transpose(to)), scale);
    const corrected = logQ ? tf.sub<tf.Tensor2D>(scores, logQ) : scores;
    return mask ? tf.add<tf.Tensor2D>(corrected, mask) : corrected;
  };
}

/** The definition of `logSums` in tensors, (rows), with the softmax (rows, C) that gradients are made from. */
export function logSumsInTensors(problem: LogitsOf): { readonly value: tf.Tensor1D; readonly p: tf.Tensor2D } {
  const logits = logitsMaker(problem, scaleOf(problem))(problem.candidates);
  const p = tf.softmax(logits);
  return { value: logSumExp(logits, p), p };
}

function rankingPart(problem: SoftmaxProblem, logits: tf.Tensor2D, p: tf.Tensor2D): Part {
  const [rows, count] = logits.shape;
  const { targets, targetWeights, logWeights, least = 0 } = problem;
  if (problem.shared) return sharedPart(problem, p);
  const oneEach = targets instanceof tf.Tensor;
  const wanted = oneEach ? oneHotRows(targets, count) : denseRows(targets!, count, targetWeights ?? 1);
  const total = oneEach ? rows : (targetWeights?.reduce((sum, w) => sum + w, 0) ?? targets!.values.length);
  const share = total > 0 ? 1 / total : 0;
  if (logWeights || least > 0) {
    const logZ = problem.jointly ? logSumExp(logits, p) : undefined;
    return mixturePart(wanted, p, logWeights, logZ, Math.max(least, SMALLEST), share);
  }
  const weights = oneEach ? undefined : tf.sum(wanted, 1, true);
  const logSums = logSumExp(logits, p);
  const all = weights ? tf.mul(tf.reshape(weights, [rows]), logSums) : logSums;
  return {
    value: tf.mul<tf.Scalar>(tf.sub(tf.sum(all), tf.sum(tf.mul(wanted, logits))), share),
    slope: tf.sub<tf.Tensor2D>(weights ? tf.mul(p, weights) : p, wanted),
    share,
  };
}

/** (n) int32 → (n, count). TensorFlow.js knows no oneHot of a single column. */
function oneHotRows(targets: tf.Tensor1D, count: number): tf.Tensor2D {
  if (count === 1) return tf.ones([targets.shape[0], 1]);
  // Through int32: the wasm backend's oneHot writes the integer 1 where a float32 is read, which is 1e-45.
  return tf.cast(tf.oneHot(targets, count, 1, 0, "int32") as tf.Tensor2D, "float32");
}

function mixturePart(
  wanted: tf.Tensor2D,
  p: tf.Tensor2D,
  logWeights: tf.Tensor2D | undefined,
  logZ: tf.Tensor1D | undefined,
  least: number,
  share: number,
): Part {
  const [rows, count] = p.shape;
  const [groups, places] = logWeights?.shape ?? [rows, 1];
  const ofPlaces = tf.reshape<tf.Rank.R3>(p, [groups, places, count]);
  const own = logWeights ?? tf.zeros([groups, 1]);
  const logShares = logZ ? tf.add<tf.Tensor2D>(own, tf.reshape(logZ, [groups, places])) : own;
  const a = tf.reshape<tf.Rank.R3>(tf.softmax(logShares), [groups, places, 1]);
  const weighted = tf.mul(ofPlaces, a);
  const mixture = tf.add(tf.sum(weighted, 1), least);
  const pull = tf.reshape(tf.div(wanted, mixture), [groups, 1, count]);
  const responsibility = tf.sum(tf.mul(weighted, pull), 2, true);
  const ofGroups = tf.reshape<tf.Rank.R2>(responsibility, [groups, places]);
  const shares = tf.mul(tf.reshape(a, [groups, places]), tf.sum(ofGroups, 1, true));
  // d loss / d logit_gsc = p_gsc · (Σ_c r_gsc − a_gs · target_gc / p_gc), jointly a_gs Σ_sc r_gsc in place of the sum
  const given = logZ ? tf.reshape(shares, [groups, places, 1]) : responsibility;
  const slope = tf.mul(ofPlaces, tf.sub(given, tf.mul(a, pull)));
  return {
    value: tf.mul<tf.Scalar>(tf.sum(tf.mul(wanted, tf.log(mixture))), -share),
    slope: tf.reshape<tf.Rank.R2>(slope, [rows, count]),
    share,
    ...(logWeights && { dLogWeights: tf.sub<tf.Tensor2D>(shares, ofGroups) }),
  };
}

/** Cross entropy with `soft` (G, C), mean over the rows. */
function teacherPart(logits: tf.Tensor2D, p: tf.Tensor2D, soft: tf.Tensor2D, weight: number): Part {
  const rows = logits.shape[0];
  const value = tf.sub(tf.mean(logSumExp(logits, p)), tf.div(tf.sum(tf.mul(soft, logits)), rows));
  return { value: value as tf.Scalar, slope: tf.sub<tf.Tensor2D>(p, soft), share: weight / rows };
}

/** (n, C) logits and their softmax → (n) log Σ exp, from each row's largest entry: plain `exp` is slow on wasm. */
export function logSumExp(logits: tf.Tensor2D, p: tf.Tensor2D): tf.Tensor1D {
  return tf.sub(tf.max(logits, 1), tf.log(tf.max(p, 1)));
}

function sum(tensors: tf.Tensor2D[]): tf.Tensor2D {
  return tensors.length === 1 ? tensors[0]! : tf.addN(tensors);
}

/** Lists of columns → (lists, count) with `value` at each of them, summed where one is listed twice, else 0. */
export function denseRows(lists: Lists, count: number, value: number | Float32Array): tf.Tensor2D {
  const rows = lists.offsets.length - 1;
  const dense = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    for (let i = lists.offsets[row]!; i < lists.offsets[row + 1]!; i++)
      dense[row * count + lists.values[i]!]! += typeof value === "number" ? value : value[i]!;
  }
  return tf.tensor2d(dense, [rows, count]);
}
