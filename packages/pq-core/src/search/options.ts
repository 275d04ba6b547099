import type { Codebook } from "../codebook/codebook.ts";
import { check, checkFloat32, checkInteger, INPUT } from "../errors.ts";
import type { ItemId } from "../format/ids.ts";
import type { Manifest } from "../format/manifest.ts";
import type { Counts, Ranking } from "../kernel/kernel.ts";
import type { Filter } from "./filter.ts";
import { checkMerge, type Merge, mergeOf } from "./merge.ts";
import { checkQuery, isZero, type QueryVector, scaleQuery } from "./score.ts";

export interface SearchOptions {
  /** Results wanted; default 10. Fewer come when fewer items are visited. */
  readonly k?: number | undefined;
  /**
   * Cells visited by each query vector, of those that hold items; default: the manifest's. `"all"`, or as many as there
   * are: the best of the whole index. A cell is then left out only if none of its items can be among them. Where cells
   * share pages (`cellsPerPage`): runs of cells, by all vectors together.
   */
  readonly nprobe?: number | "all" | undefined;
  readonly filter?: Filter | undefined;
  /** Ids that must not be returned; unknown ones are ignored. */
  readonly exclude?: readonly ItemId[] | undefined;
  /** For several query vectors; default max. */
  readonly merge?: Merge | undefined;
}

export interface SearchResult extends Ranking, Counts {
  /**
   * Best first; position of an item in list order. Of equal scores the one with the smaller id comes first, and gets
   * the last place: numbers by value, strings by code point. (Ids are read only when such items lie in several cells.)
   * By inner product and cosine a vector of zeros finds nothing, and counts for nothing among others.
   */
  readonly ordinals: Uint32Array;
  /** Larger is better. Exact ADC scores: float tables, not the quantized ones of a fast scan. */
  readonly scores: Float32Array;
}

/** Largest k: each result costs 16 bytes in the kernel, and a larger k is a listing, not a search. */
export const MAX_K = 100_000;

/** Options checked and completed. */
export interface Resolved {
  readonly k: number;
  readonly nprobe: number;
  readonly filter: Filter | undefined;
  readonly exclude: readonly ItemId[];
  readonly merge: Merge;
  /** A search by one vector, whose scores stay as they are. */
  readonly isPlain: boolean;
}

/** @throws InputError naming the option */
export function resolveOptions(options: SearchOptions, manifest: Manifest, numVectors: number): Resolved {
  const { k = 10, nprobe = manifest.defaultNprobe, filter, exclude = [], merge = { by: "max" } } = options;
  checkInteger("k", k, 1, MAX_K, INPUT);
  const probed = nprobe === "all" ? Math.max(1, manifest.nlist) : nprobe;
  checkInteger("nprobe", probed, 1, 1 << 24, INPUT);
  check(Array.isArray(exclude), "exclude", "an array of ids", exclude, INPUT);
  const isPlain = numVectors === 1 && merge.by === "max";
  if (!isPlain) checkMerge(merge, numVectors);
  return { k, nprobe: probed, filter, exclude, merge, isPlain };
}

/**
 * Query vectors checked and scaled as the metric wants them, those that count for nothing left out.
 *
 * @returns no vectors where none counts: nothing is found then
 * @throws InputError
 */
export function resolveQueries(
  codebook: Codebook,
  query: Float32Array | readonly Float32Array[],
  options: SearchOptions,
  manifest: Manifest,
): { readonly vectors: readonly QueryVector[]; readonly resolved: Resolved } {
  const queries = query instanceof Float32Array ? [query] : query;
  const isSome = Array.isArray(queries) && queries.length > 0;
  check(isSome, "query", "a Float32Array or an array of at least one", query, INPUT);
  const vectors: QueryVector[] = [];
  /** Which of the vectors these are. */
  const kept: number[] = [];
  for (const [h, vector] of queries.entries()) {
    checkFloat32("query", vector, codebook.dim, INPUT);
    const square = checkQuery(codebook, "query", vector);
    if (isZero(codebook, square)) continue;
    vectors.push(scaleQuery(codebook, vector, square));
    kept.push(h);
  }
  const resolved = resolveOptions(options, manifest, queries.length);
  if (kept.length === queries.length) return { vectors, resolved };
  const merge = mergeOf(resolved.merge, kept);
  return { vectors, resolved: { ...resolved, isPlain: kept.length === 1 && merge.by === "max", merge } };
}

/** What is found by no vector. */
export function foundNothing(): SearchResult {
  return { ordinals: new Uint32Array(0), scores: new Float32Array(0), listsProbed: 0, codesScanned: 0 };
}
