import { type ProgressStarter, silentProgress } from "@poeem/offline/progress";
import type { Index, ItemId } from "@poeem/pq-core";
import { bytesPerItem } from "../artifact/summary.ts";
import type { Csr } from "../data/csr.ts";
import { rankExhaustively } from "../rank/dense-rank.ts";
import { decodedVectors, rankWithIndex } from "../rank/index-rank.ts";
import {
  type MetricOptions,
  overlapAtK,
  type RankingMetrics,
  rankingMetrics,
  withUsualCutoffs,
} from "../rank/metrics.ts";
import type { QueryEncoder } from "../rank/query-encoder.ts";
import { indexAfterwards, type Shape } from "./afterwards.ts";
import type { EvaluationResult } from "./result.ts";
import type { EvaluationRow, RowFacts, RowKind } from "./row.ts";
import { type AskedInWords, measureWords } from "./words-rows.ts";

/** Held-out queries and what ranks them. */
export interface Evaluation {
  readonly index: Index;
  readonly ids: readonly ItemId[];
  /** Item vectors before quantization, (items, dim); undefined to leave out what is measured with them. */
  readonly dense: Float32Array | undefined;
  /** The query tower of the index. */
  readonly encode: QueryEncoder;
  /** True where it reads no item vectors: then those of the index are not decoded, which takes much memory. */
  readonly withoutItems?: boolean | undefined;
  /** The query tower as it would be for an index of other item vectors (items, dim). */
  readonly encodeFor: (items: Float32Array) => Promise<QueryEncoder>;
  /** Items to find, and items left out of the ranking, of each query. */
  readonly relevant: Csr;
  readonly seen: Csr;
  /** Numbers of the queries that are no item's text; undefined without texts. */
  readonly unnamed: Uint32Array | undefined;
  /** What is asked in words; undefined where the index has none or the queries no text. */
  readonly words?: AskedInWords | undefined;
  /** Rankings without a vector: popularity, item-kNN, BM25 and the like. */
  readonly baselines: readonly Baseline[];
  /** Bytes per item at which IVF+PQ and IVF+OPQ are made from the dense vectors; empty = not at all. */
  readonly afterwards: readonly number[];
  readonly seed: number;
  /** Cells visited by each query vector, one row each; default: powers of two up to all that have an item. */
  readonly probes?: readonly number[] | undefined;
  /** Cut-offs of the lists beside the usual ones. */
  readonly cutoffs?: readonly number[] | undefined;
  readonly startProgress?: ProgressStarter | undefined;
}

export interface Baseline {
  readonly name: string;
  readonly bytesPerItem: number | null;
  rank(k: number): Uint32Array[];
}

/**
 * Measures every row: dense brute force, the index by codes at several nprobe, by words and by both, indexes made
 * afterwards, baselines.
 *
 * @throws InputError for cut-offs that cannot be used
 */
