import type { Codebook } from "../codebook/codebook.ts";
import { rotateVector } from "../codebook/rotate.ts";
import { coarseTerms, probeScore, queryLength } from "../kernel/distance-table.ts";
import type { AdcKernel, Cells } from "../kernel/kernel.ts";
import type { Weighting } from "./merge.ts";
import type { Queries } from "./queries.ts";

/** Runs of cells that share their pages. */
export interface CellRuns {
  readonly cellsPerPage: number;
  /** (runs + 1) list offsets of the runs. */
  readonly offsets: Uint32Array;
}

/** @param offsets (cells + 1) */
export function cellRuns(offsets: Uint32Array, cellsPerPage: number): CellRuns {
  const cells = offsets.length - 1;
  const ofRuns = new Uint32Array(Math.ceil(cells / cellsPerPage) + 1);
  for (let run = 0; run + 1 < ofRuns.length; run++)
    ofRuns[run + 1] = offsets[Math.min(cells, (run + 1) * cellsPerPage)]!;
  return { cellsPerPage, offsets: ofRuns };
}

/** Runs that hold an item, of all that is searched together. */
export function countFilledRuns({ sizes }: Cells, { cellsPerPage }: CellRuns): number {
  let count = 0;
  for (let first = 0; first < sizes.length; first += cellsPerPage)
    if (sizes.subarray(first, first + cellsPerPage).some((size) => size > 0)) count++;
  return count;
}

/**
 * The filled cells of the best runs for the query that the kernel has: a run is as good as its best cell, and each is
 * visited whole, because whole it is read.
 *
 * @param nprobe runs
 * @param isOpen false for runs that cannot hold what is wanted; left out: none
 * @returns runs best first, of each its cells in list order
 */
export function probeRuns(
  kernel: AdcKernel,
  nprobe: number,
  cells: Cells,
  { cellsPerPage }: CellRuns,
  isOpen?: (run: number) => boolean,
): number[] {
  const runs = new Set<number>();
  // Most of the best cells share their runs; and where nearly all runs are closed, it is looked among the others alone.
  for (let most = 4 * nprobe, among = cells; among.numFilled > 0; most *= 4) {
    // the cells of as many runs as are wanted are enough
    const probed = kernel.probe(Math.min(most, nprobe * cellsPerPage, among.numFilled), among);
    for (let i = 0; i < probed.length && runs.size < nprobe; i++) {
      const run = Math.floor(probed[i]! / cellsPerPage);
      if (isOpen === undefined || isOpen(run)) runs.add(run);
    }
    if (runs.size >= nprobe || most >= among.numFilled) break;
    if (among === cells && isOpen !== undefined) among = openCells(cells, cellsPerPage, isOpen);
  }
  return cellsOf(runs, cells, cellsPerPage);
}

/**
 * The same for several vectors, which visit the same runs: as many in all as one would. A run is as good as the best of
 * its cells by any of them, for what its score counts.
 *
 * @param weighting what scores count for
 */
export function probeRunsTogether(
  codebook: Codebook,
  queries: Queries,
  { temperature, logWeights }: Weighting,
  nprobe: number,
  cells: Cells,
  { cellsPerPage, offsets }: CellRuns,
  isOpen: (run: number) => boolean = () => true,
): number[] {
  const terms = coarseTerms(codebook);
  const best = new Float64Array(offsets.length - 1).fill(-Infinity);
  const rotated = new Float32Array(codebook.dim);
  queries.each(({ query, shift }, products, h) => {
    rotateVector(codebook.rotation, query, rotated);
    const length = codebook.cellSpread ? queryLength(rotated) : 0;
    for (let cell = 0; cell < cells.sizes.length; cell++) {
      if (cells.sizes[cell] === 0) continue;
      const score = probeScore(codebook.metric, products[cell]!, terms[cell], length);
      const counted = (logWeights?.[h] ?? 0) + temperature * (score + shift);
      const run = Math.floor(cell / cellsPerPage);
      if (counted > best[run]!) best[run] = counted;
    }
  });
  const filled = [...best.keys()].filter((run) => best[run]! > -Infinity && isOpen(run));
  filled.sort((a, b) => best[b]! - best[a]! || a - b);
  return cellsOf(filled.slice(0, nprobe), cells, cellsPerPage);
}

/** The cells of open runs, as if all others were empty. */
function openCells({ sizes }: Cells, cellsPerPage: number, isOpen: (run: number) => boolean): Cells {
  const open = new Uint32Array(sizes.length);
  let numFilled = 0;
  for (let first = 0; first < sizes.length; first += cellsPerPage) {
    const end = Math.min(first + cellsPerPage, sizes.length);
    let filled = 0;
    for (let cell = first; cell < end; cell++) if (sizes[cell]! > 0) filled++;
    if (filled === 0 || !isOpen(first / cellsPerPage)) continue;
    numFilled += filled;
    for (let cell = first; cell < end; cell++) open[cell] = sizes[cell]!;
  }
  return { sizes: open, numFilled };
}

/** The filled cells of runs, run by run. */
function cellsOf(runs: Iterable<number>, { sizes }: Cells, cellsPerPage: number): number[] {
  const visited: number[] = [];
  for (const run of runs)
    for (let cell = run * cellsPerPage; cell < Math.min(sizes.length, (run + 1) * cellsPerPage); cell++)
      if (sizes[cell]! > 0) visited.push(cell);
  return visited;
}
