/** The inputs of both towers. A new one is a file here and a line in one of the lists. */
import type { ItemContent, ItemInputWeights, QueryInputWeights } from "@poeem/towers";
import type { PoeemConfig } from "../../config.ts";
import type { ItemTable } from "../../data/types.ts";
import type { Backward, Learned, RowsRead } from "../row-source.ts";
import type { InputInit, ItemBatch, ItemInputModule, QueryBatch, StepReading, TowerInput } from "./input.ts";
import { itemCategory } from "./item-category.ts";
import { itemEmbedding } from "./item-embedding.ts";
import { itemId } from "./item-id.ts";
import { itemNumber } from "./item-number.ts";
import { itemText } from "./item-text.ts";
import { queryContext } from "./query-context.ts";
import { queryEmbedding } from "./query-embedding.ts";
import { queryText } from "./query-text.ts";

const QUERY_INPUTS = [queryText, queryContext, queryEmbedding];
const ITEM_INPUTS: readonly ItemInputModule[] = [itemId, itemCategory, itemNumber, itemText, itemEmbedding];

export function createQueryInputs(init: InputInit): TowerInputs<QueryBatch, QueryInputWeights> {
  return new TowerInputs(QUERY_INPUTS.flatMap((create) => create(init) ?? []));
}

export function createItemInputs(init: InputInit): TowerInputs<ItemBatch, ItemInputWeights> {
  return new TowerInputs(ITEM_INPUTS.flatMap((input) => input.create(init) ?? []));
}

/** What the published item tower is told of an item of a table. */
export function itemContent(items: ItemTable, config: Pick<PoeemConfig, "items">, item: number): Partial<ItemContent> {
  return Object.assign({}, ...ITEM_INPUTS.map((input) => input.content?.(items, config, item)));
}

/** The sum of some inputs, which nothing else knows by name. */
export class TowerInputs<Batch, Weights> {
  readonly learned: Readonly<Record<string, Learned>>;
  readonly #inputs: readonly TowerInput<Batch, Weights>[];

  constructor(inputs: readonly TowerInput<Batch, Weights>[]) {
    this.#inputs = inputs;
    this.learned = Object.assign({}, ...inputs.map((input) => input.learned));
  }

  /** What all inputs read of a batch. It is good until the next call. */
  read(batch: Batch, reading?: StepReading): RowsRead[] {
    return this.#inputs.flatMap((input) => input.read(batch, reading));
  }

  /**
   * out (n, dim) += what the inputs know of a batch of n.
   * @returns the way back for the gradients of the sum, to be used before the next call
   */
  add(batch: Batch, out: Float32Array, reading?: StepReading): Backward {
    const back = this.read(batch, reading).map(({ source, lists }) => source.addSums(lists, out));
    return (gradients) => {
      for (const backward of back) backward(gradients);
    };
  }

  weights(): Weights[] {
    return this.#inputs.flatMap((input) => input.weights() ?? []);
  }

  settle(): void {
    for (const input of this.#inputs) input.settle?.();
  }

  /** Whether the training knows something of an item that its columns do not tell. */
  remembers(item: number): boolean {
    return this.#inputs.some((input) => input.remember && (input.remembers?.(item) ?? true));
  }

  /** out (items, dim) += what only the training knows of the items. */
  remember(out: Float32Array): void {
    for (const input of this.#inputs) input.remember?.(out);
  }
}
