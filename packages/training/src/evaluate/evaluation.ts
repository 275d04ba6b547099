import { type ProgressStarter, silentProgress } from "@poeem/offline/progress";
import type { Index, ItemId } from "@poeem/pq-core";
import { bytesPerItem } from "../artifact/summary.ts";
import type { Csr } from "../data/csr.ts";
import { rankExhaustively } from "../rank/dense-rank.ts";
import { decodedVectors, rankWithIndex } from "../rank/index-rank.ts";
import { LIST_LENGTH, overlapAtK, type RankingMetrics, rankingMetrics } from "../rank/metrics.ts";
import type { QueryEncoder } from "../rank/query-encoder.ts";
import { indexAfterwards, type Shape } from "./afterwards.ts";

/** What a row ranks with; the report groups its plots by it. */
export type RowKind = "dense" | "index" | "ivf-pq" | "ivf-opq" | "baseline";

/** One line of the table: a way to rank, its quality, what it keeps per item and how much of it a query reads. */
export interface EvaluationRow extends RankingMetrics {
  readonly name: string;
  readonly kind: RowKind;
  /** What ranking keeps of an item, ids and fields aside; null where that is no vector or code. */
  readonly bytesPerItem: number | null;
  /** Cells visited by each query vector; null without cells. */
  readonly nprobe: number | null;
  /** Mean share of the items whose codes were scanned. */
  readonly scanned: number;
  /** Share of dense brute force's top 10 that is in this top 10; null for dense itself. */
  readonly overlapAt10: number | null;
  /** recall@10 over the queries that are not, word for word, the text of an item; null without texts. */
  readonly recallAt10Unnamed: number | null;
}

/** Held-out queries and what ranks them. */
export interface Evaluation {
  readonly index: Index;
  readonly ids: readonly ItemId[];
  /** Item vectors before quantization, (items, dim). */
  readonly dense: Float32Array;
  /** The query tower of the index. */
  readonly encode: QueryEncoder;
  /** The query tower as it would be for an index of other item vectors (items, dim). */
  readonly encodeFor: (items: Float32Array) => Promise<QueryEncoder>;
  /** Items to find, and items left out of the ranking, of each query. */
  readonly relevant: Csr;
  readonly seen: Csr;
  /** Numbers of the queries that are no item's text; undefined without texts. */
  readonly unnamed: Uint32Array | undefined;
  /** Rankings without a vector: popularity, item-kNN, BM25 and the like. */
  readonly baselines: readonly Baseline[];
  /** Bytes per item at which IVF+PQ and IVF+OPQ are made from the dense vectors; empty = not at all. */
  readonly afterwards: readonly number[];
  readonly seed: number;
  /** Cells visited by each query vector, one row each; default: powers of two up to all that have an item. */
  readonly probes?: readonly number[] | undefined;
  readonly startProgress?: ProgressStarter | undefined;
}

export interface Baseline {
  readonly name: string;
  readonly bytesPerItem: number | null;
  rank(k: number): Uint32Array[];
}

