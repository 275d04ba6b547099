import type { Codebook } from "../codebook/codebook.ts";
import { listOf } from "../format/inverted-lists.ts";
import { addTo } from "../group.ts";
import type { AdcKernel, Cells, Counts } from "../kernel/kernel.ts";
import { BestTerms } from "./best-terms.ts";
import type { WithTies } from "./finalists.ts";
import type { ReadyLists } from "./list-source.ts";
import { type Merge, weightingOf } from "./merge.ts";
import { mixturesOf, rankMixture, rankMixtureExactly } from "./mixture.ts";
import type { Resolved } from "./options.ts";
import { type Probed, visitCells } from "./plan.ts";
import { Queries } from "./queries.ts";
import { addOwn, addRest } from "./query-vectors.ts";
import { kernelFloor, type Scan, spareFor } from "./rank.ts";
import { type QueryVector, shiftScores } from "./score.ts";
import { finishShortlist, type Shortlist, shortlistSize, withTied } from "./shortlist.ts";
import { isCutTie } from "./ties.ts";

/** An index whose lists are all in memory. */
export interface Resident {
  readonly kernel: AdcKernel;
  readonly lists: ReadyLists;
  readonly offsets: Uint32Array;
  readonly cells: Cells;
  readonly codebook: Codebook;
  readonly numItems: number;
  readonly rescan: Scan["rescan"];
}

/**
 * The best of the stretches for several query vectors, or for a mixture: `size` of them, and what ties with the
 * last. Never waits: the kernel holds one query at a time.
 *
 * @param floor scores below it are not wanted
 */
export function rankSeveral(
  scan: Scan,
  vectors: readonly QueryVector[],
  size: number,
  merge: Merge,
  floor: number,
): Shortlist {
  const queries = new Queries(scan.kernel, vectors);
  if (merge.by === "sumExp")
    return (merge.exact === false ? rankMixture : rankMixtureExactly)(scan, queries, size, merge, floor);
  const best = new BestTerms(size, weightingOf(merge), floor);
  addOwn(scan, queries, best, size);
  addRest(scan, queries, best, size);
  return best.take();
}

/** The cells that the vectors probe, nearest first for the first, and which of them probe each. */
export function probeSeveral(
  kernel: AdcKernel,
  nlist: number,
  cells: Cells,
  vectors: readonly QueryVector[],
  nprobe: number,
): Probed {
  if (nlist === 0) return { cells: [0] };
  const visitors = new Map<number, number[]>();
  for (const [h, vector] of vectors.entries()) {
    kernel.setQuery(vector.query);
    for (const cell of kernel.probe(nprobe, cells)) addTo(visitors, cell, h);
  }
  return { cells: [...visitors.keys()], visitors };
}

/**
 * Several vectors over resident lists, each in one call of the kernel; undefined for any other search, and for a tie
 * with the last item of a vector's list. Excluded items are no mask but a few results more of each vector.
 */
export function searchSeveral(
  { kernel, lists, offsets, cells, codebook, numItems, rescan }: Resident,
  vectors: readonly QueryVector[],
  { merge, nprobe }: Resolved,
  k: number,
  excluded: ReadonlySet<number>,
): (WithTies & Counts) | undefined {
  const isMax = merge.by === "max";
  if (vectors.length === 1 || kernel.search === undefined) return undefined;
  if (!isMax && merge.exact !== false) return undefined;
  const size = Math.min(shortlistSize(k, merge), numItems);
  const wanted = Math.min(size + excluded.size, numItems);
  const weighting = weightingOf(merge);
  const best = new BestTerms(size, weighting);
  const visitors = new Map<number, number[]>();
  // Every vector is come back to: by a mixture with what all of them found, else with the cells of the others.
  const queries = new Queries(kernel, vectors);
  for (const [h, vector] of vectors.entries()) {
    const more = spareFor(codebook, vector);
    const floor = kernelFloor(vector, best.floor(h));
    const found = kernel.search(vector.query, offsets, cells, nprobe, wanted + more, floor);
    shiftScores(found.scores, vector.shift);
    if (isCutTie(found.scores, wanted)) return undefined;
    best.add(h, found, excluded);
    for (const cell of kernel.visited!()) addTo(visitors, cell, h);
    queries.keep(h);
  }
  const stretches = visitCells(offsets, { cells: [...visitors.keys()], visitors });
  const scan: Scan = { kernel, codebook, lists, stretches, rescan };
  if (isMax && codebook.nlist > 0) addRest(scan, queries, best, wanted, excluded);
  const cellsOf = (ordinals: Uint32Array) => ordinals.map((ordinal) => listOf(offsets, ordinal));
  const taken = best.take();
  // What is excluded may be among what ties.
  if (taken.tied !== undefined && excluded.size > 0) return undefined;
  const list = isMax ? taken : withTied(taken, size);
  if (list.tied !== undefined && !isMax) return undefined;
  const mixtures = isMax ? undefined : mixturesOf(scan, cellsOf, queries, list.ordinals, weighting);
  const codesScanned = stretches.reduce((sum, { start, end }) => sum + end - start, 0);
  return { ...finishShortlist({ ...list, mixtures }, k), listsProbed: stretches.length, codesScanned };
}
