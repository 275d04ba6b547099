import { counted, formatCount } from "@poeem/offline/progress";
import { type Csr, listOf, toCsr } from "../data/csr.ts";
import { FEW_EVENTS } from "../data/own-sentences.ts";
import { rankingMetrics } from "../rank/metrics.ts";
import { type Candidates, rankCandidates } from "./candidates.ts";

/** What codes and words count for in a search by both. */
export interface Weights {
  readonly dense: number;
  readonly words: number;
}

/** What a pair of weights found of the queries that it was tried with. */
interface WeightsTried extends Weights {
  readonly recallAt10: number;
  readonly ndcgAt10: number;
}

/** The weights of an index, and what they were chosen by. */
export interface WeightsChoice extends Weights {
  /** Validation queries with a text that is not trained on in any spelling. */
  readonly queries: number;
  /** From words alone to codes alone; empty where there are too few queries to choose freely by. */
  readonly tried: readonly WeightsTried[];
}

/** With fewer queries than this, other weights must be better than the usual ones beyond doubt. */
const FEWEST = 100;
/** Fewer queries than this say more of themselves than of the weights. */
const FEWEST_AT_ALL = 10;
/** Standard errors of the difference that leave no doubt. */
const DOUBT = 2;

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

/**
 * The weight of codes where nothing was measured: 1, with few events for each item ¼, with none ⅛. At 1 codes that
 * learned from the items' own words alone cost up to .06 of recall@10, so no more than .01.
 */
export function usualLambda(eventsPerItem: number): number {
  if (eventsPerItem >= FEW_EVENTS) return 1;
  return eventsPerItem > 0 ? 0.25 : 0.125;
}

/**
 * The weights with the best recall@10 + nDCG@10. With fewer than 100 queries these are the usual ones, unless others
 * are better by two standard errors of the difference; with fewer than 10 always.
 *
 * @param usual the weight of codes where nothing tells
 */
export function chooseWeights({ candidates, relevant, rank }: TriedQueries, usual: number): WeightsChoice {
  const queries = candidates.length;
  // the usual one first: it wins a tie
  const lambdas = queries < FEWEST_AT_ALL ? [usual] : [usual, ...LAMBDAS.filter((lambda) => lambda !== usual)];
  const rankings = lambdas.map((lambda) => candidates.map((one) => rankCandidates(one, weightsOf(lambda), rank)));
  const tried = lambdas.map((lambda, i): WeightsTried => {
    const { recallAt10, ndcgAt10 } = rankingMetrics(rankings[i]!, relevant);
    return { ...weightsOf(lambda), recallAt10, ndcgAt10 };
  });
  const isFree = queries >= FEWEST;
  const each = isFree ? [] : rankings.map((ranked) => qualities(ranked, relevant));
  const isSure = (i: number): boolean => isFree || isBeyondDoubt(each[i]!, each[0]!);
  const { dense, words } = tried.reduce((best, one, i) => (quality(one) > quality(best) && isSure(i) ? one : best));
  return { dense, words, queries, tried: isFree ? tried.sort((a, b) => lambdaOf(a) - lambdaOf(b)) : [] };
}

/** recall@10 + nDCG@10 of each query. */
const qualities = (ranked: readonly number[][], relevant: Csr): number[] =>
  ranked.map((one, query) => {
    const { recallAt10, ndcgAt10 } = rankingMetrics([one], toCsr([[...listOf(relevant, query)]]));
    return recallAt10 + ndcgAt10;
  });

/** Whether the mean difference of pairs is more than two of its standard errors. */
function isBeyondDoubt(values: readonly number[], beside: readonly number[]): boolean {
  const differences = values.map((value, i) => value - beside[i]!);
  const n = differences.length;
  const mean = differences.reduce((sum, one) => sum + one, 0) / n;
  const variance = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1);
  return mean > DOUBT * Math.sqrt(variance / n);
}

const quality = (one: WeightsTried): number => one.recallAt10 + one.ndcgAt10;

/** Whether one choice finds more than another of the same queries, by two standard errors of the difference. */
export function findsMore(
  one: { readonly asked: TriedQueries; readonly choice: Weights },
  other: { readonly asked: TriedQueries; readonly choice: Weights },
): boolean {
  const found = ({ asked: { candidates, relevant, rank }, choice }: typeof one): number[] =>
    qualities(
      candidates.map((query) => rankCandidates(query, choice, rank)),
      relevant,
    );
  return isBeyondDoubt(found(one), found(other));
}

const name = (lambda: number): string => (lambda === Infinity ? "∞" : `${lambda}`);

/** The choice as lines for a person. */
export function describeWeights(choice: WeightsChoice): string[] {
  const { queries, tried } = choice;
  const lambda = lambdaOf(choice);
  if (tried.length === 0)
    return [
      `weight of codes beside words ${name(lambda)}: fewer than ${FEWEST} validation queries with a text change the ` +
        `usual one only beyond doubt, got ${formatCount(queries)}`,
    ];
  const found = (of: number): string => {
    const { recallAt10, ndcgAt10 } = tried.find((one) => lambdaOf(one) === of)!;
    return `${recallAt10.toFixed(3)} / ${ndcgAt10.toFixed(3)}`;
  };
  const said =
    `weight of codes beside words ${name(lambda)}, chosen from ` +
    `${counted(queries, "validation query")}; recall@10 / nDCG@10 by words alone ${found(0)}, ` +
    `by codes alone ${found(Infinity)}, by both ${found(lambda)}`;
  const meaning = new Map([
    [0, "codes add nothing to words here, which is what too few events look like: more of them would help"],
    [Infinity, "words add nothing to codes here: people ask in other words than the items have"],
  ]).get(lambda);
  return [said, ...(meaning === undefined ? [] : [meaning])];
}
