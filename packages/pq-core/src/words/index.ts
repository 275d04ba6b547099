/**
 * Search by words beside codes, for indexes that have them.
 *
 * @module
 */
export type { ItemWords, WordFacts } from "../format/item-words.ts";
export { mostByWords } from "./best.ts";
export {
  type DenseQuery,
  type HybridOptions,
  type HybridResult,
  MODES,
  type Mode,
  searchHybrid,
} from "./hybrid.ts";
export type { Postings } from "./postings.ts";
export type { Alternative, WordQuery } from "./query.ts";
export { SUMMED_TOGETHER } from "./sums.ts";
export { type NearTerm, openWords, type Words } from "./words.ts";
