import type { Codebook } from "../codebook.ts";
import type { RefinePage } from "../format/refine-pages.ts";
import type { Ranking } from "../kernel.ts";
import type { Merge } from "../types.ts";
import { logSumExp } from "./mixture.ts";
import { type Head, scoreVector } from "./score.ts";
import { takeBest } from "./ties.ts";

/** The second pass: candidates scored again by their refine codes, the k best kept and all that tie with the last. Scores are those of the codes. */
export function refineRanking(
  metric: Codebook["metric"],
  heads: readonly Head[],
  ordinals: Uint32Array,
  candidates: readonly { readonly page: RefinePage; readonly at: number }[],
  k: number,
  merge: Merge,
): Ranking {
  const pairs = candidates.map(({ page, at }, i) => {
    const scores = heads.map(({ original }) =>
      scoreVector(metric, original, page.codes, at * original.length, page.scales[at]!),
    );
    return [ordinals[i]!, Math.fround(mergeScores(scores, merge))] as const;
  });
  return takeBest(Math.min(k, ordinals.length), pairs);
}

function mergeScores(scores: readonly number[], merge: Merge): number {
  if (merge.by === "max") return Math.max(...scores);
  const { temperature, weights } = merge;
  return logSumExp(scores.map((score, h) => temperature * score + (weights === undefined ? 0 : Math.log(weights[h]!))));
}
