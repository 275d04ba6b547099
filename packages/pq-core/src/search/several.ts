import type { Codebook } from "../codebook/codebook.ts";
import { listOf } from "../format/inverted-lists.ts";
import type { AdcKernel, Counts, Ranking } from "../kernel/kernel.ts";
import { BestTerms } from "./best-terms.ts";
import { addOwn, addRest } from "./heads.ts";
import type { ReadyLists } from "./list-source.ts";
import type { Merge } from "./merge.ts";
import { logWeightsOf, mixturesOf, rankMixture, rankMixtureExactly } from "./mixture.ts";
import type { Resolved } from "./options.ts";
import { type Probed, visitCells } from "./plan.ts";
import { Queries } from "./queries.ts";
import { kernelFloor, type Scan, spareFor } from "./rank.ts";
import { type Head, shiftScores } from "./score.ts";
import { finishShortlist, type Shortlist, shortlistSize } from "./shortlist.ts";
import { isCutTie } from "./ties.ts";

/** An index whose lists are all in memory. */
export interface Resident {
  readonly kernel: AdcKernel;
  readonly lists: ReadyLists;
  readonly offsets: Uint32Array;
  readonly codebook: Codebook;
  readonly numItems: number;
}

/**
 * The best of the stretches for several query vectors, or for a mixture: `size` of them, and all that tie with the
 * last. Never waits: the kernel holds one query at a time.
 *
 * @param floor scores below it are not wanted
 */
export function rankSeveral(scan: Scan, heads: readonly Head[], size: number, merge: Merge, floor: number): Shortlist {
  const queries = new Queries(scan.kernel, heads);
  if (merge.by === "sumExp")
    return (merge.exact === false ? rankMixture : rankMixtureExactly)(scan, heads, queries, size, merge, floor);
  const best = new BestTerms(size, 1, undefined, floor);
  addOwn(scan, heads, queries, best, size);
  addRest(scan, heads, queries, best, size);
  return best.take();
}

/** The cells that the vectors probe, nearest first for the first, and which of them probe each. */
export function probeSeveral(kernel: AdcKernel, nlist: number, heads: readonly Head[], nprobe: number): Probed {
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
 * Several vectors over resident lists, each in one call of the kernel; undefined for any other search, and for a tie
 * with the last item of a vector's list. Excluded items are no mask but a few results more of each vector.
 */
export function searchSeveral(
  { kernel, lists, offsets, codebook, numItems }: Resident,
  heads: readonly Head[],
  { merge, nprobe }: Resolved,
  k: number,
  excluded: ReadonlySet<number>,
): (Ranking & Counts) | undefined {
  const isMax = merge.by === "max";
  if (heads.length === 1 || kernel.search === undefined) return undefined;
  if (!isMax && merge.exact !== false) return undefined;
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
  const scan: Scan = { kernel, codebook, lists, stretches };
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
