/** How many elements of an ascending array are smaller than `value`: the index of the first that is not. */
export function lowerBound(sorted: ArrayLike<number>, value: number): number {
  return partition(sorted.length, (i) => sorted[i]! < value);
}

/** The first index in 0 … n for which `isBefore` is false; it must be true for all before and false for all after. */
export function partition(n: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** {@link partition}, begun at `from`, which must not lie behind the answer: quick where the answer lies close by. */
export function partitionFrom(from: number, n: number, isBefore: (index: number) => boolean): number {
  let low = from;
  for (let step = 1; low < n && isBefore(low); step *= 2) {
    const next = Math.min(n, low + step);
    if (next < n && isBefore(next)) low = next;
    else return low + 1 + partition(next - low - 1, (i) => isBefore(low + 1 + i));
  }
  return low;
}