export async function measureAll(evaluation: Evaluation): Promise<EvaluationRow[]> {
  const { index, ids, encode, relevant, seen, unnamed, words, baselines, cutoffs } = evaluation;
  const k = withUsualCutoffs(cutoffs).at(-1)!;
  const { dim, nlist, defaultNprobe, metric } = index.manifest;
  const dense = evaluation.dense && (metric === "cosine" ? unitRows(evaluation.dense, dim) : evaluation.dense);
  const n = relevant.offsets.length - 1;
  const filled = filledCells(index);
  const usual = Math.min(defaultNprobe, filled);
  const ladder = evaluation.probes
    ? [...new Set(evaluation.probes.map((nprobe) => Math.min(nprobe, filled)))]
    : probeLadder(filled, usual);
  const shapes = dense ? shapesAfterwards(index.manifest, evaluation.afterwards) : [];
  // what is scored by each index afterwards: a smaller ladder, twice (PQ and OPQ) a size
  // those have cells one by one
  const { cellsPerPage = 1 } = index.manifest;
  const afterProbes = [...new Set([usual * cellsPerPage, Math.max(1, nlist)])];
  const rankings = Number(dense !== undefined) + ladder.length + 2 * shapes.length * afterProbes.length;
  const total = (rankings + (words ? 1 + ladder.length : 0)) * n;
  const progress = (evaluation.startProgress ?? silentProgress)("evaluate", total, "queries");
  let before = 0;
  const watch = (note: string) => (done: number) => progress.update(Math.min(total, before + done), note);

  const exact =
    dense &&
    (await rankExhaustively(await evaluation.encodeFor(dense), {
      items: dense,
      dim,
      k,
      seen,
      onQuery: watch("dense"),
    }));
  if (exact) before += n;
  const rows: EvaluationRow[] = [];
  const add = (ranked: readonly Uint32Array[], facts: RowFacts, selected?: Uint32Array): void => {
    const measured = (options: MetricOptions): RankingMetrics => rankingMetrics(ranked, relevant, options);
    // part of the queries is no row to compare with the others
    const isWhole = selected === undefined;
    rows.push({
      ...facts,
      overlapAt10: exact && exact !== ranked && isWhole ? overlapAtK(ranked, exact, 10) : null,
      recallAt10Unnamed: unnamed && isWhole ? measured({ selected: unnamed }).recallAt10 : null,
      ...measured({ selected, cutoffs }),
    });
  };
  if (exact) add(exact, { name: "dense brute force", kind: "dense", bytesPerItem: dim * 4, nprobe: null, scanned: 1 });
  const labelled = (name: string, nprobe: number): string => (nprobe === usual ? `${name} (default nprobe)` : name);
  const measureIndex = async (
    name: string,
    kind: RowKind,
    searched: Index,
    itemIds: readonly ItemId[],
    probes: readonly number[],
  ): Promise<void> => {
    const isBlind = searched === index && evaluation.withoutItems;
    const decoded = isBlind ? new Float32Array(0) : await decodedVectors(searched, itemIds);
    const asked = searched === index ? encode : await evaluation.encodeFor(decoded);
    for (const nprobe of probes) {
      const { ranked, scanned } = await rankWithIndex(searched, asked, decoded, {
        ...{ ids: itemIds, k, nprobe, seen },
        onQuery: watch(`${name}, nprobe ${nprobe}`),
      });
      before += n;
      const label = kind === "index" ? labelled(name, nprobe) : name;
      add(ranked, { name: label, kind, bytesPerItem: bytesPerItem(searched.manifest), nprobe, scanned });
    }
  };
  await measureIndex("index", "index", index, ids, ladder);
  if (words) {
    const asked = { ids, k, seen, probes: ladder, usual, seed: evaluation.seed };
    for await (const { ranked, selected, ...facts } of measureWords(words, relevant, { ...asked, watch })) {
      before += selected ? 0 : n;
      add(ranked, facts.kind === "hybrid" ? { ...facts, name: labelled(facts.name, facts.nprobe!) } : facts, selected);
    }
  }
  const numbers = Array.from(ids.keys());
  for (const shape of shapes) {
    for (const rotation of ["none", "opq"] as const) {
      const name = rotation === "opq" ? "IVF+OPQ afterwards" : "IVF+PQ afterwards";
      progress.update(before, `fitting ${name}`);
      const made = await indexAfterwards(dense!, shape, rotation, evaluation.seed);
      await measureIndex(name, rotation === "opq" ? "ivf-opq" : "ivf-pq", made, numbers, afterProbes);
    }
  }
  for (const { name, bytesPerItem, rank } of baselines) {
    progress.update(before, name);
    add(rank(k), { name, kind: "baseline", bytesPerItem, nprobe: null, scanned: 1 });
  }
  progress.stop();
  return rows;
}

/** Inner products with unit vectors are cosines. */
export function unitRows(vectors: Float32Array, dim: number): Float32Array {
  const unit = vectors.slice();
  for (let start = 0; start < unit.length; start += dim) {
    const row = unit.subarray(start, start + dim);
    const norm = Math.hypot(...row);
    if (norm > 0) for (let d = 0; d < dim; d++) row[d]! /= norm;
  }
  return unit;
}

/**
 * Cells with an item, or runs of cells where they share pages: no others are visited, so that more are the same search.
 */
export function filledCells({
  cellSizes,
  manifest: { cellsPerPage = 1 },
}: Pick<Index, "cellSizes" | "manifest">): number {
  let filled = 0;
  for (let first = 0; first < cellSizes.length; first += cellsPerPage)
    filled += Number(cellSizes.subarray(first, first + cellsPerPage).some((size) => size > 0));
  return Math.max(1, filled);
}

/** What a catalogue lost and gained since the training. @param ids of the data */
export async function changedSince(index: Index, ids: readonly ItemId[]): Promise<Pick<EvaluationResult, "changed">> {
  let removed = 0;
  for (const ordinal of await index.ordinals(ids)) if (ordinal < 0) removed++;
  const added = index.manifest.numItems - (ids.length - removed);
  return removed + added > 0 ? { changed: { removed, added } } : {};
}

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
