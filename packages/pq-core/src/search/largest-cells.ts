/**
 * What a search can cost at most, by the cells that it visits.
 *
 * @param lists list offsets, each (cells + 1), of what is searched together
 * @returns (cells + 1) codes in the 0, 1, 2 … largest cells
 */
export function sumLargest(lists: readonly Uint32Array[]): Float64Array {
  const sums = new Float64Array(lists[0]!.length);
  const sizes = new Float64Array(sums.length - 1);
  for (const offsets of lists) for (let l = 0; l < sizes.length; l++) sizes[l]! += offsets[l + 1]! - offsets[l]!;
  sizes.sort();
  for (let l = 0; l < sizes.length; l++) sums[l + 1] = sums[l]! + sizes[sizes.length - 1 - l]!;
  return sums;
}

/** The most codes that one query vector scans in `nprobe` cells, removed ones of a base included. */
export function mostCodesIn(sums: Float64Array, nprobe: number): number {
  return sums[Math.min(nprobe, sums.length - 1)]!;
}
