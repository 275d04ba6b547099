import type { AdcKernel, Cells } from "../kernel/kernel.ts";
import { BestTerms } from "./best-terms.ts";
import { type Merge, weightingOf } from "./merge.ts";
import { rankMixture, rankMixtureExactly } from "./mixture.ts";
import type { Probed } from "./plan.ts";
import { Queries } from "./queries.ts";
import { addBest } from "./query-vectors.ts";
import type { Scan } from "./rank.ts";
import type { QueryVector } from "./score.ts";
import type { Shortlist } from "./shortlist.ts";

/**
 * The best of the stretches for several query vectors, or for a mixture: `size` of them, and what ties with the
 * last. Never waits: the kernel holds one query at a time.
 *
 * @param floor scores below it are not wanted
 */
export function rankSeveral(scan: Scan, queries: Queries, size: number, merge: Merge, floor: number): Shortlist {
  if (merge.by === "sumExp")
    return (merge.exact === false ? rankMixture : rankMixtureExactly)(scan, queries, size, merge, floor);
  const best = new BestTerms(size, weightingOf(merge), floor);
  addBest(scan, queries, best, size, true);
  return best.take();
}

/** The cells that the vectors probe, best first for the first, and which of them probe each. */
export function probeSeveral(
  kernel: AdcKernel,
  nlist: number,
  cells: Cells,
  vectors: readonly QueryVector[],
  nprobe: number,
): Probed {
  const queries = new Queries(kernel, vectors);
  if (nlist === 0) return { cells: [0], queries };
  const probed: number[] = [];
  const visitors: number[][] = [];
  /** Where a cell stands among them, from 1 on. */
  const places = new Int32Array(nlist);
  queries.each((_vector, _products, h) => {
    for (const cell of kernel.probe(nprobe, cells)) {
      const place = places[cell]!;
      if (place > 0) visitors[place - 1]!.push(h);
      else {
        visitors.push([h]);
        places[cell] = probed.push(cell);
      }
    }
  });
  return { cells: probed, visitors, queries };
}
