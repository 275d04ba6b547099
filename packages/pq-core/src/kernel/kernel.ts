import type { Codebook } from "../codebook/codebook.ts";
import type { TermRange } from "./blocks.ts";

/**
 * - `scalar`: plain TypeScript, the definition of every result
 * - `simd`: WebAssembly with 128-bit SIMD
 * - `relaxed-simd`: the same with relaxed swizzle, where the engine has it
 */
export type KernelName = "scalar" | "simd" | "relaxed-simd";

/** Best first. Scores are exact ADC scores. */
export interface Ranking {
  readonly ordinals: Uint32Array;
  readonly scores: Float32Array;
}

/** Items [start, end); `mask` when only some of them may be returned, word 0 for the block of `start`. */
export interface MaskedRange {
  readonly start: number;
  readonly end: number;
  readonly mask?: Uint32Array | undefined;
}

/** How large the sum of a query's table entries can get: one of each row. */
export interface Summit {
  readonly best: number;
  /** Bound of all partial sums, for what float32 loses in them. */
  readonly magnitude: number;
}

/** What a search cost. */
export interface Counts {
  /** Cells whose items were scanned. Of all cells beside a delta: those that its base left in. */
  readonly listsProbed: number;
  readonly codesScanned: number;
}

/** Items by their best term logWeight_h + temperature · (score_h + shift_h) of a query that probes their cell. */
export interface ShortlistWanted {
  /** (cells + 1) of the loaded lists; a kernel may keep a copy for as long as it gets the same array. */
  readonly offsets: Uint32Array;
  readonly cells: Cells;
  readonly nprobe: number;
  /** Items wanted. */
  readonly size: number;
  readonly temperature: number;
  /** One of each query: log weights, and what is added to scores. */
  readonly logWeights: readonly number[];
  readonly shifts: readonly number[];
  /** Cell → which of its items may be returned; of other cells all. */
  readonly masks: ReadonlyMap<number, Uint32Array>;
}

export interface ShortlistFound {
  /** Each with the number of its query, best first; shifts are added. Valid until the next call. */
  readonly rankings: readonly (readonly [number, Ranking])[];
  /** A term that as many items as are wanted reach; −∞ where fewer were found. */
  readonly least: number;
  /** (queries · n) cells of each query; valid until the next call. */
  readonly probed: Uint32Array;
}

/** How many items lie in each cell: empty ones are not probed, since nothing would be found in them. */
export interface Cells {
  /** (cells) */
  readonly sizes: Uint32Array;
  /** Cells that are not empty. */
  readonly numFilled: number;
}

/**
 * Scores codes for one query at a time: setQuery → begin → scan, scan … → finish, without an await in between.
 * All kernels give the same bits: float32 arithmetic in one fixed order (see scalar-kernel.ts).
 */
export interface AdcKernel {
  readonly name: KernelName;
  /** Of the terms, where the kernel uses it. */
  readonly range?: TermRange;
  /**
   * Makes room for blocks and copies `bytes` into it, starting at block `at`; what was loaded elsewhere stays.
   * `blocks` is the room wanted in all; it never shrinks.
   */
  load(bytes: Uint8Array, at: number, blocks: number): void;
  /** The same where these blocks are all that there will be, and stay: a kernel may keep them in another order. */
  keep?(bytes: Uint8Array, at: number, blocks: number): void;
  /** Number `at` of the loaded blocks, a copy. */
  block(at: number): Uint8Array;
  /**
   * Computes the distance table (M, ksub) and the products with the coarse centroids.
   *
   * @param query (dim) in the original space, scaled as the metric wants it (see search/score.ts)
   * @returns (nlist) q·u of every cell; valid until the next call
   */
  setQuery(query: Float32Array): Float32Array;
  /**
   * Computes the tables and products of several queries together, which is faster than one by one, and keeps them for
   * `useQuery`; false where they would take too much room.
   */
  prepare?(queries: readonly Float32Array[]): boolean;
  /** Sets number h of the queries that were prepared last, as `setQuery` would. The products are a view. */
  useQuery?(h: number): Float32Array;
  /**
   * The best cells for the query set last among those that hold items, by the metric's score of their centroids and by
   * their spread, best first; ties by the smaller.
   *
   * @param nprobe all of them, where there are no more
   * @param cells a kernel may keep a copy of the sizes for as long as it gets the same array
   */
  probe(nprobe: number, cells: Cells): Uint32Array;
  /**
   * Exact scores of single items of the loaded blocks, in their order.
   *
   * @param positions (n) block positions
   * @param biases (n) one per item
   * @returns (n) valid until the next call
   */
  scores(positions: Uint32Array, biases: Float32Array): Float32Array;
  /**
   * Exact scores of single items of the loaded blocks by each of the queries that were prepared last, which is faster
   * than one query after another; undefined where the kernel has no faster way.
   *
   * @param positions (n) block positions
   * @param cells (n) of the items
   * @returns (queries, n) valid until the next call
   */
  scoresByEach?(positions: Uint32Array, cells: Uint32Array): Float32Array | undefined;
  /**
   * Starts a ranking.
   *
   * @param k results kept
   * @param maxBias largest bias that will be scanned; sharpens the first pass
   * @param floor scores below it are not wanted; −∞ for no limit
   */
  begin(k: number, maxBias: number, floor: number): void;
  /**
   * Offers the items at block positions [start, end) of the loaded blocks: score = bias + Σ_m table[m][code_m],
   * then divided by the term (cosine) or less the term (l2).
   *
   * @param ordinal of the item at block position 0
   * @param mask one bit per position, word 0 = the block in which `start` lies; absent = all
   */
  scan(start: number, end: number, ordinal: number, bias: number, mask?: Uint32Array): void;
  /** @returns arrays that are valid until the next call */
  finish(): Ranking;
  /**
   * begin with the largest bias, scan of each stretch, finish, where a kernel has them in one call: what comes next is
   * fetched from memory meanwhile. The same results.
   *
   * @param stretches ordinals are block positions
   * @param biases one per stretch
   * @returns arrays that are valid until the next call
   */
  rank?(stretches: readonly MaskedRange[], biases: readonly number[], k: number, floor: number): Ranking;
  /**
   * A whole search of one query in one call, where a kernel has it: setQuery, probe, begin with the largest bias,
   * scan of each cell, finish. The same results; what is saved is the way to and from the kernel.
   *
   * @param offsets (cells + 1) of the loaded lists; a kernel may keep a copy for as long as it gets the same array
   * @returns arrays that are valid until the next call
   */
  search?(query: Float32Array, offsets: Uint32Array, cells: Cells, nprobe: number, k: number): Ranking & Counts;
  /**
   * What a shortlist needs of several queries in one call, of those prepared last: of each nearest cell first, then of
   * the other cells, what reaches the least term wanted by then; undefined where the kernel has no such call, and
   * where items tie for a last place.
   */
  shortlist?(wanted: ShortlistWanted): ShortlistFound | undefined;
  /** Of the query set last. */
  summit?(): Summit;
}

/** Makes a kernel for a codebook; `range` is that of the terms, {0, 0} for inner product. */
export type KernelFactory = (codebook: Codebook, range: TermRange) => AdcKernel;
