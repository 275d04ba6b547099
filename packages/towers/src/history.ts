import { l2Normalize } from "./mlp.ts";

/**
 * mixture: one query vector an item of the history, scores added as a mixture of softmaxes. mean, attention: one vector of
 * all of them, which goes through the layers together with text and context.
 */
export type HistoryForm = "mixture" | "mean" | "attention";

/**
 * The logarithm of the sum over the catalogue of exp(scale · q·v), as a function of the query vector q:
 *
 *   log Z(q) ≈ log Σ_k exp(bias_k + center_k·q)
 *
 * The sum itself has this form, with a term an item; a few hundred terms, fitted, stand for all of them, and also know the
 * items that come later.
 */
export interface Partition {
  /** (count, dim) int8, times the scale of their row. */
  readonly values: Int8Array;
  /** (count) */
  readonly scales: Float32Array;
  /** (count) */
  readonly bias: Float32Array;
}

/** How the items of a history, read as their decoded vectors, become query vectors. */
export interface HistoryHead {
  readonly form: HistoryForm;
  /** Newest items that are read. */
  readonly length: number;
  /** Inverse temperature of the mixture. */
  readonly scale: number;
  /** Of the mixture: how far each of its query vectors leans towards the mean of the history; left out: 0. */
  readonly tilt?: number | undefined;
  /** (dim): what attention looks for in an item; of that form only. */
  readonly attention?: Float32Array | undefined;
  /** Of the mixture only. */
  readonly partition?: Partition | undefined;
}

/** Several query vectors whose scores add up: score(x) = log Σ_h weights_h · exp(temperature · q_h·x). */
export interface MixtureQuery {
  readonly vectors: Float32Array[];
  readonly temperature: number;
  /** (vectors.length), the largest 1. */
  readonly weights: Float32Array;
}

/** log Z of a query vector (dim). */
export function logPartition({ values, scales, bias }: Partition, query: ArrayLike<number>): number {
  const dim = query.length;
  let largest = Number.NEGATIVE_INFINITY;
  const terms = Float64Array.from(bias, (start, k) => {
    let product = 0;
    for (let d = 0; d < dim; d++) product += values[k * dim + d]! * query[d]!;
    const term = start + scales[k]! * product;
    largest = Math.max(largest, term);
    return term;
  });
  let sum = 0;
  for (const term of terms) sum += Math.exp(term - largest);
  return largest + Math.log(sum);
}

/**
 * The mixture of a history: each item's vector, at unit length and tilted, is a component of weight 1 / Z, so that each item of
 * the history has the same say, however crowded its neighbourhood is.
 * @param items (n, dim), n at least 1, oldest first; only the newest `length` are read. Zero vectors are left out.
 */
export function mixtureQuery(head: HistoryHead, items: Float32Array, dim: number): MixtureQuery | undefined {
  const units = newest(head, items, dim)
    .map((item) => l2Normalize(item))
    .filter((vector) => vector.some((value) => value !== 0));
  if (units.length === 0) return undefined;
  const vectors = tiltToMean(units, head.tilt ?? 0);
  const logWeights = vectors.map((vector) => -logPartition(head.partition!, vector));
  const largest = Math.max(...logWeights);
  const weights = Float32Array.from(logWeights, (weight) => Math.exp(weight - largest));
  return { vectors, temperature: head.scale, weights };
}

/**
 * Query vectors of a mixture that lean towards what all of a history has in common: u_j + tilt · mean of u. As a distribution,
 * exp(scale · u_j·v) is tilted by exp(scale · tilt · mean·v): what follows from one item, to the taste of the one who had them all.
 * @param units (n) unit vectors, n at least 1
 */
export function tiltToMean(units: readonly Float32Array[], tilt: number): Float32Array[] {
  if (tilt === 0) return [...units];
  const mean = new Float64Array(units[0]!.length);
  for (const unit of units) for (let d = 0; d < mean.length; d++) mean[d]! += unit[d]! / units.length;
  return units.map((unit) => unit.map((value, d) => value + tilt * mean[d]!));
}

/** The mean of the newest items, weighted by attention where the head has it: (dim), zeros for no items. */
export function poolHistory(head: HistoryHead, items: Float32Array, dim: number): Float64Array {
  const rows = newest(head, items, dim);
  const { attention } = head;
  const logits = rows.map((row) => (attention ? row.reduce((sum, value, d) => sum + value * attention[d]!, 0) : 0));
  const largest = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - largest));
  const total = shares.reduce((sum, share) => sum + share, 0);
  const pooled = new Float64Array(dim);
  rows.forEach((row, i) => {
    for (let d = 0; d < dim; d++) pooled[d]! += (shares[i]! / total) * row[d]!;
  });
  return pooled;
}

function newest({ length }: HistoryHead, items: Float32Array, dim: number): Float32Array[] {
  const count = items.length / dim;
  if (!Number.isInteger(count)) {
    throw new RangeError(`[query-tower] "history" expected a multiple of ${dim} numbers, got ${items.length}`);
  }
  const first = Math.max(0, count - length);
  return Array.from({ length: count - first }, (_, i) => items.subarray((first + i) * dim, (first + i + 1) * dim));
}
