import { indexTerms } from "@poeem/towers";
import type { ItemTable } from "../data/types.ts";
import { averageLength, saturationsOf } from "../words/bm25f.ts";
import { columnTerms, queryTerms } from "../words/item-words.ts";
import type { ItemQueries } from "../words/queries.ts";
import { TermNumbers } from "../words/terms.ts";
import { invertedFile, type LexicalIndex } from "./inverted-file.ts";

/**
 * BM25F over what the words of an index are made of, each text column a field and the training queries one more, but
 * plainly: real numbers instead of impacts, terms as they stand, no similar ones. An item scores Σ idf · tf̃ / (tf̃ +
 * 1.2) over the terms of a query, with idf = ln(1 + (N − df + ½) / (df + ½)) and tf̃ as in `words/bm25f.ts`.
 *
 * @param columns of the items, a field each
 */
export function buildBm25fIndex(
  items: ItemTable,
  columns: readonly string[],
  queries: ItemQueries | undefined,
): LexicalIndex {
  const numbers = new TermNumbers();
  const lists = columns.map((column) => columnTerms(items, column, numbers));
  if (queries) lists.push(queryTerms(queries, numbers));
  const fields = lists.flatMap((terms) => {
    const mean = averageLength(terms);
    return mean > 0 ? [{ terms, weight: 1, averageLength: mean }] : [];
  });
  const { offsets, numbers: values, values: weights } = saturationsOf(fields, items.count, numbers.size);
  return invertedFile({
    names: numbers.terms,
    terms: { offsets, values },
    weights,
    idf: (count) => Math.log(1 + (items.count - count + 0.5) / (count + 0.5)),
    termsOf: indexTerms,
  });
}
