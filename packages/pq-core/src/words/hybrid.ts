import type { Merge } from "../search/merge.ts";
import type { SearchOptions, SearchResult } from "../search/options.ts";
import type { Index } from "../search/pq-index.ts";
import type { Words } from "./words.ts";

/** Which scores order the results: both, that by codes alone, or that by words alone. */
export type Mode = "hybrid" | "dense" | "words";

/** A term that would do for a word of the query. */
export interface Alternative {
  readonly term: string;
  /** Above 0, at most 1: what finding it is worth beside finding the word itself. */
  readonly likeness: number;
}

/** A query as words. */
export interface WordQuery {
  /** Each word that was asked for, with all terms that would do for it; none where nothing like it is known. */
  readonly words: readonly { readonly alternatives: readonly Alternative[] }[];
  /** Of each of these lists, an item must have one term. */
  readonly required: readonly (readonly string[])[];
  /** Terms that an item must not have. */
  readonly excluded: readonly string[];
  /** Ordinals of items whose name was asked for, ascending. They come first. */
  readonly named: Uint32Array;
}

/** Query vectors and how their scores merge. */
export interface DenseQuery {
  readonly vectors: readonly Float32Array[];
  readonly merge?: Merge | undefined;
}

export interface HybridOptions extends SearchOptions {
  /** Default hybrid. */
  readonly mode?: Mode | undefined;
  /** Instead of the index's own; for choosing them. */
  readonly weights?: { readonly dense: number; readonly words: number } | undefined;
}

/**
 * Best first by `scores` = dense · score by codes + words · share, the weights being the index's. An item that is named
 * gets 2 · dense + words more. Equal scores rank by id.
 */
export interface HybridResult extends SearchResult {
  /** Score by codes of each result; NaN without query vectors. */
  readonly dense: Float32Array;
  /**
   * 0 to 1, share by words of each result: Σ idf(word) · likeness · impact / 15 over Σ idf(word), of each word the best
   * of its alternatives.
   */
  readonly shares: Float32Array;
  /** 0 to 1, what of the query each result has at all: the same without the impact. */
  readonly coverage: Float32Array;
  /** Terms of the query that each result has, the most telling first. */
  readonly matched: readonly (readonly string[])[];
  /** 1 for an item whose name was asked for. */
  readonly named: Uint8Array;
}

/**
 * Searches by codes and by words at once: the best of each side, scored by both.
 *
 * @param dense undefined where nothing of the query has a vector; then words alone count
 * @throws InputError naming the option
 */
export async function searchHybrid(
  _index: Index,
  _words: Words,
  _dense: DenseQuery | undefined,
  _query: WordQuery,
  _options: HybridOptions = {},
): Promise<HybridResult> {
  throw new Error("not built yet");
}
