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

/** With fewer cells, looking at what each can hold costs more than it saves (docs/experiments/pq-core.md). */
const LEAST_CELLS = 128;

/**
 * Whether a search of all cells is faster by {@link rankAll} than through all of them: where lists are read as they are
 * needed, and for several vectors. The kernel itself passes over cells in which one vector can find nothing more.
 */
export function paysToBound(numFilled: number, isPaged: boolean, isPlain: boolean): boolean {
  return numFilled >= LEAST_CELLS && (isPaged || !isPlain);
}

/** Cells that are searched before a look at what the others can hold. */
const FIRST = 16;

/**
 * The best of all cells: first of those whose items can score most, then of the others, but for those that cannot
 * reach the last of the list. The list is the one of all cells, ties included; the counts are of what was scanned.
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
  const filled = [...sizes.keys()].filter((cell) => sizes[cell]! > 0);
  const isMixture = merge.by === "sumExp" && merge.exact !== false;
  const bounds = upperBounds(kernel, codebook, new Queries(kernel, vectors), merge, isMixture, filled);
  const high = bounds.toSorted()[Math.max(0, bounds.length - FIRST)]!;
  const rankThose = (isThose: (bound: number) => boolean, floor: number) => {
    const cells = filled.filter((_, i) => isThose(bounds[i]!));
    return rank({ visited: visitCells(offsets, { cells }) }, floor);
  };
  const first = await rankThose((bound) => bound >= high, -Infinity);
  const joined = new Shortlists(shortlistSize(k, merge));
  joined.add(first.ranking);
  const least = joined.threshold;
  // What scores as the last of the list may come before it, by its id.
  const second = await rankThose((bound) => bound < high && bound >= least, least);
  joined.add(second.ranking);
  return {
    ranking: joined.take(),
    listsProbed: first.listsProbed + second.listsProbed,
    codesScanned: first.codesScanned + second.codesScanned,
  };
}
