import type { RankingMetrics } from "../rank/metrics.ts";

/**
 * What a row ranks with; the report groups its plots by it. `index` ranks by codes alone, `words` by words alone,
 * `hybrid` by both, and `spoiled` by both again, asked with slips or before the last word is finished.
 */
export type RowKind = "dense" | "index" | "words" | "hybrid" | "spoiled" | "ivf-pq" | "ivf-opq" | "baseline";

/** One line of the table: a way to rank, its quality, what it keeps per item and how much of it a query reads. */
export interface EvaluationRow extends RankingMetrics {
  readonly name: string;
  readonly kind: RowKind;
  /** What ranking keeps of an item, ids and fields aside: vector, code or words; null where that is not known. */
  readonly bytesPerItem: number | null;
  /** Cells visited by each query vector; null without cells. */
  readonly nprobe: number | null;
  /** Mean share of the items whose codes were scanned. */
  readonly scanned: number;
  /** Share of dense brute force's top 10 that is in this top 10; null for dense itself and where it is skipped. */
  readonly overlapAt10: number | null;
  /** recall@10 over the queries that are not, word for word, the text of an item; null without texts. */
  readonly recallAt10Unnamed: number | null;
  /** Of spoiled queries: recall@10 of the same ranking and the same queries as they were. */
  readonly cleanRecallAt10?: number;
}

/** What a row says beside its figures. */
export type RowFacts = Pick<EvaluationRow, "name" | "kind" | "bytesPerItem" | "nprobe" | "scanned" | "cleanRecallAt10">;
