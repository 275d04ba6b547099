import type { Codebook } from "../codebook.ts";
import type { AdcKernel, Ranking } from "../kernel.ts";
import { TopK } from "../top-k.ts";
import type { Merge } from "../types.ts";
import type { ReadyLists } from "./list-source.ts";
import { rankMixture } from "./mixture.ts";
import { type Head, shiftScores } from "./score.ts";
import type { Shortlist } from "./shortlist.ts";

/** Ordinals [start, end) of one cell; `mask` when only some of them may be returned, word 0 for the block of `start`. */
export interface Stretch {
  readonly cell: number;
  readonly start: number;
  readonly end: number;
  readonly mask: Uint32Array | undefined;
  /** Numbers of the query vectors that visit it; undefined: all. */
  readonly heads?: readonly number[] | undefined;
}

/** What is scanned, and with what. */
export interface Scan {
  readonly kernel: AdcKernel;
  readonly codebook: Codebook;
  readonly lists: ReadyLists;
  readonly stretches: readonly Stretch[];
}

/**
 * The best of the stretches for one or several query vectors, `size` of them. An item is found by the vectors that visit its cell. Never
 * waits: the kernel holds one query at a time.
 */
export function rank(scan: Scan, heads: readonly Head[], size: number, merge: Merge): Shortlist {
  if (merge.by === "sumExp") return rankMixture(scan, heads, size, merge);
  if (heads.length === 1) return rankHead(scan, heads[0]!, size, -Infinity);
  return rankBest(scan, heads, byHead(scan.stretches, heads.length), size, 1, undefined);
}

/** The stretches that each of the query vectors visits. */
export function byHead(stretches: readonly Stretch[], heads: number): Stretch[][] {
  const own: Stretch[][] = Array.from({ length: heads }, () => []);
  for (const stretch of stretches) {
    if (stretch.heads !== undefined) for (const h of stretch.heads) own[h]!.push(stretch);
    else for (const list of own) list.push(stretch);
  }
  return own;
}

/** The k best for one query vector, among those that score at least `floor`. */
export function rankHead(scan: Scan, head: Head, k: number, floor: number): Ranking {
  return scanHead(scan, head, scan.kernel.setQuery(head.query), k, floor);
}

/** {@link rankHead} for a query that the kernel has already, with its products. */
export function scanHead(scan: Scan, head: Head, products: Float32Array, k: number, floor: number): Ranking {
  const { kernel, codebook, lists, stretches } = scan;
  const biasOf = (cell: number): number => (codebook.byResidual ? products[cell]! : 0);
  let maxBias = -Infinity;
  for (const { cell } of stretches) maxBias = Math.max(maxBias, biasOf(cell));
  kernel.begin(k, maxBias, kernelFloor(head, floor));
  for (const { cell, start, end, mask } of stretches) lists.scan(kernel, start, end, biasOf(cell), mask);
  const ranking = kernel.finish();
  shiftScores(ranking.scores, head.shift);
  return ranking;
}

/** What the kernel must find for a floor of the final score. */
export function kernelFloor({ shift }: Head, floor: number): number {
  // The shift is added after the kernel, so the floor is taken back before it; one part in a million for rounding.
  const before = floor - shift;
  return floor === -Infinity ? floor : before - Math.abs(before) * 1e-6;
}

/**
 * Each item once, with the best logWeight_h + temperature · score_h over the query vectors that visit it. An item of the merged list is in
 * the list of the vector that gives its best term, so `size` of each are enough; and what is below the last of the list so far need not
 * be found.
 */
export function rankBest(
  scan: Scan,
  heads: readonly Head[],
  own: readonly (readonly Stretch[])[],
  size: number,
  temperature: number,
  logWeights: readonly number[] | undefined,
): Ranking {
  const best = new BestTerms(size, temperature, logWeights);
  for (const [h, head] of heads.entries())
    best.add(h, rankHead({ ...scan, stretches: own[h]! }, head, size, best.floor(h)));
  return best.take();
}

/** Collects the best term of each item over the query vectors, `size` items. */
export class BestTerms {
  readonly #terms = new Map<number, number>();
  /** Each item once, by its first term: what it gains by a later one would only raise the threshold. */
  readonly #kept: TopK;
  readonly #temperature: number;
  readonly #logWeights: readonly number[] | undefined;

  constructor(size: number, temperature: number, logWeights: readonly number[] | undefined) {
    this.#kept = new TopK(size);
    this.#temperature = temperature;
    this.#logWeights = logWeights;
  }

  /** Score that an item must reach by vector h to get onto the list. */
  floor(h: number): number {
    const logWeight = this.#logWeights?.[h] ?? 0;
    const floor = (this.#kept.threshold - logWeight) / this.#temperature;
    // A little lower, for the rounding of the division.
    return floor - (this.#temperature === 1 && logWeight === 0 ? 0 : Math.abs(floor) * 1e-6);
  }

  /** Takes the ranking of vector h, but for what is excluded. */
  add(h: number, { ordinals, scores }: Ranking, excluded?: ReadonlySet<number>): void {
    const logWeight = this.#logWeights?.[h] ?? 0;
    for (let i = 0; i < ordinals.length; i++) {
      const ordinal = ordinals[i]!;
      const term = Math.fround(logWeight + this.#temperature * scores[i]!);
      // Best first, so none of the rest can enter either.
      if (term < this.#kept.threshold) break;
      if (excluded?.has(ordinal)) continue;
      const before = this.#terms.get(ordinal);
      if (before === undefined) this.#kept.push(term, ordinal);
      if (before === undefined || before < term) this.#terms.set(ordinal, term);
    }
  }

  take(): Ranking {
    const top = new TopK(this.#kept.scores.length);
    for (const [ordinal, term] of this.#terms) top.push(term, ordinal);
    return top.take();
  }
}
