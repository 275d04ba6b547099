import { words } from "@poeem/towers";
import { invert, toCsr } from "../data/csr.ts";
import { selectTop } from "../rank/top-items.ts";

/** A lexical baseline that answers text queries. */
export interface LexicalIndex {
  /** Item numbers of the k best matches, best first, ties by smaller number; fewer when fewer match. */
  search(query: string, k: number): Uint32Array;
}

/**
 * Cosine of TF-IDF vectors: tf · (1 + ln((1 + n) / (1 + df))), made unit vectors (Salton and Buckley 1988, with the
 * customary smoothing), over the words of a query tower trained today. Scores by an inverted file in typed arrays.
 */
export function buildTfidfIndex(texts: readonly string[]): LexicalIndex {
  const termOf = new Map<string, number>();
  const counts = texts.map((text) => {
    const count = new Map<number, number>();
    for (const word of words(text, 1 << 20)) {
      const term = termOf.get(word) ?? termOf.size;
      termOf.set(word, term);
      count.set(term, (count.get(term) ?? 0) + 1);
    }
    return count;
  });
  const { offsets, values: items, positions } = invert(toCsr(counts.map((count) => [...count.keys()])), termOf.size);
  const idf = Float64Array.from(
    { length: termOf.size },
    (_, term) => 1 + Math.log((1 + texts.length) / (1 + offsets[term + 1]! - offsets[term]!)),
  );
  const weightsOfTexts = counts.flatMap((count) => {
    const norm = Math.hypot(...Array.from(count, ([term, n]) => n * idf[term]!));
    return Array.from(count, ([term, n]) => (n * idf[term]!) / norm);
  });
  const weights = Float32Array.from(positions, (position) => weightsOfTexts[position]!);
  const scores = new Float32Array(texts.length);
  return {
    search(query, k) {
      scores.fill(0);
      // the norm of the query changes no order
      for (const word of words(query)) {
        const term = termOf.get(word);
        if (term === undefined) continue;
        for (let at = offsets[term]!; at < offsets[term + 1]!; at++) {
          scores[items[at]!]! += weights[at]! * idf[term]!;
        }
      }
      const top = new Uint32Array(Math.min(k, texts.length));
      selectTop(scores, top.length, top);
      return top.filter((item) => scores[item]! > 0);
    },
  };
}
