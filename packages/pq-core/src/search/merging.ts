import { check, checkEach, typeError } from "../errors.ts";
import { listOf } from "../inverted-lists.ts";
import type { AdcKernel } from "../kernel.ts";
import type { Merge, SearchResult } from "../types.ts";
import { BestTerms } from "./best-terms.ts";
import { addOwn, addRest } from "./heads.ts";
import { logSumExp, logWeightsOf, mixturesOf, rankMixture, rankMixtureExactly } from "./mixture.ts";
import type { Resolved } from "./options.ts";
import { isCutTie, type PqIndex, type Probed, visitCells } from "./pq-index.ts";
import { Queries } from "./queries.ts";
import { kernelFloor, type Scan, spareFor } from "./rank.ts";
import { type Head, shiftScores } from "./score.ts";
import { finishShortlist, type Shortlist, shortlistSize } from "./shortlist.ts";

/** Searches by several query vectors, and by mixtures of softmaxes. */
export const merging = {
  check: checkMerge,
  size: shortlistSize,
  finish: finishShortlist,
  search: searchHeads,
  probe,
  rank,
  score: mergeScores,
};
export type Merging = typeof merging;

function checkMerge(merge: Merge, heads: number): void {
  if (merge.by === "max") return;
  check(merge.by === "sumExp", "merge.by", "max or sumExp", merge.by);
  const { temperature, weights, exact = true } = merge;
  if (typeof exact !== "boolean") throw typeError("merge.exact", "true or false", exact);
  const isPositive = (value: number): boolean => value > 0 && value < Infinity;
  check(isPositive(temperature), "merge.temperature", "a positive number", temperature);
  if (weights === undefined) return;
  check(weights.length === heads, "merge.weights", `length ${heads}, one a query`, weights.length);
  checkEach("merge.weights", weights, "a positive number", isPositive);
}

/**
 * The best of the stretches for several query vectors, or for a mixture: `size` of them, and all that tie with the last. Never waits: the kernel holds
 * one query at a time.
 *
 * @param floor scores below it are not wanted
 */
function rank(scan: Scan, heads: readonly Head[], size: number, merge: Merge, floor: number): Shortlist {
  const queries = new Queries(scan.kernel, heads);
  if (merge.by === "sumExp")
    return (merge.exact === false ? rankMixture : rankMixtureExactly)(scan, heads, queries, size, merge, floor);
  const best = new BestTerms(size, 1, undefined, floor);
  addOwn(scan, heads, queries, best, size);
  addRest(scan, heads, queries, best, size);
  return best.take();
}

/** The cells that the vectors probe, nearest first for the first, and which of them probe each. */
function probe(kernel: AdcKernel, nlist: number, heads: readonly Head[], nprobe: number): Probed {
  if (nlist === 0) return { cells: [0] };
  const visitors = new Map<number, number[]>();
  for (const [h, head] of heads.entries()) {
    kernel.setQuery(head.query);
    for (const cell of kernel.probe(Math.min(nprobe, nlist))) addVisitor(visitors, cell, h);
  }
  return { cells: [...visitors.keys()], visitors };
}

function addVisitor(visitors: Map<number, number[]>, cell: number, h: number): void {
  const others = visitors.get(cell);
  if (others === undefined) visitors.set(cell, [h]);
  else others.push(h);
}

/**
 * Several vectors over resident lists, each in one call of the kernel; undefined for any other search, and for a tie with the last item of
 * a vector's list. Excluded items are no mask but a few results more of each vector.
 */
function searchHeads(
  { parts, codebook, manifest }: PqIndex,
  heads: readonly Head[],
  { merge, nprobe }: Resolved,
  k: number,
  excluded: ReadonlySet<number>,
): SearchResult | undefined {
  const { kernel, resident, offsets } = parts;
  const isMax = merge.by === "max";
  if (heads.length === 1 || kernel.search === undefined || resident === undefined) return undefined;
  if (!isMax && merge.exact !== false) return undefined;
  const { numItems } = manifest;
  const size = Math.min(shortlistSize(k, merge), numItems);
  const wanted = Math.min(size + excluded.size, numItems);
  const cells = Math.min(nprobe, Math.max(1, codebook.nlist));
  const [temperature, logWeights] = isMax
    ? ([1, undefined] as const)
    : ([merge.temperature, logWeightsOf(heads, merge)] as const);
  const best = new BestTerms(size, temperature, logWeights);
  const visitors = new Map<number, number[]>();
  // Every vector is come back to: by a mixture with what all of them found, else with the cells of the others.
  const queries = new Queries(kernel, heads);
  for (const [h, head] of heads.entries()) {
    const more = spareFor(codebook, head);
    const found = kernel.search(head.query, offsets, cells, wanted + more, kernelFloor(head, best.floor(h)));
    shiftScores(found.scores, head.shift);
    if (isCutTie(found.scores, wanted)) return undefined;
    best.add(h, found, excluded);
    for (const cell of kernel.visited!()) addVisitor(visitors, cell, h);
    queries.keep(h);
  }
  const stretches = visitCells(offsets, { cells: [...visitors.keys()], visitors });
  const scan: Scan = { kernel, codebook, lists: resident, stretches };
  if (isMax && codebook.nlist > 0) addRest(scan, heads, queries, best, wanted, excluded);
  let list: Shortlist = best.take();
  if (logWeights !== undefined) {
    const cellsOf = (ordinals: Uint32Array) => ordinals.map((ordinal) => listOf(offsets, ordinal));
    list = { ...list, mixtures: mixturesOf(scan, cellsOf, heads, queries, list.ordinals, temperature, logWeights) };
  }
  let codesScanned = 0;
  for (const { start, end } of stretches) codesScanned += end - start;
  return { ...finishShortlist(list, k), listsProbed: stretches.length, codesScanned };
}

/** The score of an item by all vectors, from its score by each. */
function mergeScores(scores: readonly number[], merge: Merge): number {
  if (merge.by === "max") return Math.max(...scores);
  const { temperature, weights } = merge;
  return logSumExp(scores.map((score, h) => temperature * score + (weights === undefined ? 0 : Math.log(weights[h]!))));
}
