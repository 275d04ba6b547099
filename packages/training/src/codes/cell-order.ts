/** Cells that each is compared with: at 64 dimensions 65,536 cells take 17 GFLOP. */
const MOST_COMPARED = 4096;

/**
 * Coarse centroids so that each comes after one that is much like it: the longest of them first, then always the
 * nearest of those that are left, of many cells of some of these. Cells lie in the artifact in the order of their
 * numbers. So the cells of a query lie side by side, as do the items that answer it, and a search reads fewer chunks.
 *
 * @param centroids (count, dim); of rows that are no numbers any order is as good
 * @returns the same rows in another order
 */
export function byLikeness(centroids: Float32Array, dim: number): Float32Array {
  const count = centroids.length / dim;
  const rowOf = (cell: number): Float32Array => centroids.subarray(cell * dim, (cell + 1) * dim);
  const left = Array.from({ length: count }, (_, cell) => cell);
  const ordered = new Float32Array(centroids.length);
  let origin = new Float32Array(dim);
  for (let i = 0; i < count; i++) {
    const step = Math.ceil(left.length / MOST_COMPARED);
    let at = 0;
    let wanted = Number.POSITIVE_INFINITY;
    // the longest is the farthest from the origin
    for (let one = i % step; one < left.length; one += i === 0 ? 1 : step) {
      const distance = (i === 0 ? -1 : 1) * distanceOf(origin, rowOf(left[one]!));
      if (distance < wanted) [at, wanted] = [one, distance];
    }
    origin = Float32Array.from(rowOf(left[at]!));
    ordered.set(origin, i * dim);
    left[at] = left.at(-1)!;
    left.pop();
  }
  return ordered;
}

function distanceOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += (a[d]! - b[d]!) ** 2;
  return sum;
}
