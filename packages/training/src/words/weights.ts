import { counted, formatCount } from "@poeem/offline/progress";
import type { Csr } from "../data/csr.ts";
import { rankingMetrics } from "../rank/metrics.ts";
import { type Candidates, rankCandidates } from "./candidates.ts";

/** What codes and words count for in a search by both. */
export interface Weights {
  readonly dense: number;
  readonly words: number;
}

/** What a pair of weights found of the queries that it was tried with. */
export interface WeightsTried extends Weights {
  readonly recallAt10: number;
  readonly ndcgAt10: number;
}

/** The weights of an index, and what they were chosen by. */
export interface WeightsChoice extends Weights {
  /** Validation queries with a text that is not trained on in any spelling. */
  readonly queries: number;
  /** From words alone to codes alone; empty where there are too few queries to choose by. */
  readonly tried: readonly WeightsTried[];
}

/** Fewer queries than this say more of themselves than of the weights. */
const FEWEST = 100;

/** What was found for a query, and what of it is right. */
export interface TriedQueries {
  readonly candidates: readonly Candidates[];
  /** Ordinals to find, of each query. */
  readonly relevant: Csr;
  /** Place of each ordinal in order of ids. */
  readonly rank: ArrayLike<number>;
}

/** Weights of codes for a weight of words of 1, ∞ being codes alone. Those nearer 1 come first: they win a tie. */
const LAMBDAS = [1, 0.5, 2, 0.25, 4, 8, 0, Infinity];

const weightsOf = (lambda: number): Weights =>
  lambda === Infinity ? { dense: 1, words: 0 } : { dense: lambda, words: 1 };
/** The weight of codes for a weight of words of 1. */
export const lambdaOf = ({ dense, words }: Weights): number => dense / words;

/** The weights with the best recall@10 + nDCG@10; 1 and 1 where there are fewer than 100 queries. */
export function chooseWeights({ candidates, relevant, rank }: TriedQueries): WeightsChoice {
  const queries = candidates.length;
  if (queries < FEWEST) return { ...weightsOf(1), queries, tried: [] };
  const tried = LAMBDAS.map(weightsOf).map((weights): WeightsTried => {
    const ranked = candidates.map((one) => rankCandidates(one, weights, rank));
    const { recallAt10, ndcgAt10 } = rankingMetrics(ranked, relevant);
    return { ...weights, recallAt10, ndcgAt10 };
  });
  const { dense, words } = tried.reduce((best, one) => (quality(one) > quality(best) ? one : best));
  return { dense, words, queries, tried: tried.sort((a, b) => lambdaOf(a) - lambdaOf(b)) };
}

const quality = (one: WeightsTried): number => one.recallAt10 + one.ndcgAt10;

/** recall@10 + nDCG@10 of the weights that were chosen; −∞ where nothing was tried. */
export const foundBy = (choice: WeightsChoice): number =>
  Math.max(...choice.tried.filter((one) => lambdaOf(one) === lambdaOf(choice)).map(quality));

/** The choice as lines for a person. */
export function describeWeights(choice: WeightsChoice): string[] {
  const { queries, tried } = choice;
  if (tried.length === 0)
    return [
      `codes and words count the same: a weight is chosen from ${FEWEST} validation queries with a text, ` +
        `got ${formatCount(queries)}`,
    ];
  const lambda = lambdaOf(choice);
  const found = (of: number): string => {
    const { recallAt10, ndcgAt10 } = tried.find((one) => lambdaOf(one) === of)!;
    return `${recallAt10.toFixed(3)} / ${ndcgAt10.toFixed(3)}`;
  };
  const said =
    `weight of codes beside words ${lambda === Infinity ? "∞" : lambda}, chosen from ` +
    `${counted(queries, "validation query")}; recall@10 / nDCG@10 by words alone ${found(0)}, ` +
    `by codes alone ${found(Infinity)}, by both ${found(lambda)}`;
  const meaning = new Map([
    [0, "codes add nothing to words here, which is what too few events look like: more of them would help"],
    [Infinity, "words add nothing to codes here: people ask in other words than the items have"],
  ]).get(lambda);
  return [said, ...(meaning === undefined ? [] : [meaning])];
}
