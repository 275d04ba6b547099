/**
 * Search by words beside codes, for indexes that have them.
 *
 * @module
 */
export type { ItemWords, WordFacts } from "../format/item-words.ts";
export {
  type Alternative,
  type DenseQuery,
  type HybridOptions,
  type HybridResult,
  type Mode,
  searchHybrid,
  type WordQuery,
} from "./hybrid.ts";
export { type NearTerm, openWords, type Postings, type Words } from "./words.ts";
