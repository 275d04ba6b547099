import type { Codebook } from "../codebook/codebook.ts";
import type { AdcKernel, Cells, Counts } from "../kernel/kernel.ts";
import { upperBounds } from "./bounds.ts";
import type { Merge } from "./merge.ts";
import { type Visit, visitCells } from "./plan.ts";
import { Queries } from "./queries.ts";
import type { QueryVector } from "./score.ts";
import { type Shortlist, Shortlists, shortlistSize } from "./shortlist.ts";

/** What is searched. */
interface Searched {
  readonly kernel: AdcKernel;
  readonly codebook: Codebook;
  readonly offsets: Uint32Array;
  readonly cells: Cells;
}

/** Cells that are searched before the first look at what the others can hold; then twice as many, and so on. */
const FIRST = 16;

/**
 * The best of all cells, in the order of what their items can score at most: it ends where that is less than what the
 * last of the list scores. The list is the one of all cells, ties included; `codesScanned` counts what was scanned of
 * them.
 *
 * @param rank gives the best of some cells, of what scores at least `floor`
 */
export async function rankAll(
  { kernel, codebook, offsets, cells: { sizes } }: Searched,
  vectors: readonly QueryVector[],
  merge: Merge,
  k: number,
  rank: (visit: Visit, floor: number) => Promise<{ readonly ranking: Shortlist } & Counts>,
): Promise<{ ranking: Shortlist } & Counts> {
  const filled = Uint32Array.from(sizes.keys()).filter((cell) => sizes[cell]! > 0);
  const isMixture = merge.by === "sumExp" && merge.exact !== false;
  const bounds = upperBounds(kernel, codebook, new Queries(kernel, vectors), merge, isMixture, filled);
  const order = Uint32Array.from(filled.keys()).sort((a, b) => bounds[b]! - bounds[a]! || a - b);
  const joined = new Shortlists(shortlistSize(k, merge));
  let codesScanned = 0;
  for (let done = 0, most = FIRST; done < order.length; most *= 2) {
    const cells: number[] = [];
    // What scores as the last of the list may come before it, by its id.
    for (; cells.length < most && done < order.length && bounds[order[done]!]! >= joined.threshold; done++)
      cells.push(filled[order[done]!]!);
    if (cells.length === 0) break;
    const { ranking, ...counts } = await rank({ visited: visitCells(offsets, { cells }) }, joined.threshold);
    joined.add(ranking);
    codesScanned += counts.codesScanned;
  }
  return { ranking: joined.take(), listsProbed: order.length, codesScanned };
}
