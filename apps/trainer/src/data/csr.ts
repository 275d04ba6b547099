/** Lists of integers of different lengths behind one another: list i is values[offsets[i]] … values[offsets[i + 1] - 1]. */
export interface Csr {
  /** (count + 1) */
  readonly offsets: Uint32Array;
  readonly values: Uint32Array;
}

export function toCsr(lists: readonly ArrayLike<number>[]): Csr {
  const offsets = new Uint32Array(lists.length + 1);
  lists.forEach((list, i) => {
    offsets[i + 1] = offsets[i]! + list.length;
  });
  const values = new Uint32Array(offsets[lists.length]!);
  lists.forEach((list, i) => {
    values.set(list, offsets[i]!);
  });
  return { offsets, values };
}

/** List i, as a view. */
export function listOf(csr: Csr, i: number): Uint32Array {
  return csr.values.subarray(csr.offsets[i], csr.offsets[i + 1]);
}
