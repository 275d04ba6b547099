import { listOf } from "../format/inverted-lists.ts";
import type { Queries } from "./queries.ts";
import type { Stretch } from "./rank.ts";

/** Cells to visit, best first for the first vector; and its products with them, when there is only one vector. */
export interface Probed {
  readonly cells: readonly number[];
  readonly products?: Float32Array | undefined;
  /** The vectors as they are prepared, when there are several. */
  readonly queries?: Queries | undefined;
  /** (cells) Which of several vectors probe each. */
  readonly visitors?: readonly (readonly number[])[] | undefined;
}

/** What a search visits. With `products` or `queries`, the kernel must still have what they are of. */
export interface Visit {
  readonly visited: readonly Stretch[];
  readonly products?: Float32Array | undefined;
  readonly queries?: Queries | undefined;
  /** Single items that match a filter, which need not be masked by it again. */
  readonly isFew?: boolean | undefined;
}

/** The stretches of whole cells. */
export function visitCells(offsets: Uint32Array, { cells, visitors }: Probed): Stretch[] {
  return cells.map((cell, i) => ({
    cell,
    start: offsets[cell]!,
    end: offsets[cell + 1]!,
    visitors: visitors?.[i],
  }));
}

/** Single items, in whatever cell they lie. */
export function visitItems(offsets: Uint32Array, ordinals: readonly number[]): Visit {
  return { visited: ordinals.map((start) => ({ cell: listOf(offsets, start), start, end: start + 1 })), isFew: true };
}
