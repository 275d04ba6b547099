/** Points of the Analytics Engine. Their places are what queries of operators name: new ones come last. */
import type { ProblemType } from "./http/problem.ts";
import type { QUERY_KINDS } from "./http/requests.ts";

/** What is counted of a search, or of a request that was refused or failed. Numbers that are unknown are 0. */
export interface Figures {
  /** Names that are unknown are "none". */
  readonly index: string;
  readonly indexVersion: string;
  readonly kind: (typeof QUERY_KINDS)[number] | "none";
  readonly outcome: "answered" | ProblemType;
  readonly k: number;
  readonly nprobe: number;
  readonly listsProbed: number;
  readonly codesScanned: number;
  readonly results: number;
  readonly status: number;
  /** Operations on the store, and the bytes that they and a cache before it brought. */
  readonly reads: number;
  readonly bytes: number;
  /** Its price, in the unit of LIMITS. */
  readonly work: number;
  /** Milliseconds that its request waited for a turn so far. */
  readonly waitedMs: number;
  /** Values that a cache had before the store was asked. */
  readonly cached: number;
}

/** Of a request that found nothing out. */
export const NO_FIGURES = {
  index: "none",
  indexVersion: "none",
  kind: "none",
  ...{ k: 0, nprobe: 0, listsProbed: 0, codesScanned: 0, results: 0 },
  ...{ reads: 0, bytes: 0, work: 0, waitedMs: 0, cached: 0 },
} as const;

/** See docs/runbook.md. */
export function toDataPoint(figures: Figures) {
  const { index, indexVersion, kind, outcome, k, nprobe, listsProbed, codesScanned, results } = figures;
  const { status, reads, bytes, work, waitedMs, cached } = figures;
  return {
    indexes: [indexVersion],
    blobs: [kind, index, outcome],
    doubles: [k, nprobe, listsProbed, codesScanned, results, status, reads, bytes, work, waitedMs, cached],
  };
}
