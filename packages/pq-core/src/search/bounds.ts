import type { Codebook } from "../codebook/codebook.ts";
import type { AdcKernel } from "../kernel/kernel.ts";
import { type Merge, weightingOf } from "./merge.ts";
import type { Queries } from "./queries.ts";
import type { QueryVector } from "./score.ts";

/** float32 sums of M terms are off by at most M·ε·Σ|terms|. */
function lossOf({ numSubQuantizers }: Codebook, magnitude: number): number {
  return (numSubQuantizers + 4) * 2.4e-7 * magnitude;
}

/**
 * The least bias with which some code could score `floor` by the query that the kernel has; a little less, for
 * rounding. What has a smaller one need not be scanned. −∞ where the kernel does not tell.
 */
export function reach(kernel: AdcKernel, codebook: Codebook, floor: number): number {
  const summit = floor === -Infinity ? undefined : kernel.summit?.();
  if (summit === undefined) return -Infinity;
  const { metric } = codebook;
  const { min, max } = kernel.range!;
  // score = sum − term, or sum / term, and the term is in its range.
  const sum = metric === "innerProduct" ? floor : metric === "l2" ? floor + min : floor * (floor > 0 ? min : max);
  return sum - summit.best - lossOf(codebook, summit.magnitude + Math.abs(sum) + max);
}

/** What no score by the query that the kernel has exceeds in a cell, by the cell's bias. */
function ceilingOf(kernel: AdcKernel, codebook: Codebook, { shift }: QueryVector): (bias: number) => number {
  const summit = kernel.summit?.();
  if (summit === undefined) return () => Infinity;
  const { metric } = codebook;
  const { min, max } = kernel.range!;
  return (bias) => {
    const sum = bias + summit.best + lossOf(codebook, summit.magnitude + Math.abs(bias) + max);
    if (metric === "innerProduct") return sum;
    const score = metric === "l2" ? sum - min + shift : sum / (sum > 0 ? min : max);
    return score + (Math.abs(score) + Math.abs(shift)) * 1e-6;
  };
}

/** e^−x for x = 0, 1/8, 2/8 … 16, each the largest of its step: a bound from above, and cheaper than `Math.exp`. */
const STEPS = 8;
const POWERS = /* @__PURE__ */ Float64Array.from({ length: 16 * STEPS + 1 }, (_, i) => Math.exp(-i / STEPS));

function powerOf(x: number): number {
  // What lies between two infinite bounds is no number.
  return POWERS[Math.min(16 * STEPS, Math.floor(x * STEPS))] ?? 1;
}

/**
 * What no item of a cell can exceed by its score, or with `isSum` by its mixture, log Σ_h weight_h · exp(temperature ·
 * score_h): the product with the cell's centroid and the best of all codes together. A mixture that is a shortlist's
 * is bounded by its best term.
 *
 * @returns one per cell, infinite where the kernel does not tell
 */
export function upperBounds(
  kernel: AdcKernel,
  codebook: Codebook,
  queries: Queries,
  merge: Merge,
  isSum: boolean,
  cells: ArrayLike<number>,
): Float64Array {
  const { temperature, logWeights } = weightingOf(merge);
  const largest = new Float64Array(cells.length).fill(-Infinity);
  const sums = new Float64Array(isSum ? cells.length : 0);
  queries.each((vector, products, h) => {
    const ceiling = ceilingOf(kernel, codebook, vector);
    const logWeight = logWeights?.[h] ?? 0;
    for (let i = 0; i < largest.length; i++) {
      const term = logWeight + temperature * ceiling(codebook.byResidual ? products[cells[i]!]! : 0);
      const least = largest[i]!;
      if (isSum) sums[i] = term > least ? 1 + sums[i]! * powerOf(term - least) : sums[i]! + powerOf(least - term);
      if (term > least) largest[i] = term;
    }
  });
  // A little more, for what is lost where terms and mixtures become float32.
  return largest.map((term, i) => (isSum ? term + Math.log(sums[i]!) : term) + (1 + Math.abs(term)) * 1e-6);
}
