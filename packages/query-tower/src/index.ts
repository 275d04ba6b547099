/**
 * The query tower in plain TypeScript: text → words and character n-grams → hashed → embedding bag → MLP → unit vector.
 * No dependencies; Node, Workers and browsers compute the same numbers as the trainer's TensorFlow.js tower (within 1e-5).
 * @module
 */
import { embeddingBag } from "./embedding-bag.ts";
import { type QueryTowerWeights, readQueryTower } from "./format.ts";
import { l2Normalize, mlp } from "./mlp.ts";
import { textFeatures } from "./tokenizer.ts";

export { dequantizeTable, type EmbeddingTable, embeddingBag, quantizeTable, rowOf } from "./embedding-bag.ts";
export { type QueryTowerWeights, readQueryTower, writeQueryTower } from "./format.ts";
export { fnv1a32 } from "./hash.ts";
export { type DenseLayer, l2Normalize, mlp } from "./mlp.ts";
export { DEFAULT_TOKENIZER, normalizeText, type TokenizerConfig, textFeatures, words } from "./tokenizer.ts";

/** A query tower ready for queries. */
export interface QueryTower {
  /** Width of the vectors it gives; equals the index's `dim`. */
  readonly dim: number;
  /** Unit vector (dim) of a text. All zeros when no word and no n-gram of it is known, so that every score is 0. */
  embedText(text: string): Float32Array;
}

/** Makes a query tower from its weights. */
export function createQueryTower(weights: QueryTowerWeights): QueryTower {
  const { table, layers, skip, tokenizer } = weights;
  return {
    dim: layers.at(-1)?.outputDim ?? table.embeddingDim,
    embedText(text) {
      const bag = embeddingBag(table, textFeatures(text, tokenizer));
      // The bias of the layers would turn "nothing known" into an arbitrary direction.
      if (bag.every((value) => value === 0)) return new Float32Array(this.dim);
      return l2Normalize(mlp(layers, bag, skip));
    },
  };
}

/** Opens the payload of an artifact's `query-tower` chunk. Throws on bytes that `writeQueryTower` did not write. */
export function openQueryTower(bytes: Uint8Array): QueryTower {
  return createQueryTower(readQueryTower(bytes));
}
