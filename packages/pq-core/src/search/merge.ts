import { check, checkEach, INPUT } from "../errors.ts";

/**
 * How the scores of several query vectors become one score per item. Visited are the cells that any of the vectors
 * probes, `nprobe` for each (where cells share pages, `nprobe` runs of them in all); an item of a visited cell has a
 * score by every vector, whichever of them probes it.
 */
export type Merge =
  /**
   * The largest score by any of the vectors: the k best are those of brute force over the visited cells, with these
   * scores. A vector scans a cell that only others probe when some code there could reach the k best so far.
   */
  | { readonly by: "max" }
  /**
   * log Σ_h weight_h · exp(temperature · score_h) over all vectors: a mixture of softmaxes, as a logarithm. The k
   * best are those of brute force over the visited cells. With `exact: false` it orders a shortlist: the 6 k best (64
   * at least) by their best single term, of a vector that probes the item's cell. Of a million items that takes under
   * half of the time, and with 20 unit vectors at temperature 16 the 10 best are the same, and of the 100 best 99.97
   * % (docs/experiments/pq-core.md).
   */
  | {
      readonly by: "sumExp";
      readonly temperature: number;
      readonly weights?: ArrayLike<number> | undefined;
      /** Default true. */
      readonly exact?: boolean | undefined;
    };

/** @throws InputError */
export function checkMerge(merge: Merge, numVectors: number): void {
  if (merge.by === "max") return;
  check(merge.by === "sumExp", "merge.by", "max or sumExp", (merge as { by: unknown }).by, INPUT);
  const { temperature, weights, exact = true } = merge;
  check(typeof exact === "boolean", "merge.exact", "true or false", exact, INPUT);
  const isPositive = (value: number): boolean => value > 0 && value < Infinity;
  check(isPositive(temperature), "merge.temperature", "a positive number", temperature, INPUT);
  if (weights === undefined) return;
  check(weights.length === numVectors, "merge.weights", `length ${numVectors}, one per query`, weights.length, INPUT);
  checkEach("merge.weights", weights, "a positive number", isPositive, INPUT);
}

/** The merge of some of the vectors, by their numbers. */
export function mergeOf(merge: Merge, numbers: readonly number[]): Merge {
  if (merge.by === "max" || merge.weights === undefined) return merge;
  const { weights } = merge;
  return { ...merge, weights: numbers.map((h) => weights[h]!) };
}

/** What the score by vector h counts for: logWeight_h + temperature · score. */
export interface Weighting {
  readonly temperature: number;
  /** One per vector; left out: 0. */
  readonly logWeights?: readonly number[] | undefined;
}

/** With the largest score, a score counts for itself. */
export function weightingOf(merge: Merge): Weighting {
  if (merge.by === "max") return { temperature: 1 };
  return { temperature: merge.temperature, logWeights: merge.weights && Array.from(merge.weights, Math.log) };
}
