import type { Random } from "@poeem/indexing-layer";
import { answerQuestion, type Searched } from "@poeem/towers";
import type { Candidates } from "./candidates.ts";
import { nonsenseWords } from "./nonsense.ts";

const NONSENSE = 200;
/** Fewer of them have no 95th percentile. */
const FEWEST = 20;
const FLOOR_SHARE = 0.95;

/**
 * The best score by codes that nonsense gets: the 95th percentile over made-up words. 0 where the query tower has
 * nothing to say of them; undefined where no nonsense can be made of the terms.
 */
export async function nonsenseScore(
  searched: Searched,
  terms: readonly string[],
  random: Random,
): Promise<number | undefined> {
  const made = nonsenseWords(searched.words!, terms, NONSENSE, random);
  if (made.length < FEWEST) return undefined;
  const scores: number[] = [];
  for (const text of made) {
    const answer = await answerQuestion(searched, { text }, { mode: "dense", k: 1 });
    if (answer && answer.dense.length > 0) scores.push(answer.dense[0]!);
  }
  if (scores.length < FEWEST) return 0;
  return scores.sort((a, b) => a - b)[Math.floor(FLOOR_SHARE * (scores.length - 1))]!;
}

/**
 * The best score by codes that a query of people gets: the median over queries, of those that the query tower has
 * something to say of. Undefined where it has of none.
 */
export function usualScore(queries: readonly Pick<Candidates, "byText">[]): number | undefined {
  const known = queries.filter(({ byText }) => byText.some((score) => score !== 0));
  const best = known.map(({ byText }) => Math.max(...byText));
  return best.sort((a, b) => a - b)[Math.floor(best.length / 2)];
}
