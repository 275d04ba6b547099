/**
 * Both towers in plain TypeScript: inputs → their sum → layers → unit vector; the terms of texts; and the one function
 * from a question to results. Node, Workers and browsers compute the same numbers as the trainer's TensorFlow.js towers
 * (within 1e-5).
 * @module
 */
export {
  type Answer,
  type AnswerOptions,
  answerQuestion,
  checkModeParts,
  popular,
  type Searched,
  suggest,
} from "./answer.ts";
export type { Section } from "./format/sections.ts";
export type { CategoryWeights } from "./inputs/category.ts";
export { componentVectors, type HistoryComponents, rankWeights, tiltToMean } from "./inputs/components.ts";
export type { ContextWeights } from "./inputs/context.ts";
export {
  type EmbeddingColumn,
  type EmbeddingMap,
  type EmbeddingWeights,
  embeddingMap,
  MAX_EMBEDDING,
} from "./inputs/embedding.ts";
export { type EmbeddingGiven, embeddingFault, unitEmbedding } from "./inputs/given-embedding.ts";
export { type HashedWeights, hashedRow, IdKeys, idKey, MAX_HASHED_ROWS } from "./inputs/hashed.ts";
export { type HistoryWeights, MAX_HISTORY, newest, newestDistinct } from "./inputs/history.ts";
export type { EmbeddingReads, HistoryForm, MixtureQuery, Reads } from "./inputs/input.ts";
export type { KnownWeights } from "./inputs/known.ts";
export { NUMBER, type NumberColumn, standardScore } from "./inputs/number.ts";
export { logPartition, type Partition } from "./inputs/partition.ts";
export { rowsOf } from "./inputs/rows.ts";
export type { TextWeights } from "./inputs/text.ts";
export { createItemTower, type ItemTower, type ItemTowerWeights, readItemTower, writeItemTower } from "./item-tower.ts";
export type { ItemContent, ItemInputWeights, Query, QueryInputWeights } from "./kinds.ts";
export { inputFacts } from "./kinds.ts";
export { type DenseLayer, l2Normalize, mlp } from "./layers.ts";
export {
  createQueryTower,
  openQueryTower,
  type QueryTower,
  type QueryTowerWeights,
  readQueryTower,
  writeQueryTower,
} from "./query-tower.ts";
export {
  loneOf,
  planQuestion,
  type QueryVectors,
  type Question,
  type QuestionPlan,
  questionVectors,
  UNTRAINED_HISTORY,
} from "./question.ts";
export {
  dequantizeTable,
  type EmbeddingTable,
  embeddingBag,
  quantizeRows,
  quantizeTable,
  rowOf,
} from "./text/embedding-bag.ts";
export { fnv1a32, mixBits } from "./text/hash.ts";
export { normalForm } from "./text/normal-form.ts";
export { indexTerms, nameForm, nameHash, TERM_RULES } from "./text/terms.ts";
export { readTextQuery, type TextQuery } from "./text/text-query.ts";
export { DEFAULT_TOKENIZER, type TokenizerConfig, textFeatures, words } from "./text/tokenizer.ts";
export type { TowerWeights } from "./tower.ts";
export { leastReachOf, type Reach, reachOf, type WordUse } from "./words/reach.ts";
export type { Suggestion } from "./words/suggest.ts";
