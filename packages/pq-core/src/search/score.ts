import type { Codebook } from "../codebook/codebook.ts";
import { checkFinite, INPUT, InputError } from "../errors.ts";

/**
 * One query vector as the kernel gets it. What a metric changes around the kernel, which only adds inner products,
 * a bias and a term:
 *
 *   innerProduct  q·x̂                 = bias + Σ table
 *   cosine        q·x̂ / (‖q‖ ‖x̂‖)     = (bias + Σ table) / term,  the query a unit vector, term = ‖x̂‖
 *   l2            −‖q − x̂‖²           = (bias + Σ table) − term − ‖q‖², the query doubled, term = ‖x̂‖² or given
 *
 * Cells are probed by the same score, of the coarse centroid.
 */
export interface QueryVector {
  /** As the caller gave it. */
  readonly original: Float32Array;
  /** As the kernel gets it. */
  readonly query: Float32Array;
  /** Added to every kernel score at the end. */
  readonly shift: number;
}

/**
 * The largest norm of a query vector: with larger ones, products of float32 and their sums would leave its range, and
 * scores would be infinite or no numbers at all. By cosine the length of a vector counts for nothing, and may be any.
 */
export const MAX_NORM = 1e18;
/** The least, by inner product, but for 0: products with a shorter vector are 0 in float32, or a few bits. */
export const MIN_NORM = 1e-30;

/**
 * Checks the numbers of a query vector.
 *
 * @param name of the parameter that has them
 * @returns ‖v‖²
 * @throws InputError
 */
export function checkQuery({ metric }: Pick<Codebook, "metric">, name: string, vector: Float32Array): number {
  const square = squareOf(vector);
  const isShort = metric === "innerProduct" && square > 0 && square < MIN_NORM ** 2;
  if (!isShort && (metric === "cosine" ? square < Infinity : square <= MAX_NORM ** 2)) return square;
  checkFinite(name, vector, INPUT);
  const got = Math.sqrt(square).toPrecision(3);
  const expected = isShort ? `0, or ${MIN_NORM} to ${MAX_NORM}` : `at most ${MAX_NORM}`;
  throw new InputError(name, `expected a vector of a length (norm) of ${expected}, got ${got}`);
}

/**
 * True for a vector by which every item scores the same: any order would be a lie, so that it finds nothing. By l2 all
 * zeros are a point like any other.
 *
 * @param square ‖v‖²
 */
export function isZero({ metric }: Pick<Codebook, "metric">, square: number): boolean {
  return metric !== "l2" && square === 0;
}

/** ‖v‖², in float64, in which no sum of squares of float32 is infinite. */
function squareOf(vector: Float32Array): number {
  let square = 0;
  for (let d = 0; d < vector.length; d++) square += vector[d]! * vector[d]!;
  return square;
}

/**
 * @param original (dim)
 * @param square ‖original‖²
 */
export function scaleQuery(codebook: Codebook, original: Float32Array, square: number): QueryVector {
  if (codebook.metric === "innerProduct") return { original, query: original, shift: 0 };
  if (codebook.metric === "l2") return { original, query: original.map((value) => 2 * value), shift: -square };
  const norm = Math.sqrt(square);
  return { original, query: norm > 0 ? original.map((value) => value / norm) : original, shift: 0 };
}

/** Adds what a metric adds to every kernel score, in place. */
export function shiftScores(scores: Float32Array, shift: number): void {
  if (shift !== 0) for (let i = 0; i < scores.length; i++) scores[i]! += shift;
}
