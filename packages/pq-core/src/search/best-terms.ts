import { TopK } from "../kernel/top-k.ts";
import { Finalists, type WithTies } from "./finalists.ts";
import type { Weighting } from "./merge.ts";
import type { OrdinalSet } from "./ordinal-set.ts";

/** Collects the best term logWeight_h + temperature · score_h of each item: the `size` best, and ties of the last. */
export class BestTerms {
  readonly #terms = new Map<number, number>();
  /** Each item once, by its first term: what it gains by a later one would only raise the threshold. */
  readonly #kept: TopK;
  readonly #weighting: Weighting;
  readonly #least: number;
  /** What ties with the last that a vector found, of the vectors for which that was the best. */
  #tied: { readonly term: number; readonly ordinals: OrdinalSet } | undefined;

  /** @param least terms below it are not wanted */
  constructor(size: number, weighting: Weighting, least = -Infinity) {
    this.#kept = new TopK(size);
    this.#weighting = weighting;
    this.#least = least;
  }

  get #threshold(): number {
    return Math.max(this.#least, this.#kept.threshold);
  }

  /** Score that an item must reach by vector h to get onto the list. */
  floor(h: number): number {
    return floorOf(this.#threshold, this.#weighting, h);
  }

  /** Takes the ranking of vector h. What ties with its last is taken as it is. */
  add(h: number, { ordinals, scores, tied }: WithTies): void {
    const { temperature, logWeights } = this.#weighting;
    const logWeight = logWeights?.[h] ?? 0;
    for (let i = 0; i < ordinals.length; i++) {
      const ordinal = ordinals[i]!;
      const term = Math.fround(logWeight + temperature * scores[i]!);
      // Best first, so none of the rest can enter either.
      if (term < this.#threshold) break;
      const before = this.#terms.get(ordinal);
      if (before === undefined) this.#kept.push(term, ordinal);
      if (before === undefined || before < term) this.#terms.set(ordinal, term);
    }
    if (tied !== undefined) this.#tie(Math.fround(logWeight + temperature * scores.at(-1)!), tied);
  }

  /** The last of all is no worse than that of any vector: of what ties with those the best can tie with it. */
  #tie(term: number, ordinals: OrdinalSet): void {
    if (this.#tied !== undefined && this.#tied.term === term) this.#tied.ordinals.addAll(ordinals);
    else if (this.#tied === undefined || this.#tied.term < term) this.#tied = { term, ordinals };
  }

  take(): WithTies {
    const best = new Finalists(this.#kept.scores.length);
    const { term, ordinals } = this.#tied ?? { term: -Infinity };
    // Most of what was found early is far below the last by now.
    const least = this.#kept.threshold;
    for (const [ordinal, own] of this.#terms) {
      const most = own < term && ordinals?.has(ordinal) ? term : own;
      if (most >= least) best.push(most, ordinal);
    }
    if (ordinals === undefined || term < best.threshold) return best.take();
    for (const one of ordinals) if (!this.#terms.has(one)) best.push(term, one);
    return best.take();
  }
}

/** The score by vector h whose term is `term`. */
export function floorOf(term: number, { temperature, logWeights }: Weighting, h: number): number {
  const logWeight = logWeights?.[h] ?? 0;
  const floor = (term - logWeight) / temperature;
  // A little lower, for the rounding of the division.
  return floor - (temperature === 1 && logWeight === 0 ? 0 : Math.abs(floor) * 1e-6);
}
