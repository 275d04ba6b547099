import { BLOCK } from "../kernel/blocks.ts";
import { lowerBound } from "../sorted.ts";
import type { Stretch } from "./rank.ts";

/** Which items may be returned, by blocks of 32 ordinals: bit j of a word = ordinal 32·block + j. */
export interface BlockMask {
  /** Items it lets through at most. */
  readonly atMost: number;
  /** Writes the words of the blocks from `first` on, as many as `out` takes. */
  fill(first: number, out: Uint32Array): void;
}

/** Blocks whose words are computed together at most. */
export const PIECE_BLOCKS = 128;

/** The items that a search may return. */
export interface ItemMask {
  /** Items it lets through at most. */
  readonly atMost: number;
  /** Words of the blocks [first, first + count), not to be changed. */
  words(first: number, count: number): Uint32Array;
  has(ordinal: number): boolean;
  /** Reads what it takes to tell of these items, left out: of all; where it must be read. Before anything is asked. */
  prepare?(stretches?: readonly Stretch[]): Promise<void>;
  /** False where no item of [start, end) can be let through, as far as is known before. */
  isOpen?(start: number, end: number): boolean;
}

/**
 * The words of a mask for one search: whatever asks for them, and however often, each is computed once, and only where
 * something is asked for. Takes a bit an item, and a byte a block.
 */
export class MaskWords implements ItemMask {
  readonly atMost: number;
  readonly #mask: BlockMask;
  readonly #first: number;
  readonly #words: Uint32Array;
  readonly #isDone: Uint8Array;

  /** @param first block of the mask that is block 0 here, of `count` in all */
  constructor(mask: BlockMask, first: number, count: number) {
    this.atMost = mask.atMost;
    this.#mask = mask;
    this.#first = first;
    this.#words = new Uint32Array(count);
    this.#isDone = new Uint8Array(count);
  }

  /** Words of the blocks [first, first + count); a view, not to be changed. */
  words(first: number, count: number): Uint32Array {
    const [words, isDone] = [this.#words, this.#isDone];
    for (let from = first, to = first; from < first + count; from = ++to) {
      if (isDone[from] === 1) continue;
      const end = Math.min(first + count, from + PIECE_BLOCKS);
      while (to + 1 < end && isDone[to + 1] === 0) to++;
      this.#mask.fill(this.#first + from, words.subarray(from, to + 1));
      isDone.fill(1, from, to + 1);
    }
    return words.subarray(first, first + count);
  }

  has(ordinal: number): boolean {
    const block = Math.floor(ordinal / BLOCK);
    if (this.#isDone[block] === 0) {
      // Who asks for one item will ask for more of them.
      const first = block - (block % PIECE_BLOCKS);
      this.words(first, Math.min(PIECE_BLOCKS, this.#words.length - first));
    }
    return ((this.#words[block]! >>> (ordinal % BLOCK)) & 1) === 1;
  }
}

/** Whether it is known that nothing of n items is let through, before anything of the mask is read. */
export function isClosed(mask: ItemMask, n: number): boolean {
  return mask.atMost === 0 || mask.isOpen?.(0, n) === false;
}

/** Matches scored one by one, in whatever cell they lie, when a filter lets no more through than this. */
export const SELECTIVE = 1024;

/** Puts the masks of a filter and of excluded ordinals on a stretch; undefined when nothing of it is left. */
export function maskStretch(
  stretch: Stretch,
  filter: ItemMask | undefined,
  excluded: readonly Uint32Array[],
): Stretch | undefined {
  const { start, end } = stretch;
  if (end <= start) return undefined;
  if (filter === undefined && excluded.length === 0) return stretch;
  const first = Math.floor(start / BLOCK);
  const count = Math.ceil(end / BLOCK) - first;
  const inside = excluded.map((list) => list.subarray(lowerBound(list, start), lowerBound(list, end)));
  const isWhole = inside.every(({ length }) => length === 0);
  if (filter === undefined && isWhole) return stretch;
  const words = filter?.words(first, count);
  const mask = (isWhole ? words : words?.slice()) ?? new Uint32Array(count).fill(0xffff_ffff);
  for (const list of inside)
    for (const ordinal of list) mask[Math.floor(ordinal / BLOCK) - first]! &= ~(1 << (ordinal % BLOCK));
  return mask.some((word) => word !== 0) ? { ...stretch, mask } : undefined;
}

/**
 * Words of a mask for blocks that begin elsewhere: lane 0 of the first is the ordinal `first`.
 *
 * @param mask word 0 = the block of 32 ordinals in which `start` lies; what lies before it or behind its words is out
 */
export function shiftMask(mask: Uint32Array, start: number, first: number, blocks: number): Uint32Array {
  const from = Math.floor(first / BLOCK) - Math.floor(start / BLOCK);
  const by = first % BLOCK;
  if (by === 0 && from >= 0) return mask.subarray(from, from + blocks);
  const shifted = new Uint32Array(blocks);
  for (let i = 0; i < blocks; i++) {
    const [low = 0, high = 0] = [mask[from + i], mask[from + i + 1]];
    shifted[i] = by === 0 ? low : (low >>> by) | (high << (BLOCK - by));
  }
  return shifted;
}

/** All ordinals a mask lets through, ascending, when they are at most {@link SELECTIVE}; else undefined. */
export function selected(mask: ItemMask, n: number): number[] | undefined {
  // of what must be read first, whole pages are searched
  if (mask.prepare !== undefined || mask.atMost > SELECTIVE) return undefined;
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
