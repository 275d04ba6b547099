import { partition } from "../sorted.ts";

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

/** List of an ordinal: the last l with offsets[l] ≤ ordinal. */
export function listOf(offsets: Uint32Array, ordinal: number): number {
  return partition(offsets.length - 1, (l) => offsets[l]! <= ordinal) - 1;
}
