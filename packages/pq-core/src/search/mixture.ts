import { listOf } from "../format/inverted-lists.ts";
import { BestTerms, floorOf } from "./best-terms.ts";
import { Finalists, type WithTies } from "./finalists.ts";
import { type Merge, type Weighting, weightingOf } from "./merge.ts";
import { OrdinalSet } from "./ordinal-set.ts";
import type { Queries } from "./queries.ts";
import { addBest, scanAbove } from "./query-vectors.ts";
import type { Scan } from "./rank.ts";
import { finishShortlist, type Shortlist, shortlistSize, withTied } from "./shortlist.ts";

type SumExp = Extract<Merge, { by: "sumExp" }>;

/** What mixtures are computed from. */
export type MixtureScan = Pick<Scan, "kernel" | "codebook" | "lists" | "offsets">;

/** Items whose mixtures are computed together, for the room they take in the kernel. */
const SLICE = 4096;
/** Items that are scored by all vectors at once. */
const TOGETHER = 512;
/** What the term of a vector and an item takes, in codes that are scanned. */
const TERM_CODES = 8;

/**
 * The `size` items with the best single term log weight_h + temperature · score_h of a vector that probes their cell,
 * each with its log of the mixture of all query vectors, log Σ_h weight_h · exp(temperature · score_h): one
 * component per query vector, for each item of a history, say.
 *
 * Finding terms costs as much as a search by each vector. Finding sums would cost many times that, since an item that
 * is good by none may be good by all; it would have to be below `size` others by its best term, and to catch up by
 * log H at most.
 */
export function rankMixture(scan: Scan, queries: Queries, size: number, merge: Merge, floor: number): Shortlist {
  const weighting = weightingOf(merge);
  const best = new BestTerms(size, weighting, floor);
  addBest(scan, queries, best, size, false);
  return withMixtures(scan, queries, best, size, weighting);
}

/** A shortlist that is collected. */
export function withMixtures(
  scan: MixtureScan,
  queries: Queries,
  best: BestTerms,
  size: number,
  weighting: Weighting,
): Shortlist {
  const list = withTied(best.take(), size);
  return { ...list, mixtures: mixturesOf(scan, queries, list.ordinals, weighting) };
}

/** The least best term of an item with a mixture of `mixture`, which is at most log H above it. */
function leastTerm(mixture: number, queries: Queries): number {
  if (mixture === -Infinity) return -Infinity;
  return mixture - Math.log(queries.vectors.length) - (1 + Math.abs(mixture)) * 1e-5;
}

/**
 * The k best of all items by their mixture, which is their score, and all that tie with the last. An item's mixture
 * is at most log H above its best term: once k mixtures are known, only items with a term that far below the last of
 * them are left to look at.
 *
 * @param floor mixtures below it are not wanted
 */
export function rankMixtureExactly(scan: Scan, queries: Queries, k: number, merge: SumExp, floor: number): WithTies {
  const weighting = weightingOf(merge);
  const size = shortlistSize(k, { ...merge, exact: false });
  const best = new BestTerms(size, weighting);
  addBest(scan, queries, best, size, true);
  const list = best.take();
  const mixtures = (ordinals: Uint32Array) => mixturesOf(scan, queries, ordinals, weighting);
  const first = finishShortlist({ ...list, tied: undefined, mixtures: mixtures(list.ordinals) }, k);
  const bound = leastTerm(Math.max(floor, first.scores[k - 1] ?? -Infinity), queries);
  // What is not on the list has no better term than its last item.
  if (list.scores.length < size || list.scores.at(-1)! <= bound) return first;
  const items = new OrdinalSet();
  queries.each((vector, products, h) => {
    const needed = floorOf(bound, weighting, h);
    scanAbove(scan, vector, products, needed - Math.abs(vector.shift) * 1e-6, (ordinal) => items.add(ordinal));
  });
  const finalists = new Finalists(k);
  for (let part = items.slice(0, SLICE); part.length > 0; part = items.slice(part.at(-1)! + 1, SLICE)) {
    scan.rescan?.(TERM_CODES * part.length * queries.vectors.length);
    for (const [i, mixture] of mixtures(part).entries()) finalists.push(mixture, part[i]!);
  }
  return finalists.take();
}

/** Mixture scores of the given items, in their order. */
export function mixturesOf(
  { kernel, codebook, lists, offsets }: MixtureScan,
  queries: Queries,
  items: Uint32Array,
  { temperature, logWeights }: Weighting,
): Float32Array {
  const n = items.length;
  const cells = new Uint32Array(n);
  for (let i = 0; i < n; i++) cells[i] = listOf(offsets, items[i]!);
  // log Σ exp without overflow: the largest term so far, and the sum relative to it.
  const largest = new Float64Array(n).fill(-Infinity);
  const sums = new Float64Array(n);
  const add = (h: number, scores: Float32Array, from: number): void => {
    const { shift } = queries.vectors[h]!;
    const logWeight = logWeights?.[h] ?? 0;
    for (let j = 0, i = from; j < scores.length; j++, i++) {
      const term = logWeight + temperature * (scores[j]! + shift);
      if (term > largest[i]!) {
        sums[i] = sums[i]! * Math.exp(largest[i]! - term) + 1;
        largest[i] = term;
      } else sums[i]! += Math.exp(term - largest[i]!);
    }
  };
  for (let from = 0; from < n; from += TOGETHER) {
    const part = items.subarray(from, from + TOGETHER);
    const scores = queries.scoresByEach(lists, part, cells.subarray(from, from + TOGETHER));
    if (scores === undefined) {
      const biases = new Float32Array(n);
      queries.each((_vector, products, h) => {
        if (codebook.byResidual) for (let i = 0; i < n; i++) biases[i] = products[cells[i]!]!;
        add(h, lists.scores(kernel, items, biases), 0);
      });
      break;
    }
    for (let h = 0; h < queries.vectors.length; h++)
      add(h, scores.subarray(h * part.length, (h + 1) * part.length), from);
  }
  const mixtures = new Float32Array(n);
  for (let i = 0; i < n; i++) mixtures[i] = largest[i]! + Math.log(sums[i]!);
  return mixtures;
}
