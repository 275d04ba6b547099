import { partition } from "./search/sorted.ts";
import type { ItemId } from "./types.ts";

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
 * @param compare order of two ids
 */
export function orderByList(
  assignments: Uint32Array,
  cells: number,
  ids: { readonly [index: number]: ItemId },
  compare: (a: ItemId, b: ItemId) => number,
): ListOrder {
  const n = assignments.length;
  const offsets = new Uint32Array(cells + 1);
  for (let i = 0; i < n; i++) offsets[assignments[i]! + 1]!++;
  for (let l = 0; l < cells; l++) offsets[l + 1]! += offsets[l]!;
  const order = new Uint32Array(n);
  const next = offsets.slice(0, cells);
  for (let i = 0; i < n; i++) order[next[assignments[i]!]!++] = i;
  for (let l = 0; l < cells; l++) order.subarray(offsets[l], offsets[l + 1]).sort((a, b) => compare(ids[a]!, ids[b]!));
  return { order, offsets };
}

/** List of an ordinal: the last l with offsets[l] ≤ ordinal. */
export function listOf(offsets: Uint32Array, ordinal: number): number {
  return partition(offsets.length - 1, (l) => offsets[l]! <= ordinal) - 1;
}
