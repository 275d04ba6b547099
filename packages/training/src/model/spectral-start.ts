import { Random } from "@poeem/indexing-layer";
import { type Csr, countsOf, listOf } from "../data/csr.ts";
import { leadingEigen, SPARE, times } from "./subspace.ts";

/**
 * Item vectors to start from: the leading eigenvectors of how often items occur together in a history.
 *
 * With A[u, i] = 1/√(items of u · users of i), the eigenvectors of AᵀA, by subspace iteration on the lists themselves:
 * the matrix of items by items is never made. The first eigenvector says only how popular an item is and is left out;
 * each other one is scaled by the square root of its eigenvalue.
 *
 * @param histories for each user the items of their training events
 * @returns (numItems, dim), unit rows; a random one for an item that no history has
 */
export function spectralStart(histories: Csr, numItems: number, dim: number, seed: number): Float32Array {
  const random = new Random(seed);
  const width = Math.min(numItems, dim + 1 + SPARE);
  const multiply = cooccurrence(histories, numItems, width);
  const { basis, values, vectors } = leadingEigen(multiply, numItems, width, random);
  // without the first, by the square root of the eigenvalue
  const scales = values.map((value, d) => (d === 0 ? 0 : Math.sqrt(Math.max(0, value))));
  const scaled = times(basis, vectors.mulRowVector(scales), width);

  const rows = new Float32Array(numItems * dim);
  for (let item = 0; item < numItems; item++) {
    const first = item * width + 1;
    const row = Float64Array.from({ length: dim }, (_, d) => (d + 1 < width ? scaled[first + d]! : 0));
    if (row.every((value) => value === 0)) for (let d = 0; d < dim; d++) row[d] = random.normal();
    const norm = Math.hypot(...row);
    for (let d = 0; d < dim; d++) rows[item * dim + d] = row[d]! / norm;
  }
  return rows;
}

/** X ↦ AᵀA X for X (numItems, width), user by user, so that no matrix of users is kept. */
function cooccurrence(histories: Csr, numItems: number, width: number): (x: Float32Array) => Float32Array {
  const users = histories.offsets.length - 1;
  const counts = countsOf(histories.values, numItems);
  const itemScale = Float64Array.from(counts, (count) => (count > 0 ? 1 / Math.sqrt(count) : 0));
  return (x) => {
    const out = new Float32Array(numItems * width);
    const sum = new Float64Array(width);
    for (let user = 0; user < users; user++) {
      const list = listOf(histories, user);
      if (list.length === 0) continue;
      sum.fill(0);
      for (const item of list) {
        const scale = itemScale[item]! / list.length;
        for (let w = 0; w < width; w++) sum[w]! += scale * x[item * width + w]!;
      }
      for (const item of list) {
        const scale = itemScale[item]!;
        for (let w = 0; w < width; w++) out[item * width + w]! += scale * sum[w]!;
      }
    }
    return out;
  };
}
