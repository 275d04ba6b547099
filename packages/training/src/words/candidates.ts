import type { ItemId } from "@poeem/pq-core";
import type { Answer, Question, Searched } from "@poeem/towers";
import { askOnce } from "../rank/ask.ts";

/** What a hybrid search with weights in any proportion chooses from, scored by both sides. */
export interface Candidates {
  readonly ordinals: readonly number[];
  /** Score by codes of each; 0 for all of a query without a vector. */
  readonly dense: readonly number[];
  /** The same for the text itself, where `dense` leans to a history. */
  readonly byText: readonly number[];
  /** Share by words of each. */
  readonly shares: readonly number[];
  /** Whether each was asked for by its name. */
  readonly named: readonly boolean[];
}

/** The best of each side: more than ten results need of them. */
const OF_EACH_SIDE = 60;
const ONE_SIDED = [
  { dense: 1, words: 0 },
  { dense: 0, words: 1 },
];

/** The best by codes and the best by words of a question. */
export async function candidatesOf(searched: Searched, question: Question<ItemId>): Promise<Candidates> {
  const found = new Map<number, { dense: number; byText: number; share: number; named: boolean }>();
  for (const weights of ONE_SIDED) {
    const answer = await askOnce(searched, question, { mode: "hybrid", k: OF_EACH_SIDE, weights });
    if (answer) collect(answer, found);
  }
  const all = [...found.values()];
  return {
    ordinals: [...found.keys()],
    dense: all.map(({ dense }) => dense),
    byText: all.map(({ byText }) => byText),
    shares: all.map(({ share }) => share),
    named: all.map(({ named }) => named),
  };
}

function collect({ ordinals, dense, byText, shares, named }: Answer, into: Map<number, object>): void {
  const known = (score: number): number => (Number.isNaN(score) ? 0 : score);
  ordinals.forEach((ordinal, i) => {
    const scores = { dense: known(dense[i]!), byText: known(byText[i]!) };
    into.set(ordinal, { ...scores, share: shares[i]!, named: named[i] === 1 });
  });
}

/**
 * Ordinals of the best ten as a search with these weights ranks them.
 *
 * @param rank place of each ordinal in order of ids, by which equal scores rank
 */
export function rankCandidates(
  { ordinals, dense, shares, named }: Candidates,
  weights: { readonly dense: number; readonly words: number },
  rank: ArrayLike<number>,
): number[] {
  const first = 2 * weights.dense + weights.words;
  const scores = dense.map((score, i) => weights.dense * score + weights.words * shares[i]! + (named[i] ? first : 0));
  return Array.from(ordinals.keys())
    .sort((a, b) => scores[b]! - scores[a]! || rank[ordinals[a]!]! - rank[ordinals[b]!]!)
    .slice(0, 10)
    .map((i) => ordinals[i]!);
}
