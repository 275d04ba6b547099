import { words } from "@poeem/towers";
import MiniSearch from "minisearch";
import type { LexicalIndex } from "./inverted-file.ts";

/** BM25+ (MiniSearch) over the words of a query tower trained today; any word may match. */
export function buildLexicalIndex(texts: readonly string[]): LexicalIndex {
  const index = new MiniSearch<{ id: number; text: string }>({
    fields: ["text"],
    // the tokenizer has lower-cased already
    tokenize: (text) => words(text, 1 << 20),
    processTerm: (term) => term,
  });
  index.addAll(texts.map((text, id) => ({ id, text })));
  return { search: (query, k) => Uint32Array.from(index.search(query).slice(0, k), (hit) => hit.id as number) };
}
