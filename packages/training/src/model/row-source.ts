import type { RowLists } from "@poeem/indexing-layer";
import type { Stateful } from "../state.ts";

/** Adds the gradients of a tower's sum, (n, dim), to those of an input. */
export type Backward = (gradients: Float32Array) => void;

/** What an input learns: `step` applies the gradients since the last one. */
export interface Learned extends Stateful {
  step(learningRate: number): void;
}

/** What is learned row by row: a table, or the map of the vectors of some rows. */
export interface RowSource extends Learned {
  /**
   * out (lists, dim) += the weighted sum of each list of rows.
   * @returns the way back for the gradients of that, to be used while the lists are good
   */
  addSums(lists: RowLists, out: Float32Array): Backward;
}

/** Rows that a batch reads of one source: a list for each of its queries or items. */
export interface RowsRead<Source extends RowSource = RowSource> {
  readonly source: Source;
  readonly lists: RowLists;
}
