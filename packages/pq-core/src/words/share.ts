import { MOST_IMPACT } from "../format/posting-list.ts";
import { findBest } from "./best.ts";
import type { Postings } from "./postings.ts";
import type { WordQuery } from "./query.ts";
import type { Choice, Sums } from "./sums.ts";

/**
 * Weights of a query's words are whole numbers, so that sums are the same in any order; they and the greatest impact
 * make this in all. Below 2^24, so that float32 holds every sum.
 */
const WHOLE = 2 ** 23;
const MAX_MATCHED = 16;

/** What items have of a query's words; one number or list for each item asked for. */
export interface Shares {
  readonly shares: Float32Array;
  readonly coverage: Float32Array;
  readonly matched: string[][];
}

/** idf of a term that `count` of n items have: ln(1 + (n − count + ½) / (count + ½)), as in BM25. */
export function idf(count: number, n: number): number {
  const known = Math.min(count, n);
  return Math.log(1 + (n - known + 0.5) / (known + 0.5));
}

/** A query's words with their weights and postings. */
export class AskedWords {
  /** Of each word that some known term would do for: those terms, the weightiest first. */
  readonly #words: readonly (readonly Choice[])[];
  /** The sum that an item has with every word at the greatest impact. */
  readonly #whole: number;
  readonly #numItems: number;

  constructor(numItems: number, { words: asked }: WordQuery, postingsOf: (term: string) => Postings | undefined) {
    this.#numItems = numItems;
    const weighed = asked.map(({ alternatives }) => {
      const known = alternatives.flatMap(({ term, likeness, certainty = likeness }) => {
        const postings = postingsOf(term);
        return postings === undefined ? [] : [{ term, likeness, certainty, postings }];
      });
      // The word itself, or what is most like it; of those the first.
      const best = known.reduce((a, b) => (a === undefined || b.likeness > a.likeness ? b : a), known[0]);
      const own = idf(best?.postings.count ?? 0, numItems);
      const choices = known.map(({ term, likeness, certainty, postings }) => {
        const least = Math.min(own, idf(postings.count, numItems));
        return { term, postings, weight: likeness * least, certain: certainty * least };
      });
      return { own, choices };
    });
    const scale = WHOLE / (MOST_IMPACT * weighed.reduce((sum, { own }) => sum + own, 0));
    const wholeNumber = (weight: number): number => Math.max(1, Math.round(weight * scale));
    // At least 1: nothing is divided by 0 where no word was asked for.
    this.#whole = Math.max(1, MOST_IMPACT * weighed.reduce((sum, { own }) => sum + wholeNumber(own), 0));
    this.#words = weighed
      .map(({ choices }) =>
        choices
          .map((one) => ({ ...one, weight: wholeNumber(one.weight), certain: wholeNumber(one.certain) }))
          .sort((a, b) => b.weight - a.weight),
      )
      .filter(({ length }) => length > 0);
  }

  /**
   * The best items by their share, `most` of them and those that tie with the last as long as there are not too many;
   * and other items.
   *
   * @param most 0: the others only, whose shares are not looked up then
   * @param others ordinals that pass, in any order
   * @param passes whether an item may be returned; left out: all may
   * @returns the share of each ordinal, in ascending order
   */
  candidates(
    most: number,
    others: readonly number[],
    room: Sums,
    passes?: (ordinal: number) => boolean,
  ): ReadonlyMap<number, number> {
    const given = Uint32Array.from(new Set(others)).sort();
    if (most === 0) return new Map(Array.from(given, (ordinal) => [ordinal, 0]));
    const { best, sums } = findBest(this.#words, this.#numItems, most, given, room, passes);
    for (let i = 0; i < given.length; i++) best.set(given[i]!, sums[i]!);
    const ordinals = Uint32Array.from(best.keys()).sort();
    return new Map(Array.from(ordinals, (ordinal) => [ordinal, Math.fround(best.get(ordinal)! / this.#whole)]));
  }

  /** What the given items have. */
  sharesOf(ordinals: Uint32Array): Shares {
    const n = ordinals.length;
    const shares = new Float32Array(n);
    const coverage = new Float32Array(n);
    const found: { term: string; weight: number }[][] = Array.from({ length: n }, () => []);
    const ascending = ordinals.toSorted();
    // Place of each of them in what was asked for.
    const places = new Map(Array.from(ordinals, (ordinal, i) => [ordinal, i]));
    const placeOf = Array.from(ascending, (ordinal) => places.get(ordinal)!);
    for (const word of this.#words) {
      const best = new Float32Array(n);
      const covered = new Float32Array(n);
      for (const { term, weight, certain, postings } of word) {
        const impacts = postings.at(ascending);
        for (let j = 0; j < n; j++) {
          if (impacts[j] === 0) continue;
          const i = placeOf[j]!;
          best[i] = Math.max(best[i]!, weight * impacts[j]!);
          covered[i] = Math.max(covered[i]!, certain * MOST_IMPACT);
          found[i]!.push({ term, weight });
        }
      }
      for (let i = 0; i < n; i++) {
        shares[i]! += best[i]!;
        coverage[i]! += covered[i]!;
      }
    }
    const matched = found.map((terms) => {
      const sorted = terms.sort((a, b) => b.weight - a.weight).map(({ term }) => term);
      return [...new Set(sorted)].slice(0, MAX_MATCHED);
    });
    return { shares: this.#share(shares), coverage: this.#share(coverage), matched };
  }

  #share(sums: Float32Array): Float32Array {
    return sums.map((sum) => sum / this.#whole);
  }
}
