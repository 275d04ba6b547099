import type { Csr } from "@poeem/training/data/csr";
import { type MetricName, rankingMetrics } from "@poeem/training/rank/metrics";

/** The figures of every row. */
export const MEASURES = [
  ...(["recallAt10", "recallAt20", "recallAt50", "recallAt100"] as const),
  ...(["ndcgAt10", "ndcgAt20", "ndcgAt100"] as const),
] satisfies MetricName[];

export type Measure = (typeof MEASURES)[number];
/** Some runs of earlier versions lack one or the other. */
export type Measures = Readonly<Partial<Record<Measure, number>>>;

export interface Measured {
  readonly measures: Measures;
  /** Half the width of the 95 % interval of each mean over the test users. */
  readonly margins: Measures;
}

/** Of anything that has all figures by name. */
export const pick = (of: Readonly<Record<Measure, number>>): Measures =>
  Object.fromEntries(MEASURES.map((measure) => [measure, of[measure]]));

/** Figures of rankings, each test user counting alike. */
export function measure(ranked: readonly ArrayLike<number>[], relevant: Csr): Measured {
  const metrics = rankingMetrics(ranked, relevant);
  return { measures: pick(metrics), margins: pick(metrics.margin95) };
}
