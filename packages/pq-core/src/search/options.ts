import type { Codebook } from "../codebook.ts";
import { checkFinite, checkFloat32, checkInteger, rangeError, typeError } from "../errors.ts";
import type { Filter, ItemId, Manifest, Merge, SearchOptions } from "../types.ts";
import { type Head, scaleQuery } from "./score.ts";

/** Largest k: each result costs 16 bytes in the kernel, and a larger k is a listing, not a search. */
export const MAX_K = 100_000;
/** Candidates a result that the refine codes score again, when the caller says only `true`. */
const DEFAULT_REFINE_FACTOR = 4;
const MAX_REFINE_FACTOR = 1000;

/** Options checked and completed. */
export interface Resolved {
  readonly k: number;
  readonly nprobe: number;
  readonly filter: Filter | undefined;
  readonly exclude: readonly ItemId[];
  /** 0 = no second pass. */
  readonly refineFactor: number;
  readonly merge: Merge;
}

export function resolveOptions(options: SearchOptions, manifest: Manifest, heads: number): Resolved {
  const {
    k = 10,
    nprobe = manifest.defaultNprobe,
    filter,
    exclude = [],
    refine = false,
    merge = { by: "max" },
  } = options;
  checkInteger("k", k, 1, MAX_K);
  checkInteger("nprobe", nprobe, 1, 1 << 24);
  if (!Array.isArray(exclude)) throw typeError("exclude", "an array of ids", exclude);
  const refineFactor = refine === true ? DEFAULT_REFINE_FACTOR : refine === false ? 0 : refine;
  if (refineFactor !== 0) checkInteger("refine", refineFactor, 1, MAX_REFINE_FACTOR);
  if (refineFactor !== 0 && !manifest.chunks.some(({ kind }) => kind === "refine")) {
    throw rangeError("refine", "an index written with refineVectors", "one without");
  }
  checkMerge(merge, heads);
  return { k, nprobe, filter, exclude, refineFactor, merge };
}

function checkMerge(merge: Merge, heads: number): void {
  if (merge.by === "max") return;
  if (merge.by !== "sumExp") throw rangeError("merge.by", "max or sumExp", (merge as { by: unknown }).by);
  if (!(merge.temperature > 0 && merge.temperature < Number.POSITIVE_INFINITY)) {
    throw rangeError("merge.temperature", "a positive number", merge.temperature);
  }
  if (merge.weights === undefined) return;
  if (merge.weights.length !== heads)
    throw rangeError("merge.weights", `length ${heads}, one a query`, merge.weights.length);
  for (let h = 0; h < heads; h++) {
    const weight = merge.weights[h]!;
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY))
      throw rangeError(`merge.weights[${h}]`, "a positive number", weight);
  }
}

/** Query vectors checked and scaled as the metric wants them. */
export function resolveQueries(codebook: Codebook, query: Float32Array | readonly Float32Array[]): Head[] {
  const queries = query instanceof Float32Array ? [query] : query;
  if (!Array.isArray(queries) || queries.length === 0)
    throw typeError("query", "a Float32Array or an array of at least one", query);
  return queries.map((vector: Float32Array) => {
    checkFloat32("query", vector, codebook.dim);
    checkFinite("query", vector);
    return scaleQuery(codebook, vector);
  });
}
