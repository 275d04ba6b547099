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
  const count = bias.length;
  const vector = Float64Array.from(query);
  const terms = new Float64Array(count);
  let k = 0;
  // four at a time: an addition waits for the one before it, and those of other terms fill the wait
  for (; k + 4 <= count; k += 4) {
    let [p0, p1, p2, p3] = [0, 0, 0, 0];
    for (let d = 0, at = k * dim; d < dim; d++, at++) {
      const value = vector[d]!;
      p0 += values[at]! * value;
      p1 += values[at + dim]! * value;
      p2 += values[at + 2 * dim]! * value;
      p3 += values[at + 3 * dim]! * value;
    }
    terms[k] = p0;
    terms[k + 1] = p1;
    terms[k + 2] = p2;
    terms[k + 3] = p3;
  }
  for (; k < count; k++) for (let d = 0; d < dim; d++) terms[k]! += values[k * dim + d]! * vector[d]!;
  let largest = Number.NEGATIVE_INFINITY;
  for (k = 0; k < count; k++) {
    terms[k] = bias[k]! + scales[k]! * terms[k]!;
    if (terms[k]! > largest) largest = terms[k]!;
  }
  let sum = 0;
  for (k = 0; k < count; k++) sum += Math.exp(terms[k]! - largest);
  return largest + Math.log(sum);
}
