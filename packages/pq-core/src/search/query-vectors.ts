import type { Codebook } from "../codebook/codebook.ts";
import type { AdcKernel } from "../kernel/kernel.ts";
import type { BestTerms } from "./best-terms.ts";
import type { Queries } from "./queries.ts";
import { biasesOf, eachAbove, kernelFloor, PIECE, type Scan, type Stretch, scanVector } from "./rank.ts";
import type { QueryVector } from "./score.ts";

/** Adds what each vector finds in the stretches it probes; nothing below the last of the list so far is needed. */
export function addOwn(scan: Scan, queries: Queries, best: BestTerms, size: number): void {
  const own: Stretch[][] = queries.vectors.map(() => []);
  for (const stretch of scan.stretches) for (const h of stretch.visitors ?? own.keys()) own[h]!.push(stretch);
  queries.each((vector, products, h) => {
    best.add(h, scanVector({ ...scan, stretches: own[h]! }, vector, products, size, best.floor(h)));
  });
}

/**
 * Adds what each vector finds in the stretches that only others probe, so that every vector counts for every item. An
 * item of the list is in the list of the vector that gives its best term, so `size` of each are enough; and by now
 * there is a threshold, which the product with a cell's centroid and the best of all codes together often do not
 * reach: such a cell is not scanned.
 */
export function addRest(
  scan: Scan,
  queries: Queries,
  best: BestTerms,
  size: number,
  excluded?: ReadonlySet<number>,
): void {
  queries.each((vector, products, h) => {
    const floor = best.floor(h);
    const stretches = within(scan, vector, products, floor).filter(({ visitors }) => visitors && !visitors.includes(h));
    if (stretches.length > 0) best.add(h, scanVector({ ...scan, stretches }, vector, products, size, floor), excluded);
  });
}

/** The stretches in which some code could score `floor`. */
function within(
  { kernel, codebook, stretches }: Scan,
  vector: QueryVector,
  products: Float32Array,
  floor: number,
): Stretch[] {
  const least = reach(kernel, codebook, kernelFloor(vector, floor));
  return stretches.filter(({ cell }) => (codebook.byResidual ? products[cell]! : 0) >= least);
}

/**
 * The least bias with which some code could score `floor` by the query that the kernel has; a little less, for
 * rounding. What has a smaller one need not be scanned. −∞ where the kernel does not show its query.
 */
function reach(kernel: AdcKernel, { metric, numCentroids, numSubQuantizers }: Codebook, floor: number): number {
  if (kernel.query === undefined || floor === -Infinity) return -Infinity;
  const { table } = kernel.query();
  let best = 0;
  let magnitude = 0;
  for (let at = 0; at < table.length; ) {
    let high = -Infinity;
    let low = Infinity;
    for (const next = at + numCentroids; at < next; at++) {
      high = Math.max(high, table[at]!);
      low = Math.min(low, table[at]!);
    }
    best += high;
    magnitude += Math.max(high, -low);
  }
  const { min, max } = kernel.range!;
  // score = sum − term, or sum / term, and the term is in its range.
  const sum = metric === "innerProduct" ? floor : metric === "l2" ? floor + min : floor * (floor > 0 ? min : max);
  // float32 sums of M terms are off by at most M·ε·Σ|terms|.
  return sum - best - (numSubQuantizers + 4) * 2.4e-7 * (magnitude + Math.abs(sum) + max);
}

/** Gives `take` every item of the stretches that scores at least `floor` by the query that the kernel has. */
export function scanAbove(
  scan: Scan,
  vector: QueryVector,
  products: Float32Array,
  floor: number,
  take: (ordinal: number) => void,
): void {
  const stretches = within(scan, vector, products, floor);
  const biases = biasesOf({ ...scan, stretches }, products);
  for (const [i, stretch] of stretches.entries())
    eachAbove(scan, vector, stretch, biases[i]!, floor, PIECE, () => false, take);
}
