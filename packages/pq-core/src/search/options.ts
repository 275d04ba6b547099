import type { Codebook } from "../codebook.ts";
import { check, checkFinite, checkFloat32, checkInteger, typeError } from "../errors.ts";
import type { Filter, ItemId, Manifest, Merge, SearchOptions } from "../types.ts";
import type { Merging } from "./merging.ts";
import { needPart, type SearchParts } from "./parts.ts";
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
  /** Undefined for the plain search by one vector. */
  readonly merging: Merging | undefined;
}

export function resolveOptions(
  options: SearchOptions,
  { manifest, parts }: { readonly manifest: Manifest; readonly parts: SearchParts },
  heads: number,
): Resolved {
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
  const refineFactor = refine === true ? DEFAULT_REFINE_FACTOR : Number(refine);
  if (refine !== false) checkInteger("refine", refine === true ? refineFactor : refine, 0, MAX_REFINE_FACTOR);
  if (refineFactor > 0) {
    const hasCodes = manifest.chunks.some(({ kind }) => kind === "refine");
    check(hasCodes, "refine", "an index written with refineVectors", "one without");
    needPart("refining", parts.refining);
  }
  if (filter !== undefined) needPart("filters", parts.filters);
  const isPlain = heads === 1 && merge.by === "max";
  const merging = isPlain ? undefined : needPart("merging", parts.merging);
  merging?.check(merge, heads);
  return { k, nprobe, filter, exclude, refineFactor, merge, merging };
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
