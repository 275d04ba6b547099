import type { Codebook } from "../codebook/codebook.ts";
import { BLOCK } from "../kernel/blocks.ts";
import type { AdcKernel, MaskedRange, Ranking } from "../kernel/kernel.ts";
import type { WithTies } from "./finalists.ts";
import type { ReadyLists } from "./list-source.ts";
import { OrdinalSet } from "./ordinal-set.ts";
import { type QueryVector, shiftScores } from "./score.ts";
import { copyOf, cut, isCutTie } from "./ties.ts";

/** Ordinals of one cell. */
export interface Stretch extends MaskedRange {
  readonly cell: number;
  /** Numbers of the query vectors that probe it; undefined: all. */
  readonly visitors?: readonly number[] | undefined;
}

/** What is scanned, and with what. */
export interface Scan {
  readonly kernel: AdcKernel;
  readonly codebook: Codebook;
  readonly lists: ReadyLists;
  /** (cells + 1) offsets of the lists. */
  readonly offsets: Uint32Array;
  readonly stretches: readonly Stretch[];
  /** Is told of codes that are gone through once more, and may stop that. */
  readonly rescan?: ((codes: number) => void) | undefined;
}

/**
 * Items scanned at once where all above a floor are wanted: room for each in the kernel, and a multiple of the block.
 */
export const PIECE = 4096;
/** What it takes to look at an item that was found so, in codes that are scanned. */
const FOUND_CODES = 4;

/**
 * The k best for the query that the kernel has, and all that tie with the last: the kernel keeps the smaller ordinals
 * of a tie, where the smaller ids are wanted. One more than k shows whether there is such a tie; only then a second
 * pass looks for all of it.
 *
 * @returns arrays that may be valid only until the next call of the kernel
 */
export function scanVector(
  scan: Scan,
  vector: QueryVector,
  products: Float32Array,
  k: number,
  floor: number,
): WithTies {
  const { codebook, stretches } = scan;
  const biases = biasesOf(scan, products);
  const found = runKernel(scan, vector, stretches, biases, k + spareFor(codebook, vector), floor);
  if (found.scores.length <= k) return found;
  if (!isCutTie(found.scores, k)) return cut(found, k);
  const last = found.scores[k - 1]!;
  const best = copyOf(cut(found, k));
  const wanted = k - found.scores.indexOf(last);
  // The kernel keeps the smallest ordinals of those that tie, in their order.
  const kept = best.ordinals[k - 1]!;
  const tied = new OrdinalSet();
  for (const [i, stretch] of stretches.entries()) {
    let numTied = 0;
    // Of a stretch only the first can be wanted, as many as are missing: they have the smallest ids.
    const isEnough = (): boolean => numTied >= wanted;
    eachAbove(scan, vector, stretch, biases[i]!, last, k, isEnough, (ordinal, score) => {
      if (score !== last || numTied++ >= wanted) return;
      if (ordinal > kept) tied.add(ordinal);
    });
  }
  return { ...best, tied };
}

/** How many more than k to find, to see ties: none in a single list, unless the shift makes scores equal. */
export function spareFor({ nlist }: Codebook, { shift }: QueryVector): 0 | 1 {
  return nlist > 0 || shift !== 0 ? 1 : 0;
}

/**
 * Gives `take` every item of a stretch that scores at least `floor` by the kernel's query, until it has enough.
 *
 * @param most of a piece are wanted: the best, and of equal ones the first
 */
export function eachAbove(
  scan: Scan,
  vector: QueryVector,
  { start, end, mask }: Stretch,
  bias: number,
  floor: number,
  most: number,
  isEnough: () => boolean,
  take: (ordinal: number, score: number) => void,
): void {
  for (let from = start; from < end && !isEnough(); ) {
    const to = Math.min(end, (Math.floor(from / PIECE) + 1) * PIECE);
    const words = mask?.subarray(Math.floor(from / BLOCK) - Math.floor(start / BLOCK));
    const piece = { start: from, end: to, mask: words };
    const { ordinals, scores } = runKernel(scan, vector, [piece], [bias], Math.min(most, PIECE), floor);
    scan.rescan?.(to - from + FOUND_CODES * ordinals.length);
    for (let i = 0; i < ordinals.length && scores[i]! >= floor; i++) take(ordinals[i]!, scores[i]!);
    from = to;
  }
}

/** What is added to the scores of each stretch. Copied, because the products may be a view of the kernel's memory. */
export function biasesOf({ codebook, stretches }: Scan, products: Float32Array): number[] {
  return stretches.map(({ cell }) => (codebook.byResidual ? products[cell]! : 0));
}

/** The k best of some ranges that score at least `floor`. */
function runKernel(
  { kernel, lists }: Scan,
  vector: QueryVector,
  ranges: readonly MaskedRange[],
  biases: readonly number[],
  k: number,
  floor: number,
): Ranking {
  const least = kernelFloor(vector, floor);
  const ranking = lists.rank?.(ranges, biases, k, least) ?? scanEach(kernel, lists, ranges, biases, k, least);
  shiftScores(ranking.scores, vector.shift);
  return ranking;
}

function scanEach(
  kernel: AdcKernel,
  lists: ReadyLists,
  ranges: readonly MaskedRange[],
  biases: readonly number[],
  k: number,
  floor: number,
): Ranking {
  let maxBias = -Infinity;
  for (const bias of biases) maxBias = Math.max(maxBias, bias);
  kernel.begin(k, maxBias, floor);
  for (const [i, { start, end, mask }] of ranges.entries()) lists.scan(kernel, start, end, biases[i]!, mask);
  return kernel.finish();
}

/** What the kernel must find for a floor of the final score. */
export function kernelFloor({ shift }: QueryVector, floor: number): number {
  // The shift is added after the kernel, so the floor is taken back before it; one part in a million for rounding.
  const before = floor - shift;
  return floor === -Infinity ? floor : before - (Math.abs(before) + Math.abs(floor)) * 1e-6;
}
