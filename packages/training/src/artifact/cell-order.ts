/**
 * Coarse centroids so that each comes after one that is much like it: the longest of them first, then always the
 * nearest of those that are left. Cells lie in the artifact in the order of their numbers. So the cells of a query lie
 * side by side, as do the items that answer it, and a search reads fewer chunks.
 *
 * @param centroids (count, dim)
 * @returns the same rows in another order
 */
export function byLikeness(centroids: Float32Array, dim: number): Float32Array {
  const count = centroids.length / dim;
  const rowOf = (cell: number): Float32Array => centroids.subarray(cell * dim, (cell + 1) * dim);
  const left = Array.from({ length: count }, (_, cell) => cell);
  const take = (at: number): number => {
    const cell = left[at]!;
    left[at] = left.at(-1)!;
    left.pop();
    return cell;
  };
  const ordered = new Float32Array(centroids.length);
  let origin = new Float32Array(dim);
  for (let i = 0; i < count; i++) {
    const distances = left.map((cell) => distanceOf(origin, rowOf(cell)));
    const wanted = distances.reduce((best, distance) => (i === 0 ? Math.max : Math.min)(best, distance));
    origin = Float32Array.from(rowOf(take(distances.indexOf(wanted))));
    ordered.set(origin, i * dim);
  }
  return ordered;
}

function distanceOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += (a[d]! - b[d]!) ** 2;
  return sum;
}
