import type { Random } from "@poeem/indexing-layer";
import type { ItemContent, ItemInputWeights, QueryInputWeights } from "@poeem/towers";
import type { PoeemConfig } from "../../config.ts";
import type { Dataset, ItemTable, QuerySet } from "../../data/types.ts";
import type { EmbeddingStart } from "../embedding-start.ts";
import type { TableInit } from "../embedding-table.ts";
import type { Learned, RowsRead } from "../row-source.ts";
import type { SharedText } from "../shared-text.ts";

/** Queries of a batch: those of training events (positions in the event list), or some of a set. */
export type QueryBatch =
  | { readonly events: ArrayLike<number> }
  | { readonly set: QuerySet; readonly numbers: ArrayLike<number> };

/** Items of a batch, by number. */
export type ItemBatch = ArrayLike<number>;

/** How a training step reads what it reads. Without it all is read, as what is searched is made. */
export interface StepReading {
  /** What is too much to read in one step is drawn at random. */
  readonly random: Random;
  /**
   * Of items: the query that item i is to be found by, for the leading ones. An item does not read that one, which
   * would tell its words and nothing else.
   */
  readonly asked?: Uint32Array | undefined;
  /** Of items: 1 for each that is read as `poeem encode` reads a new one, without what is learned of it alone. */
  readonly asNew?: Uint8Array | undefined;
}

/**
 * One input of a tower in training: the rows whose sum it adds to the tower's. Its counterpart in packages/towers
 * computes the same from the weights that `weights` gives.
 */
export interface TowerInput<Batch, Weights = QueryInputWeights | ItemInputWeights> {
  /** By name; two inputs that share a table have it under the same one. */
  readonly learned: Readonly<Record<string, Learned>>;
  /** What this input reads of a batch of n: n lists of each source. They are good until the next call. */
  read(batch: Batch, reading?: StepReading): readonly RowsRead[];
  /** Weights as they travel; undefined when there is nothing to tell. */
  weights(): Weights | undefined;
  /** Ends training: what travels, rounded, replaces what was learned, so that both towers compute alike. */
  settle?(): void;
  /** Of items: out (items, dim) += what only the training knows of an item, and its columns do not tell. */
  remember?(out: Float32Array): void;
  /** Of items: whether there is anything of that, of one item. Left out: of each. */
  remembers?(item: number): boolean;
}

/** What inputs are made from. */
export interface InputInit {
  readonly config: PoeemConfig;
  readonly dataset: Dataset;
  readonly dim: number;
  readonly table: TableInit;
  readonly text: SharedText;
  readonly embeddings: EmbeddingStart;
  /** (items, dim) rows where items start, in place of random ones. */
  readonly start: Float32Array | undefined;
}

/** Makes an input of the query tower, or undefined where the data has nothing for it. */
export type QueryInputFactory = (init: InputInit) => TowerInput<QueryBatch, QueryInputWeights> | undefined;

/** A kind of input of the item tower. */
export interface ItemInputModule {
  /** Makes the input, or undefined where the data has nothing for it. */
  create(init: InputInit): TowerInput<ItemBatch, ItemInputWeights> | undefined;
  /** What the published tower is told of an item that comes later. */
  content?(items: ItemTable, config: Pick<PoeemConfig, "items">, item: number): Partial<ItemContent>;
}
