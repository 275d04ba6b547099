import { type Csr, invert } from "../data/csr.ts";
import { selectTop } from "../rank/top-items.ts";

/** A lexical baseline that answers text queries. */
export interface LexicalIndex {
  /** Item numbers of the k best matches, best first, ties by smaller number; fewer when fewer match. */
  search(query: string, k: number): Uint32Array;
}

/** Terms of every item, and what each counts for it. */
interface WeightedTerms {
  /** Every term, by its number. */
  readonly names: readonly string[];
  /** Numbers of the terms of each item, none twice in one. */
  readonly terms: Csr;
  /** Weight of each of them, alongside `terms.values`; above 0. */
  readonly weights: ArrayLike<number>;
  /** What a term of a query counts for, by how many items have it. */
  idf(count: number): number;
  /** Terms of a query; a term asked twice counts twice. */
  termsOf(query: string): readonly string[];
}

/** Ranks by Σ idf · weight over the terms of a query that an item has, by an inverted file in typed arrays. */
export function invertedFile({ names, terms, weights, idf, termsOf }: WeightedTerms): LexicalIndex {
  const numItems = terms.offsets.length - 1;
  const termOf = new Map(names.map((name, term) => [name, term]));
  const { offsets, values: items, positions } = invert(terms, termOf.size);
  const sorted = Float32Array.from(positions, (position) => weights[position]!);
  const scores = new Float64Array(numItems);
  return {
    search(query, k) {
      scores.fill(0);
      for (const word of termsOf(query)) {
        const term = termOf.get(word);
        if (term === undefined) continue;
        const [from, to] = [offsets[term]!, offsets[term + 1]!];
        const rarity = idf(to - from);
        for (let at = from; at < to; at++) scores[items[at]!]! += sorted[at]! * rarity;
      }
      const top = new Uint32Array(Math.min(k, numItems));
      selectTop(scores, top.length, top);
      return top.filter((item) => scores[item]! > 0);
    },
  };
}

/** Items of a ranking that are not among those left out, k at most. */
export function withoutSeen(ranked: Uint32Array, seen: Uint32Array, k: number): Uint32Array {
  if (seen.length === 0) return ranked.subarray(0, k);
  const left = new Set(seen);
  return ranked.filter((item) => !left.has(item)).subarray(0, k);
}