/** Measures every row: dense brute force, the index at several nprobe, indexes made afterwards, baselines. */
export async function measureAll(evaluation: Evaluation): Promise<EvaluationRow[]> {
  const { index, ids, encode, relevant, seen, unnamed, baselines, startProgress = silentProgress } = evaluation;
  const { dim, nlist, defaultNprobe, metric } = index.manifest;
  const dense = metric === "cosine" ? unitRows(evaluation.dense, dim) : evaluation.dense;
  const n = relevant.offsets.length - 1;
  const filled = filledCells(index);
  const usual = Math.min(defaultNprobe, filled);
  const ladder = evaluation.probes
    ? [...new Set(evaluation.probes.map((nprobe) => Math.min(nprobe, filled)))]
    : probeLadder(filled, usual);
  const shapes = shapesAfterwards(index.manifest, evaluation.afterwards);
  // what is scored by each index afterwards: a smaller ladder, twice (PQ and OPQ) a size
  const afterProbes = [...new Set([usual, Math.max(1, nlist)])];
  const total = (1 + ladder.length + 2 * shapes.length * afterProbes.length) * n;
  const progress = startProgress("evaluate", total, "queries");
  let before = 0;
  const watch = (note: string) => (done: number) => progress.update(before + done, note);

  const exact = await rankExhaustively(await evaluation.encodeFor(dense), {
    items: dense,
    dim,
    k: LIST_LENGTH,
    seen,
    onQuery: watch("dense"),
  });
  before += n;
  const row = (
    ranked: Uint32Array[],
    facts: Pick<EvaluationRow, "name" | "kind" | "bytesPerItem" | "nprobe" | "scanned">,
  ): EvaluationRow => ({
    ...facts,
    overlapAt10: facts.kind === "dense" ? null : overlapAtK(ranked, exact, 10),
    recallAt10Unnamed: unnamed === undefined ? null : rankingMetrics(ranked, relevant, unnamed).recallAt10,
    ...rankingMetrics(ranked, relevant),
  });
  const rows = [
    row(exact, { name: "dense brute force", kind: "dense", bytesPerItem: dim * 4, nprobe: null, scanned: 1 }),
  ];
  const measureIndex = async (
    name: string,
    kind: RowKind,
    searched: Index,
    itemIds: readonly ItemId[],
    probes: readonly number[],
  ): Promise<void> => {
    const decoded = await decodedVectors(searched, itemIds);
    const asked = searched === index ? encode : await evaluation.encodeFor(decoded);
    for (const nprobe of probes) {
      const { ranked, scanned } = await rankWithIndex(searched, asked, decoded, {
        ids: itemIds,
        k: LIST_LENGTH,
        nprobe,
        seen,
        onQuery: watch(`${name}, nprobe ${nprobe}`),
      });
      before += n;
      const label = kind === "index" && nprobe === usual ? `${name} (default nprobe)` : name;
      rows.push(row(ranked, { name: label, kind, bytesPerItem: bytesPerItem(searched.manifest), nprobe, scanned }));
    }
  };
  await measureIndex("index", "index", index, ids, ladder);
  const numbers = Array.from(ids.keys());
  for (const shape of shapes) {
    for (const rotation of ["none", "opq"] as const) {
      const name = rotation === "opq" ? "IVF+OPQ afterwards" : "IVF+PQ afterwards";
      progress.update(before, `fitting ${name}`);
      const made = await indexAfterwards(dense, shape, rotation, evaluation.seed);
      await measureIndex(name, rotation === "opq" ? "ivf-opq" : "ivf-pq", made, numbers, afterProbes);
    }
  }
  for (const { name, bytesPerItem, rank } of baselines) {
    progress.update(before, name);
    rows.push(row(rank(LIST_LENGTH), { name, kind: "baseline", bytesPerItem, nprobe: null, scanned: 1 }));
  }
  progress.stop();
  return rows;
}

/** Inner products with unit vectors are cosines. */
function unitRows(vectors: Float32Array, dim: number): Float32Array {
  const unit = vectors.slice();
  for (let start = 0; start < unit.length; start += dim) {
    const row = unit.subarray(start, start + dim);
    const norm = Math.hypot(...row);
    if (norm > 0) for (let d = 0; d < dim; d++) row[d]! /= norm;
  }
  return unit;
}

/** Cells with an item: no others are visited, so that more are the same search. */
export const filledCells = ({ cellSizes }: Pick<Index, "cellSizes">): number =>
  Math.max(
    1,
    cellSizes.reduce((sum, size) => sum + Number(size > 0), 0),
  );

/** Powers of two up to all cells that have an item, the default and all. */
export function probeLadder(cells: number, defaultNprobe: number): number[] {
  const powers = Array.from({ length: 25 }, (_, i) => 2 ** i).filter((nprobe) => nprobe < cells);
  return [...new Set([...powers, defaultNprobe, cells])].sort((a, b) => a - b);
}

/** The index's own shape at other code sizes; sizes that `dim` cannot be cut into are left out. */
function shapesAfterwards({ dim, metric, nlist, nbits }: Shape, sizes: readonly number[]): Shape[] {
  return sizes
    .map((bytes) => ({ dim, metric, nlist, nbits, numSubQuantizers: (bytes * 8) / nbits }))
    .filter(({ numSubQuantizers: M }) => Number.isInteger(M) && M <= dim && dim % M === 0);
}
