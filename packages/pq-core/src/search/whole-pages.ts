import type { AdcKernel, Cells } from "../kernel/kernel.ts";

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
  isOpen: (run: number) => boolean = () => true,
): number[] {
  const runs = new Set<number>();
  // As many cells as it takes: most of the best ones share their runs.
  for (let most = 4 * nprobe; ; most *= 4) {
    const probed = kernel.probe(Math.min(most, cells.numFilled), cells);
    for (let i = 0; i < probed.length && runs.size < nprobe; i++) {
      const run = Math.floor(probed[i]! / cellsPerPage);
      if (isOpen(run)) runs.add(run);
    }
    if (runs.size >= nprobe || most >= cells.numFilled) break;
  }
  const visited: number[] = [];
  for (const run of runs)
    for (let cell = run * cellsPerPage; cell < Math.min(cells.sizes.length, (run + 1) * cellsPerPage); cell++)
      if (cells.sizes[cell]! > 0) visited.push(cell);
  return visited;
}
