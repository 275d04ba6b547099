import type { WordQuery } from "./query.ts";
import { type Choice, type Scratch, union } from "./sums.ts";
import type { Postings } from "./words.ts";

/**
 * Weights of a query's words are whole numbers, so that sums are the same in any order; they and the greatest impact
 * make this in all. Below 2^24, so that float32 holds every sum.
 */
const WHOLE = 2 ** 23;
const MAX_IMPACT = 15;
/** From more items than this on, a term that many have is read only for candidates that others gave. */
const MANY_ITEMS = 100_000;
const FREQUENT = 0.1;
/** Candidates that tie with the last one are kept up to so many in all. */
const MAX_TIED = 256;
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
  /** Whether postings are read for candidates only. */
  readonly #isFrequent: (postings: Postings) => boolean;

  constructor(numItems: number, { words: asked }: WordQuery, postingsOf: (term: string) => Postings | undefined) {
    this.#isFrequent = ({ count }) => numItems > MANY_ITEMS && count > FREQUENT * numItems;
    const weighed = asked.map(({ alternatives }) => {
      const known = alternatives.flatMap(({ term, likeness }) => {
        const postings = postingsOf(term);
        return postings === undefined ? [] : [{ term, likeness, postings }];
      });
      // The word itself, or what is most like it; of those the first.
      const best = known.reduce((a, b) => (a === undefined || b.likeness > a.likeness ? b : a), known[0]);
      const own = idf(best?.postings.count ?? 0, numItems);
      const choices = known.map((one) => ({
        ...one,
        weight: one.likeness * Math.min(own, idf(one.postings.count, numItems)),
      }));
      return { own, choices };
    });
    const scale = WHOLE / (MAX_IMPACT * weighed.reduce((sum, { own }) => sum + own, 0));
    const wholeNumber = (weight: number): number => Math.max(1, Math.round(weight * scale));
    // At least 1: nothing is divided by 0 where no word was asked for.
    this.#whole = Math.max(1, MAX_IMPACT * weighed.reduce((sum, { own }) => sum + wholeNumber(own), 0));
    this.#words = weighed
      .map(({ choices }) =>
        choices
          .map(({ term, postings, weight }) => ({ term, postings, weight: wholeNumber(weight) }))
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
   * @returns ordinals, ascending, and the share of each
   */
  candidates(
    most: number,
    others: readonly number[],
    scratch: Scratch,
    passes?: (ordinal: number) => boolean,
  ): { ordinals: Uint32Array; shares: Float32Array } {
    if (most === 0) {
      const ordinals = union(new Uint32Array(0), others);
      return { ordinals, shares: new Float32Array(ordinals.length) };
    }
    const [whole, rest] = this.#split();
    const mostTied = Math.max(most, MAX_TIED);
    const { top, ordinals, sums } = scratch.use((sums) => {
      for (const word of whole) sums.add(word);
      const top = sums.best(rest.length > 0 ? mostTied : most, mostTied, passes);
      const ordinals = union(top, others);
      return { top, ordinals, sums: sums.of(ordinals) };
    });
    if (rest.length === 0) return { ordinals, shares: this.#share(sums) };
    this.#complete(ordinals, sums, whole, rest);
    const sumOf = new Map(Array.from(ordinals, (ordinal, i) => [ordinal, sums[i]!]));
    top.sort((a, b) => sumOf.get(b)! - sumOf.get(a)! || a - b);
    const last = sumOf.get(top[most - 1]!)!;
    const kept = union(
      top.filter((ordinal, i) => i < most || sumOf.get(ordinal) === last),
      others,
    );
    return { ordinals: kept, shares: this.#share(Float32Array.from(kept, (ordinal) => sumOf.get(ordinal)!)) };
  }

  /**
   * What is read whole of each word, and of the words in the same order what is read for candidates only. Where every
   * word is frequent, the rarest term of them is read whole: something must give candidates.
   */
  #split(): [whole: (readonly Choice[])[], rest: (readonly Choice[])[]] {
    const isFrequent = ({ postings }: Choice): boolean => this.#isFrequent(postings);
    let read: Postings | undefined;
    if (this.#words.every((word) => word.some(isFrequent))) {
      for (const { postings } of this.#words.flat().filter(isFrequent))
        if (read === undefined || postings.count < read.count) read = postings;
    }
    const isRead = (choice: Choice): boolean => !isFrequent(choice) || choice.postings === read;
    const rest = this.#words.map((word) => word.filter((choice) => !isRead(choice)));
    const whole = this.#words.map((word) => word.filter(isRead));
    return [whole, rest.some(({ length }) => length > 0) ? rest : []];
  }

  /** Adds to the sums of items what frequent terms give them beyond the others of their word. */
  #complete(
    ordinals: Uint32Array,
    sums: Float32Array,
    whole: readonly (readonly Choice[])[],
    rest: readonly (readonly Choice[])[],
  ): void {
    for (const [w, choices] of rest.entries()) {
      if (choices.length === 0) continue;
      const before = bestOf(whole[w]!, ordinals);
      const after = bestOf(choices, ordinals);
      for (let i = 0; i < ordinals.length; i++) sums[i]! += Math.max(0, after[i]! - before[i]!);
    }
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
      for (const { term, weight, postings } of word) {
        const impacts = postings.at(ascending);
        for (let j = 0; j < n; j++) {
          if (impacts[j] === 0) continue;
          const i = placeOf[j]!;
          best[i] = Math.max(best[i]!, weight * impacts[j]!);
          covered[i] = Math.max(covered[i]!, weight * MAX_IMPACT);
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

function bestOf(choices: readonly Choice[], ordinals: Uint32Array): Float64Array {
  const best = new Float64Array(ordinals.length);
  for (const { postings, weight } of choices) {
    const impacts = postings.at(ordinals);
    for (let i = 0; i < best.length; i++) best[i] = Math.max(best[i]!, weight * impacts[i]!);
  }
  return best;
}
