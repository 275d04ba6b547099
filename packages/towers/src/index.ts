/**
 * The query tower in plain TypeScript. Text → words and character n-grams → hashed → embedding bag, plus the pooled items of a
 * history, plus context → MLP → unit vector; or a history → a mixture of one vector an item.
 * No dependencies; Node, Workers and browsers compute the same numbers as the trainer's TensorFlow.js tower (within 1e-5).
 * @module
 */
import { embeddingBag } from "./embedding-bag.ts";
import { type QueryTowerWeights, readQueryTower } from "./format.ts";
import { type HistoryForm, type MixtureQuery, mixtureQuery, poolHistory } from "./history.ts";
import { l2Normalize, mlp } from "./mlp.ts";
import { textFeatures } from "./tokenizer.ts";

export { dequantizeTable, type EmbeddingTable, embeddingBag, quantizeTable, rowOf } from "./embedding-bag.ts";
export { type QueryTowerWeights, readQueryTower, writeQueryTower } from "./format.ts";
export { fnv1a32 } from "./hash.ts";
export {
  type HistoryForm,
  type HistoryHead,
  logPartition,
  type MixtureQuery,
  type Partition,
  tiltToMean,
} from "./history.ts";
export { type DenseLayer, l2Normalize, mlp } from "./mlp.ts";
export { DEFAULT_TOKENIZER, normalizeText, type TokenizerConfig, textFeatures, words } from "./tokenizer.ts";

/** What a query may have; a tower uses the parts it was trained on (`reads`). */
export interface Query {
  readonly text?: string | undefined;
  /** (n, dim): decoded vectors of the items of a history, oldest first. */
  readonly history?: Float32Array | undefined;
  /** Column → value. Columns and values that the training did not meet count for nothing. */
  readonly context?: Readonly<Record<string, string>> | undefined;
}

/** A query tower ready for queries. */
export interface QueryTower {
  /** Width of the vectors it gives; equals the index's `dim`. */
  readonly dim: number;
  /** What it was trained to read. */
  readonly reads: {
    readonly text: boolean;
    /** How histories become query vectors; undefined when it does not read them. */
    readonly history: HistoryForm | undefined;
    /** Newest items of a history that are read; 0 without history. */
    readonly historyLength: number;
    /** Names of the context columns. */
    readonly contexts: readonly string[];
  };
  /** Unit vector (dim) of a text. All zeros when no word and no n-gram of it is known, so that every score is 0. */
  embedText(text: string): Float32Array;
  /** The query as one vector or a mixture of several; undefined when nothing of it is known. */
  embed(query: Query): Float32Array | MixtureQuery | undefined;
}

/** Makes a query tower from its weights. */
export function createQueryTower(weights: QueryTowerWeights): QueryTower {
  const { table, layers, skip, tokenizer, history, contexts } = weights;
  const dim = layers.at(-1)?.outputDim ?? table.embeddingDim;
  const rowOfContext = new Map(contexts?.names.map((name, row) => [name, row]));
  const columns = [...new Set(contexts?.names.map((name) => name.slice(0, name.indexOf("\t"))))];
  const finish = (input: Float64Array): Float32Array | undefined =>
    // The bias of the layers would turn "nothing known" into an arbitrary direction.
    input.every((value) => value === 0) ? undefined : l2Normalize(mlp(layers, input, skip));
  const bagOf = (text: string): Float64Array => embeddingBag(table, textFeatures(text, tokenizer));
  return {
    dim,
    reads: {
      text: table.hashes.length > 0,
      history: history?.form,
      historyLength: history?.length ?? 0,
      contexts: columns,
    },
    embedText: (text) => finish(bagOf(text)) ?? new Float32Array(dim),
    embed({ text, history: items, context }) {
      if (history?.form === "mixture") return items && items.length > 0 ? mixtureQuery(history, items, dim) : undefined;
      const input = text === undefined ? new Float64Array(table.embeddingDim) : bagOf(text);
      const add = (row: ArrayLike<number>): void => {
        for (let d = 0; d < input.length; d++) input[d]! += row[d]!;
      };
      if (history && items && items.length > 0) add(poolHistory(history, items, dim));
      for (const [column, value] of Object.entries(context ?? {})) {
        const row = rowOfContext.get(`${column}\t${value}`);
        if (row !== undefined) add(contexts!.rows.subarray(row * dim, (row + 1) * dim));
      }
      return finish(input);
    },
  };
}

/** Opens the payload of an artifact's `query-tower` chunk. Throws on bytes that `writeQueryTower` did not write. */
export function openQueryTower(bytes: Uint8Array): QueryTower {
  return createQueryTower(readQueryTower(bytes));
}
