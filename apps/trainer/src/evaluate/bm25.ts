import { words } from "@poeem/query-tower";
import MiniSearch from "minisearch";

/** A lexical baseline: BM25+ (MiniSearch) over the same item texts that the item tower reads, the same tokenizer, any word may match. */
export interface LexicalIndex {
  /** Item numbers of the k best matches, best first; fewer when fewer match. */
  search(query: string, k: number): Uint32Array;
}

export function buildLexicalIndex(texts: readonly string[]): LexicalIndex {
  const index = new MiniSearch<{ id: number; text: string }>({
    fields: ["text"],
    // the tokenizer has lower-cased already
    tokenize: (text) => words(text, 1 << 20),
    processTerm: (term) => term,
  });
  index.addAll(texts.map((text, id) => ({ id, text })));
  return {
    search: (query, k) => Uint32Array.from(index.search(query).slice(0, k), (hit) => hit.id as number),
  };
}
