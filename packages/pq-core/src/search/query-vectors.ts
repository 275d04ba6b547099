import type { BestTerms } from "./best-terms.ts";
import { reach } from "./bounds.ts";
import type { Queries } from "./queries.ts";
import { biasesOf, eachAbove, kernelFloor, PIECE, type Scan, type Stretch, scanVector } from "./rank.ts";
import type { QueryVector } from "./score.ts";

/** Adds what each vector finds in the stretches it probes; nothing below the last of the list so far is needed. */
export function addOwn(scan: Scan, queries: Queries, best: BestTerms, size: number): void {
  const own: Stretch[][] = queries.vectors.map(() => []);
  for (const stretch of scan.stretches) for (const h of stretch.visitors ?? own.keys()) own[h]!.push(stretch);
  queries.each((vector, products, h) => {
    const stretches = own[h]!;
    if (stretches.length > 0) best.add(h, scanVector({ ...scan, stretches }, vector, products, size, best.floor(h)));
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
