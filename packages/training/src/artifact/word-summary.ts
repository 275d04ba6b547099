import type { Index } from "@poeem/pq-core";
import { openWords, type WordFacts } from "@poeem/pq-core/words";
import { chunksByKind } from "./summary.ts";

/** How much the words of an index are, and what they count for. */
export interface WordSummary extends WordFacts {
  readonly terms: number;
  /** Pairs of a term and an item that has it. */
  readonly postings: number;
  /** Bytes of the chunks with posting lists, for each item. */
  readonly postingBytesPerItem: number;
  /** Bytes of the chunks with the terms and the names of items, for each item. */
  readonly vocabularyBytesPerItem: number;
}

/** Undefined for an index without words. */
export async function summarizeWords(index: Index): Promise<WordSummary | undefined> {
  const words = await openWords(index);
  if (words === undefined) return undefined;
  const { facts, numTerms, numItems } = words;
  const bytesOf = chunksByKind(index.manifest);
  const perItem = (kind: "words" | "postings"): number => (bytesOf[kind]?.bytes ?? 0) / Math.max(1, numItems);
  return {
    ...facts,
    terms: numTerms,
    postings: words.numPostings,
    postingBytesPerItem: perItem("postings"),
    vocabularyBytesPerItem: perItem("words"),
  };
}
