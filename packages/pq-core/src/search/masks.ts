import { BLOCK } from "../kernel/blocks.ts";
import { lowerBound } from "../sorted.ts";
import type { Stretch } from "./rank.ts";

/** Which items may be returned, by blocks of 32 ordinals: bit j of a word = ordinal 32·block + j. */
export interface BlockMask {
  /** Items it lets through at most. */
  readonly atMost: number;
  /** Words of the blocks [first, first + count). */
  words(first: number, count: number): Uint32Array;
}

/** Matches scored one by one, in whatever cell they lie, when a filter lets no more through than this. */
export const SELECTIVE = 1024;

/** Puts the masks of a filter and of excluded ordinals on a stretch; undefined when nothing of it is left. */
export function maskStretch(
  stretch: Stretch,
  filter: BlockMask | undefined,
  excluded: readonly Uint32Array[],
): Stretch | undefined {
  const { start, end } = stretch;
  if (end <= start) return undefined;
  const first = Math.floor(start / BLOCK);
  const count = Math.ceil(end / BLOCK) - first;
  const inside = excluded.map((list) => list.subarray(lowerBound(list, start), lowerBound(list, end)));
  if (filter === undefined && inside.every(({ length }) => length === 0)) return stretch;
  const mask = filter === undefined ? new Uint32Array(count).fill(0xffff_ffff) : filter.words(first, count);
  for (const list of inside)
    for (const ordinal of list) mask[Math.floor(ordinal / BLOCK) - first]! &= ~(1 << (ordinal % BLOCK));
  return mask.some((word) => word !== 0) ? { ...stretch, mask } : undefined;
}

/** All ordinals a mask lets through, ascending, when they are at most {@link SELECTIVE}; else undefined. */
export function selected(mask: BlockMask, n: number): number[] | undefined {
  if (mask.atMost > SELECTIVE) return undefined;
  const ordinals: number[] = [];
  const words = mask.words(0, Math.ceil(n / BLOCK));
  for (let block = 0; block < words.length; block++) {
    for (let bits = words[block]!; bits !== 0; bits &= bits - 1) {
      const ordinal = block * BLOCK + 31 - Math.clz32(bits & -bits);
      if (ordinal < n) ordinals.push(ordinal);
    }
  }
  return ordinals;
}
