import type { Index } from "@poeem/pq-core";
import { summarizeWords } from "../artifact/word-summary.ts";
import type { Facts } from "./facts.ts";

/** The words of an index, if it has some. */
export async function wordFacts(index: Index): Promise<Facts | undefined> {
  const summary = await summarizeWords(index);
  if (summary === undefined) return undefined;
  const { dense, words, near, ...amounts } = summary;
  return {
    ...amounts,
    weightOfCodes: dense,
    weightOfWords: words,
    scoreOfNonsense: near?.[0],
    usualScore: near?.[1],
  };
}
