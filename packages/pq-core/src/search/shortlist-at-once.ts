import type { Codebook } from "../codebook/codebook.ts";
import { listOf } from "../format/inverted-lists.ts";
import { BLOCK } from "../kernel/blocks.ts";
import type { AdcKernel, Cells, Counts } from "../kernel/kernel.ts";
import { BestTerms } from "./best-terms.ts";
import type { ReadyLists } from "./list-source.ts";
import { maskStretch } from "./masks.ts";
import { weightingOf } from "./merge.ts";
import { withMixtures } from "./mixture.ts";
import type { Resolved } from "./options.ts";
import { Queries } from "./queries.ts";
import type { QueryVector } from "./score.ts";
import { type Shortlist, shortlistSize } from "./shortlist.ts";

/** What is searched: lists that are in the kernel's memory. */
interface Searched {
  readonly kernel: AdcKernel;
  readonly codebook: Codebook;
  readonly offsets: Uint32Array;
  readonly cells: Cells;
  readonly resident: ReadyLists | undefined;
}

/**
 * A shortlist by mixtures for the k best, in one kernel call instead of several for each vector; undefined for other
 * searches, and where too much ties.
 */
export function shortlistAtOnce(
  { kernel, codebook, offsets, cells, resident }: Searched,
  vectors: readonly QueryVector[],
  { merge, nprobe }: Resolved,
  k: number,
  excluded: readonly Uint32Array[],
): ({ ranking: Shortlist } & Counts) | undefined {
  if (merge.by !== "sumExp" || merge.exact !== false || resident?.shortlist === undefined) return undefined;
  const queries = new Queries(kernel, vectors);
  const weighting = weightingOf(merge);
  const { temperature, logWeights = vectors.map(() => 0) } = weighting;
  const size = Math.min(shortlistSize(k, merge), offsets.at(-1)!);
  const found = queries.shortlist(resident, {
    ...{ offsets, cells, nprobe, size, temperature, logWeights },
    shifts: vectors.map(({ shift }) => shift),
    masks: masksOf(offsets, excluded),
  });
  if (found === undefined) return undefined;
  const { rankings, least, probed } = found;
  const best = new BestTerms(size, weighting, least);
  for (const [h, ranking] of rankings) best.add(h, ranking);
  const counts = countVisited(offsets, probed);
  return {
    ranking: withMixtures({ kernel, codebook, lists: resident, offsets }, queries, best, size, weighting),
    ...counts,
  };
}

/** Masks of the cells in which something is excluded. */
function masksOf(offsets: Uint32Array, excluded: readonly Uint32Array[]): Map<number, Uint32Array> {
  const masks = new Map<number, Uint32Array>();
  for (const ordinals of excluded) {
    for (const ordinal of ordinals) {
      const cell = listOf(offsets, ordinal);
      if (masks.has(cell)) continue;
      const [start, end] = [offsets[cell]!, offsets[cell + 1]!];
      const masked = maskStretch({ cell, start, end }, undefined, excluded);
      masks.set(cell, masked?.mask ?? new Uint32Array(Math.ceil(end / BLOCK) - Math.floor(start / BLOCK)));
    }
  }
  return masks;
}

/** Each cell counts once, whichever queries probe it. */
function countVisited(offsets: Uint32Array, probed: Uint32Array): Counts {
  const isVisited = new Uint8Array(offsets.length - 1);
  let listsProbed = 0;
  let codesScanned = 0;
  for (let i = 0; i < probed.length; i++) {
    const cell = probed[i]!;
    if (isVisited[cell] === 1) continue;
    isVisited[cell] = 1;
    listsProbed++;
    codesScanned += offsets[cell + 1]! - offsets[cell]!;
  }
  return { listsProbed, codesScanned };
}
