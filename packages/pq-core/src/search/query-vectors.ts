import type { BestTerms } from "./best-terms.ts";
import { reach } from "./bounds.ts";
import type { Queries } from "./queries.ts";
import { biasesOf, eachAbove, kernelFloor, PIECE, type Scan, type Stretch, scanVector } from "./rank.ts";
import type { QueryVector } from "./score.ts";

/**
 * Adds what each vector finds in the stretches it probes: first of all in the nearest of them, where most of the best
 * are. After that there is a floor, by which most of what lies in the others need not be looked at in full.
 *
 * @param everywhere also in the stretches that only others probe, so that every vector counts for every item. An item
 *   of the list is in the list of the vector that gives its best term, so `size` of each are enough; and the product
 *   with a cell's centroid and the best of all codes together often do not reach the floor: such a cell is not scanned.
 */
export function addBest(scan: Scan, queries: Queries, best: BestTerms, size: number, everywhere: boolean): void {
  const own = stretchesOf(scan.stretches, queries.vectors.length);
  const add = (vector: QueryVector, products: Float32Array, h: number, stretches: readonly Stretch[]): void => {
    if (stretches.length > 0) best.add(h, scanVector({ ...scan, stretches }, vector, products, size, best.floor(h)));
  };
  queries.each((vector, products, h) => add(vector, products, h, takeNearest(own[h]!, products)));
  queries.each((vector, products, h) => {
    const least = leastBias(scan, vector, best.floor(h));
    const stretches = own[h]!.filter((stretch) => biasOf(scan, stretch, products) >= least);
    if (everywhere) {
      for (const stretch of scan.stretches) {
        if (biasOf(scan, stretch, products) >= least && stretch.visitors?.includes(h) === false)
          stretches.push(stretch);
      }
    }
    add(vector, products, h, stretches);
  });
}

/** The stretches that each vector probes. */
function stretchesOf(stretches: readonly Stretch[], numVectors: number): Stretch[][] {
  const own: Stretch[][] = Array.from({ length: numVectors }, () => []);
  for (const stretch of stretches) {
    if (stretch.visitors === undefined) for (const list of own) list.push(stretch);
    else for (const h of stretch.visitors) own[h]!.push(stretch);
  }
  return own;
}

/** Takes the stretch with the largest product out of a list. */
function takeNearest(stretches: Stretch[], products: Float32Array): Stretch[] {
  let nearest = 0;
  for (let i = 1; i < stretches.length; i++)
    if (products[stretches[i]!.cell]! > products[stretches[nearest]!.cell]!) nearest = i;
  return stretches.splice(nearest, 1);
}

/** What a cell must have as its bias, for some code in it to score `floor`. */
function leastBias({ kernel, codebook }: Scan, vector: QueryVector, floor: number): number {
  return reach(kernel, codebook, kernelFloor(vector, floor));
}

function biasOf({ codebook }: Scan, { cell }: Stretch, products: Float32Array): number {
  return codebook.byResidual ? products[cell]! : 0;
}

/** Gives `take` every item of the stretches that scores at least `floor` by the query that the kernel has. */
export function scanAbove(
  scan: Scan,
  vector: QueryVector,
  products: Float32Array,
  floor: number,
  take: (ordinal: number) => void,
): void {
  const least = leastBias(scan, vector, floor);
  const stretches = scan.stretches.filter((stretch) => biasOf(scan, stretch, products) >= least);
  const biases = biasesOf({ ...scan, stretches }, products);
  for (const [i, stretch] of stretches.entries())
    eachAbove(scan, vector, stretch, biases[i]!, floor, PIECE, () => false, take);
}
