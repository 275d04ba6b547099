import { indexTerms } from "@poeem/towers";
import { CsrBuilder, listOf } from "../data/csr.ts";
import { invertedFile, type LexicalIndex, TermNumbers } from "./inverted-file.ts";

/** How soon more of a term stops to count, and how much a long field counts against it: the customary values. */
const K1 = 1.2;
const B = 0.75;

/**
 * BM25F (Robertson, Zaragoza and Taylor 2004; every field of weight 1) over the terms of an index, as they stand: no
 * stems, no similar words. An item scores Σ idf · tf / (tf + k1) over the terms of a query, with tf = Σ over fields of
 * count / (1 − b + b · length / mean length) and idf = ln(1 + (N − df + ½) / (df + ½)).
 *
 * @param fields text of every item, field by field
 */
export function buildBm25fIndex(fields: readonly (readonly string[])[]): LexicalIndex {
  const numbers = new TermNumbers();
  const read = fields.map((texts) => {
    const lists = new CsrBuilder();
    for (const text of texts) {
      for (const term of indexTerms(text)) lists.push(numbers.of(term));
      lists.end();
    }
    return lists.build();
  });
  const numItems = fields[0]?.length ?? 0;
  const terms = new CsrBuilder();
  const weights: number[] = [];
  for (let item = 0; item < numItems; item++) {
    const counts = new Map<number, number>();
    for (const lists of read) {
      const list = listOf(lists, item);
      const length = 1 - B + (B * list.length) / (lists.values.length / numItems);
      for (const term of list) counts.set(term, (counts.get(term) ?? 0) + 1 / length);
    }
    for (const [term, tf] of counts) {
      terms.push(term);
      weights.push(tf / (tf + K1));
    }
    terms.end();
  }
  const idf = (count: number): number => Math.log(1 + (numItems - count + 0.5) / (count + 0.5));
  return invertedFile({ termOf: numbers.map, terms: terms.build(), weights, idf, termsOf: indexTerms });
}
