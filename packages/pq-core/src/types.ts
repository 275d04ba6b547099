import type { Codebook } from "./codebook.ts";
import type { DeltaReader } from "./format/open.ts";
import type { KernelFactory } from "./kernel.ts";
import type { SearchParts } from "./search/parts.ts";

/** Codes of n vectors. */
export interface EncodedVectors {
  /** (n): cell of each vector; all 0 when the codebook has no coarse quantizer. */
  readonly assignments: Uint32Array;
  /** (n, M): one byte a sub-code, unpacked, also when nbits is 4. */
  readonly codes: Uint8Array;
}

/** External ids, one an item, unique: strings, or unsigned integers of 32 or 64 bits. */
export type ItemIds = readonly string[] | Uint32Array | BigUint64Array;
/** One external id as a caller names it. */
export type ItemId = string | number | bigint;

/** A JSON object that travels with an item and comes back with it. */
export type ItemFields = Readonly<Record<string, unknown>>;

/** Everything `writeArtifact` needs. */
export interface ArtifactInput extends EncodedVectors {
  readonly codebook: Codebook;
  readonly ids: ItemIds;
  /** One object an item; left out = items without fields. */
  readonly fields?: readonly ItemFields[] | undefined;
  /** Facets an item can be filtered by: name → one value, several or none for each item. */
  readonly facets?: Readonly<Record<string, readonly (string | readonly string[] | undefined)[]>> | undefined;
  /** Numbers an item can be filtered by: name → one number an item; NaN = absent. */
  readonly numbers?: Readonly<Record<string, ArrayLike<number>>> | undefined;
  /** Original vectors (n, dim): when given, int8 codes of them are written for an exact-ish second pass (`refine`). */
  readonly refineVectors?: Float32Array | undefined;
  /** The same as codes already, (n) scales and (n, dim) codes in the order of `ids`: what an index gave, unchanged. */
  readonly refineCodes?: { readonly scales: Float32Array; readonly codes: Int8Array } | undefined;
  /** The query tower's bytes, opaque here. */
  readonly queryTower?: Uint8Array | undefined;
  /** Training facts (data hash, seed, metrics, resolved config): any JSON. */
  readonly training?: unknown;
  readonly previousVersion?: string | undefined;
  /** The nprobe a search uses when it names none. Default: all cells up to 8, else 8. */
  readonly defaultNprobe?: number | undefined;
  /** Upper limit of one lists chunk in bytes, at most 8 MiB; default 4 MiB, and 64 KiB (a 4096th of all lists, if more) beyond 32 MiB of lists. */
  readonly listChunkBytes?: number | undefined;
  /** Upper limit of one items chunk in bytes; default 256 KiB. */
  readonly itemChunkBytes?: number | undefined;
}

export interface ArtifactChunk {
  /** `<kind>-<seq>-<sha256 prefix>.bin`: the content decides the key, so a key never changes its bytes. */
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** One chunk as the manifest lists it. */
export interface ChunkEntry {
  readonly kind: ChunkKind;
  readonly key: string;
  /** Bytes, header included. */
  readonly size: number;
  /** SHA-256 of all bytes, 64 hex digits. */
  readonly sha256: string;
  /** First block (lists), first ordinal (items, refine), first rank (lookup); else 0. */
  readonly first: number;
  /** Blocks, ordinals or ranks in this chunk; else 0. */
  readonly count: number;
  /** Lookup only: its smallest id, as text. */
  readonly firstId?: string;
  /** Present on the chunks that hold added and updated items beside the base; see `Manifest.delta`. */
  readonly delta?: true;
}

export type ChunkKind = "codebook" | "lists" | "items" | "lookup" | "filters" | "refine" | "query-tower" | "delta";

/** The small JSON file that names every chunk of one version. Field by field in docs/format.md. */
export interface Manifest {
  readonly format: "poeem-edge-index";
  readonly formatVersion: number;
  /** Derived from everything below but `previousVersion`: equal content, equal version. */
  readonly version: string;
  readonly previousVersion?: string;
  readonly dim: number;
  readonly metric: Codebook["metric"];
  readonly nlist: number;
  readonly numSubQuantizers: number;
  readonly nbits: 4 | 8;
  readonly byResidual: boolean;
  readonly hasRotation: boolean;
  readonly numItems: number;
  readonly idType: "string" | "u32" | "u64";
  readonly hasFields: boolean;
  readonly defaultNprobe: number;
  /** Present when items were added, updated or removed since the base was written; `numItems` counts what is left. */
  readonly delta?: DeltaCounts;
  readonly chunks: readonly ChunkEntry[];
  readonly training?: unknown;
  /** SHA-256 of the JSON of all other members, in the order written. */
  readonly checksum: string;
}

/** How a version differs from the base whose chunks it shares: numItems = baseItems − removed + delta.numItems. */
export interface DeltaCounts {
  readonly baseItems: number;
  /** Items of the base that were removed or replaced. */
  readonly removed: number;
  /** Items beside the base: added ones and the new state of updated ones. */
  readonly numItems: number;
}

export interface Artifact {
  readonly version: string;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly chunks: readonly ArtifactChunk[];
}

/** Where chunks come from: files, KV, memory. `get` rejects when the key is absent. */
export interface ChunkSource {
  get(key: string): Promise<Uint8Array>;
  /**
   * Says that bytes which `get` gave, or a view of them, are neither kept nor read any more. For a source that would rather free a page
   * itself than wait for the garbage collector.
   */
  release?(bytes: Uint8Array): void;
}

/** Boolean filter over facets and numbers; leaves name what was given to `writeArtifact`. */
export type Filter =
  | { readonly facet: string; readonly in: readonly string[] }
  | { readonly number: string; readonly min?: number; readonly max?: number }
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter };

