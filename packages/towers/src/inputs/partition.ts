/**
 * The logarithm of the sum over the catalogue of exp(scale · q·v), as a function of the query vector q:
 *
 *   log Z(q) ≈ log Σ_k exp(bias_k + center_k·q)
 *
 * The sum itself has this form, with one term per item. A few hundred terms, fitted, stand for all of them, and also
 * know the items that come later.
 */
export interface Partition {
  /** (count, dim) int8, times the scale of their row. */
  readonly values: Int8Array;
  /** (count) */
  readonly scales: Float32Array;
  /** (count) */
  readonly bias: Float32Array;
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
