import { words } from "@poeem/towers";
import { toCsr } from "../data/csr.ts";
import { TermNumbers } from "../words/terms.ts";
import { invertedFile, type LexicalIndex } from "./inverted-file.ts";

/**
 * Cosine of TF-IDF vectors: tf · (1 + ln((1 + n) / (1 + df))), made unit vectors (Salton and Buckley 1988, with the
 * customary smoothing), over the words of a query tower trained today.
 */
export function buildTfidfIndex(texts: readonly string[]): LexicalIndex {
  const numbers = new TermNumbers();
  const counts = texts.map((text) => {
    const count = new Map<number, number>();
    for (const word of words(text, 1 << 20)) {
      const term = numbers.numberOf(word);
      count.set(term, (count.get(term) ?? 0) + 1);
    }
    return count;
  });
  const terms = toCsr(counts.map((count) => [...count.keys()]));
  const idf = (count: number): number => 1 + Math.log((1 + texts.length) / (1 + count));
  const having = new Uint32Array(numbers.size);
  for (const term of terms.values) having[term]!++;
  const weights = counts.flatMap((count) => {
    const norm = Math.hypot(...Array.from(count, ([term, n]) => n * idf(having[term]!)));
    return Array.from(count, ([term, n]) => (n * idf(having[term]!)) / norm);
  });
  // the norm of the query changes no order
  return invertedFile({ names: numbers.terms, terms, weights, idf, termsOf: (query) => words(query) });
}