/**
 * How the scores of several query vectors become one score an item. Visited are the cells that any of the vectors probes, `nprobe` for
 * each, and an item of a visited cell has a score by every vector, whichever of them probes its cell.
 */
export type Merge =
  /**
   * The largest score by any of the vectors: the k best are those of brute force over the visited cells, with these scores. A vector scans a cell
   * that only others probe when some code there could reach the k best so far.
   */
  | { readonly by: "max" }
  /**
   * log Σ_h weight_h · exp(temperature · score_h) over all vectors: a mixture of softmaxes, as a logarithm. The k best are those of
   * brute force over the visited cells. With `exact: false` it orders a shortlist: the 6 k best (64 at least) by their best
   * single term, of a vector that probes the item's cell. Of a million items that takes under half of the time,
   * and with 20 unit vectors at temperature 16 the 10 best are the same, and of the 100 best 99.97 %
   * (docs/experiments/pq-core.md).
   */
  | {
      readonly by: "sumExp";
      readonly temperature: number;
      readonly weights?: ArrayLike<number> | undefined;
      /** Default true. */
      readonly exact?: boolean | undefined;
    };

export interface SearchOptions {
  /** Results wanted; default 10. Fewer come when fewer items are visited. */
  readonly k?: number | undefined;
  /** Cells visited by each query vector; default: the manifest's. */
  readonly nprobe?: number | undefined;
  readonly filter?: Filter | undefined;
  /** Ids that must not be returned; unknown ones are ignored. */
  readonly exclude?: readonly ItemId[] | undefined;
  /** True or the number of candidates a result (default 4) that the refine codes score again. */
  readonly refine?: boolean | number | undefined;
  /** For several query vectors; default max. */
  readonly merge?: Merge | undefined;
}

export interface SearchResult {
  /**
   * Best first; position of an item in list order. Of equal scores the one with the smaller id comes first, and gets the last place: numbers by
   * value, strings by code point. (Ids are read only when such items lie in several cells; then at most k a cell.)
   */
  readonly ordinals: Uint32Array;
  /** Larger is better. Exact ADC scores: float tables, not the quantized ones of a fast scan. */
  readonly scores: Float32Array;
  readonly listsProbed: number;
  readonly codesScanned: number;
}

export interface Item {
  /** As written: a string, or a number (u32), or a bigint (u64). */
  readonly id: ItemId;
  readonly fields: ItemFields | undefined;
}

/** An opened artifact. */
export interface Index {
  readonly version: string;
  readonly manifest: Manifest;
  readonly codebook: Codebook;
  /** Which kernel scores: a test can see that SIMD really runs. */
  readonly kernel: "scalar" | "simd" | "relaxed-simd";
  /** One query vector (dim), or several, each (dim), in the original space. */
  search(query: Float32Array | readonly Float32Array[], options?: SearchOptions): Promise<SearchResult>;
  /** Ids and fields, in the order asked; touches only the pages those ordinals lie in. */
  items(ordinals: ArrayLike<number>): Promise<Item[]>;
  /** Ordinals of ids, −1 where the index has no such id. */
  ordinals(ids: readonly ItemId[]): Promise<Int32Array>;
  /** Decoded vectors (ordinals.length, dim) in the original space. */
  vectors(ordinals: ArrayLike<number>): Promise<Float32Array>;
  /** Cells and codes of items, as `encode` gave them. */
  codes(ordinals: ArrayLike<number>): Promise<EncodedVectors>;
  /** Facet name → value → count of items. */
  facets(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
  /** The query tower's bytes, or undefined when the artifact has none. */
  queryTower(): Promise<Uint8Array | undefined>;
}

export interface OpenOptions extends SearchParts {
  /** What scores: `loadKernel(module)`, or `scalarKernel` of `@poeem/pq-core/parts` where there is no SIMD. */
  readonly kernel: KernelFactory;
  /** `deltas` of `@poeem/pq-core/parts`, for an index that may have been changed since it was written. */
  readonly deltas?: DeltaReader | undefined;
  /** Check the SHA-256 of each chunk; default true. Lengths and ranges are always checked. */
  readonly verify?: boolean | undefined;
  /** Code chunks are kept resident up to this many bytes in all; a larger index pages its lists. Default 48 MiB. */
  readonly residentBytes?: number | undefined;
  /** Item, lookup and paged list chunks kept in memory, least recently used out first. Default 16 MiB. */
  readonly cacheBytes?: number | undefined;
  /**
   * An index opened before. When both have the same base, what it holds of that (codes in the kernel's memory, pages,
   * filters) is shared instead of read again, and `source`, `kernel` and the budgets are used for the delta only.
   */
  readonly previous?: Index | undefined;
}
