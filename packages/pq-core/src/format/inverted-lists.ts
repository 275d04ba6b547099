import type { Cells } from "../kernel/kernel.ts";

/** Which item stands where: lists one after another without gaps. */
export interface ListOrder {
  /** (n) input position of the item at each ordinal. */
  readonly order: Uint32Array;
  /** (cells + 1): list l holds the ordinals [offsets[l], offsets[l + 1]). */
  readonly offsets: Uint32Array;
}

/**
 * Orders items by cell, and by id inside a cell, so that items with equal codes rank by id.
 *
 * @param assignments (n) cell of each item
 * @param byId (n) input positions in the order of the ids
 */
export function orderByList(assignments: Uint32Array, cells: number, byId: Uint32Array): ListOrder {
  const offsets = new Uint32Array(cells + 1);
  for (const cell of assignments) offsets[cell + 1]!++;
  for (let l = 0; l < cells; l++) offsets[l + 1]! += offsets[l]!;
  const order = new Uint32Array(byId.length);
  const next = offsets.slice(0, cells);
  for (const position of byId) order[next[assignments[position]!]!++] = position;
  return { order, offsets };
}

/**
 * How many items lie in each cell: those of the lists without the removed ones, and those of the lists beside them.
 *
 * @param offsets (cells + 1)
 * @param removed ordinals, ascending
 * @param beside (cells + 1)
 */
export function countCells(offsets: Uint32Array, removed?: Uint32Array, beside?: Uint32Array): Cells {
  const sizes = new Uint32Array(offsets.length - 1);
  for (let l = 0; l < sizes.length; l++) {
    sizes[l] = offsets[l + 1]! - offsets[l]!;
    if (beside !== undefined) sizes[l]! += beside[l + 1]! - beside[l]!;
  }
  if (removed !== undefined) for (const ordinal of removed) sizes[listOf(offsets, ordinal)]!--;
  return { sizes, numFilled: sizes.reduce((sum, size) => sum + Number(size > 0), 0) };
}

/** List of an ordinal: the last l with offsets[l] ≤ ordinal. */
export function listOf(offsets: Uint32Array, ordinal: number): number {
  // Not by `partition`, which takes four times as long: the items of a mixture are many.
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsets[middle]! <= ordinal) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
