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

/** {@link lowerBound} of a value whose place is at `from` or behind it: quick where it is close by. */
export function lowerBoundFrom(from: number, sorted: Uint32Array, value: number): number {
  const n = sorted.length;
  let low = from;
  let step = 1;
  let high = from;
  while (high < n && sorted[high]! < value) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  if (high > n) high = n;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
