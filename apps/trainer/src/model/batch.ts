import { listOf } from "../data/csr.ts";
import type { Dataset } from "../data/dataset.ts";
import { MASKED } from "./ops.ts";

/** One training batch: query i led to item i. */
export interface Batch {
  readonly queries: Uint32Array;
  readonly items: Uint32Array;
  /** (n, n): MASKED where the item of column j is also right for query i and j ≠ i (an accidental hit), else 0. */
  readonly mask: Float32Array;
}

/** Builds batches from positions in the event list. */
export class BatchBuilder {
  private readonly dataset: Dataset;
  // Columns of each item in the batch at hand, as a linked list, so that a query only walks its own relevant items.
  private readonly firstColumn: Int32Array;
  private readonly nextColumn: Int32Array;

  constructor(dataset: Dataset, batchSize: number) {
    this.dataset = dataset;
    this.firstColumn = new Int32Array(dataset.ids.length).fill(-1);
    this.nextColumn = new Int32Array(batchSize);
  }

  build(events: Uint32Array): Batch {
    const { dataset, firstColumn, nextColumn } = this;
    const n = events.length;
    const queries = Uint32Array.from(events, (event) => dataset.eventQuery[event]!);
    const items = Uint32Array.from(events, (event) => dataset.eventItem[event]!);
    items.forEach((item, column) => {
      nextColumn[column] = firstColumn[item]!;
      firstColumn[item] = column;
    });
    const mask = new Float32Array(n * n);
    queries.forEach((query, row) => {
      for (const item of listOf(dataset.train.relevant, query)) {
        for (let column = firstColumn[item]!; column >= 0; column = nextColumn[column]!)
          mask[row * n + column] = MASKED;
      }
      mask[row * n + row] = 0;
    });
    for (const item of items) firstColumn[item] = -1;
    return { queries, items, mask };
  }
}

/** For each item the logarithm of its share of the training events times the number of items: 0 when it is average. */
export function logQCorrection(dataset: Dataset): Float32Array {
  const counts = new Float32Array(dataset.ids.length);
  for (const item of dataset.eventItem) counts[item]!++;
  const mean = dataset.eventItem.length / dataset.ids.length;
  return counts.map((count) => Math.log(Math.max(count, 1) / mean));
}
