import { listOf } from "../data/csr.ts";
import type { Dataset } from "../data/dataset.ts";
import { MASKED } from "./ops.ts";

/** One training batch: query i led to candidate `right[i]`. */
export interface Batch {
  readonly queries: Uint32Array;
  /** Items that compete: those of the batch and what was asked for beside them, or the whole catalogue. */
  readonly items: Uint32Array;
  /** Position in `items` of the item that query i led to: i itself, unless the candidates are the whole catalogue. */
  readonly right: Uint32Array;
  /**
   * (queries, items): MASKED where the item of column j is also right for query i and j ≠ right[i] (an accidental hit),
   * else 0. Holds until the next batch is built: most of its entries are 0 for ever.
   */
  readonly mask: Float32Array;
}

const NONE = new Uint32Array(0);

/** Builds batches from positions in the event list. */
export class BatchBuilder {
  private readonly dataset: Dataset;
  // Columns of each item in the batch at hand, as a linked list, so that a query only walks its own relevant items.
  private readonly firstColumn: Int32Array;
  private nextColumn: Int32Array;
  private mask = new Float32Array(0);
  private masked: number[] = [];

  constructor(dataset: Dataset, batchSize: number) {
    this.dataset = dataset;
    this.firstColumn = new Int32Array(dataset.ids.length).fill(-1);
    this.nextColumn = new Int32Array(batchSize);
  }

  /** @param others items that compete beside those of the batch, or "all" for the whole catalogue instead */
  build(events: Uint32Array, others: Uint32Array | "all" = NONE): Batch {
    const { dataset } = this;
    const n = events.length;
    const queries = new Uint32Array(n);
    const right = new Uint32Array(n);
    const targets = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      queries[i] = dataset.eventQuery[events[i]!]!;
      targets[i] = dataset.eventItem[events[i]!]!;
      right[i] = others === "all" ? targets[i]! : i;
    }
    const items = others === "all" ? Uint32Array.from(dataset.ids.keys()) : joined(targets, others);
    this.chain(items);
    const mask = this.fillMask(queries, right, items.length);
    for (const item of items) this.firstColumn[item] = -1;
    return { queries, items, right, mask };
  }

  private chain(items: Uint32Array): void {
    const { firstColumn } = this;
    if (this.nextColumn.length < items.length) this.nextColumn = new Int32Array(items.length);
    for (let column = 0; column < items.length; column++) {
      const item = items[column]!;
      this.nextColumn[column] = firstColumn[item]!;
      firstColumn[item] = column;
    }
  }

  private fillMask(queries: Uint32Array, right: Uint32Array, width: number): Float32Array {
    const { dataset, firstColumn, nextColumn } = this;
    for (const at of this.masked) this.mask[at] = 0;
    this.masked = [];
    if (this.mask.length !== queries.length * width) this.mask = new Float32Array(queries.length * width);
    for (let row = 0; row < queries.length; row++) {
      for (const item of listOf(dataset.train.relevant, queries[row]!)) {
        for (let column = firstColumn[item]!; column >= 0; column = nextColumn[column]!) {
          if (column === right[row]) continue;
          this.mask[row * width + column] = MASKED;
          this.masked.push(row * width + column);
        }
      }
    }
    return this.mask;
  }
}

function joined(first: Uint32Array, second: Uint32Array): Uint32Array {
  if (second.length === 0) return first;
  const all = new Uint32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
