import { type Csr, joined } from "../data/csr.ts";
import { itemsOfQuery } from "../data/own-sentences.ts";
import type { Dataset } from "../data/types.ts";

/** One training batch: query i led to candidate `right[i]`. */
export interface Batch {
  readonly queries: Uint32Array;
  /** Items that compete: those of the batch and what was asked for beside them, or the whole catalogue. */
  readonly items: Uint32Array;
  /** Position in `items` of the item that query i led to: i itself, unless the candidates are the whole catalogue. */
  readonly right: Uint32Array;
  /** Columns of `items`, by query, of items that are also right for it (accidental hits); not `right[i]`. */
  readonly masked: Csr;
}

const NONE = new Uint32Array(0);

/** Builds batches from positions in the event list. */
export class BatchBuilder {
  readonly #dataset: Dataset;
  // Columns of each item in the batch at hand, as a linked list, so that a query only walks its own relevant items.
  readonly #firstColumn: Int32Array;
  #nextColumn: Int32Array;

  constructor(dataset: Dataset, batchSize: number) {
    this.#dataset = dataset;
    this.#firstColumn = new Int32Array(dataset.ids.length).fill(-1);
    this.#nextColumn = new Int32Array(batchSize);
  }

  /** @param others items that compete beside those of the batch, or "all" for the whole catalogue instead */
  build(events: Uint32Array, others: Uint32Array | "all" = NONE): Batch {
    const dataset = this.#dataset;
    const n = events.length;
    const queries = new Uint32Array(n);
    const right = new Uint32Array(n);
    const targets = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      queries[i] = dataset.eventQuery[events[i]!]!;
      targets[i] = dataset.eventItem[events[i]!]!;
      right[i] = others === "all" ? targets[i]! : i;
    }
    const items =
      others === "all" ? Uint32Array.from({ length: dataset.ids.length }, (_, item) => item) : joined(targets, others);
    this.#chain(items);
    const masked = this.#accidentalHits(queries, right);
    for (const item of items) this.#firstColumn[item] = -1;
    return { queries, items, right, masked };
  }

  #chain(items: Uint32Array): void {
    const firstColumn = this.#firstColumn;
    if (this.#nextColumn.length < items.length) this.#nextColumn = new Int32Array(items.length);
    for (let column = 0; column < items.length; column++) {
      const item = items[column]!;
      this.#nextColumn[column] = firstColumn[item]!;
      firstColumn[item] = column;
    }
  }

  #accidentalHits(queries: Uint32Array, right: Uint32Array): Csr {
    const dataset = this.#dataset;
    const firstColumn = this.#firstColumn;
    const nextColumn = this.#nextColumn;
    const offsets = new Uint32Array(queries.length + 1);
    const columns: number[] = [];
    for (let row = 0; row < queries.length; row++) {
      for (const item of itemsOfQuery(dataset, queries[row]!)) {
        for (let column = firstColumn[item]!; column >= 0; column = nextColumn[column]!)
          if (column !== right[row]) columns.push(column);
      }
      offsets[row + 1] = columns.length;
    }
    return { offsets, values: Uint32Array.from(columns) };
  }
}
