import type { DeltaIndex } from "../catalogue/delta-index.ts";
import { BLOCK } from "../kernel/blocks.ts";
import { MaskFilter } from "../search/compile-filter.ts";
import type { Filter } from "../search/filter.ts";
import type { BlockMask } from "../search/masks.ts";
import type { SearchOptions } from "../search/options.ts";
import type { Index, PqIndex } from "../search/pq-index.ts";
import type { Places } from "./places.ts";

/** Blocks of a filter's mask that are computed together. */
const SEGMENT = 128;

/** Items with one term of each list, and of no other list with all terms, as a filter; undefined where that is any. */
export function wordFilter(
  places: Places,
  required: readonly (readonly Uint32Array[])[],
  excluded: readonly (readonly Uint32Array[])[],
): Filter | undefined {
  if (required.length === 0 && excluded.length === 0) return undefined;
  const size = places.blocks.at(-1)!;
  const bits = new Uint32Array(size).fill(0xffff_ffff);
  for (const lists of required) {
    const some = new Uint32Array(size);
    for (const ordinals of lists) mark(some, places, ordinals);
    for (let i = 0; i < size; i++) bits[i]! &= some[i]!;
  }
  for (const lists of excluded) {
    const without = new Uint32Array(size).fill(0xffff_ffff);
    for (const ordinals of lists) {
      const some = new Uint32Array(size);
      mark(some, places, ordinals);
      for (let i = 0; i < size; i++) without[i]! &= some[i]!;
    }
    for (let i = 0; i < size; i++) bits[i]! &= ~without[i]!;
  }
  const atMost = required.length === 0 ? Infinity : bits.reduce((sum, word) => sum + countBits(word), 0);
  const filter = new MaskFilter({ atMost, words: (first, count) => bits.slice(first, first + count) });
  // A filter like any other to the index, but none that a caller can write down.
  return filter as unknown as Filter;
}

function mark(bits: Uint32Array, places: Places, ordinals: Uint32Array): void {
  const { blocks } = places;
  for (const [p, stored] of places.stored(ordinals).entries())
    for (const ordinal of stored.ordinals) bits[blocks[p]! + Math.floor(ordinal / BLOCK)]! |= 1 << (ordinal % BLOCK);
}

function countBits(word: number): number {
  let count = 0;
  for (let bits = word; bits !== 0; bits &= bits - 1) count++;
  return count;
}

/**
 * Whether an item of the catalogue passes a filter and is not excluded; undefined where all do. The filter is read
 * only around the items that are asked for.
 *
 * @throws InputError
 */
export async function passing(
  index: Index,
  places: Places,
  { filter, exclude = [] }: Pick<SearchOptions, "filter" | "exclude">,
): Promise<((ordinal: number) => boolean) | undefined> {
  if (filter === undefined && exclude.length === 0) return undefined;
  const excluded = new Set(exclude.length === 0 ? [] : await index.ordinals(exclude));
  if (filter === undefined) return (ordinal) => !excluded.has(ordinal);
  const mask = await maskOf(index, places, filter);
  const { blocks } = places;
  const segments = new Map<number, Uint32Array>();
  return (ordinal) => {
    if (excluded.has(ordinal)) return false;
    const { part, own } = places.placeOf(ordinal);
    const block = Math.floor(own / BLOCK);
    const first = blocks[part]! + block - (block % SEGMENT);
    let words = segments.get(first);
    if (words === undefined) {
      words = mask.words(first, Math.min(SEGMENT, blocks[part + 1]! - first));
      segments.set(first, words);
    }
    return ((words[block % SEGMENT]! >>> (own % BLOCK)) & 1) === 1;
  };
}

/** By the blocks of both parts. */
async function maskOf(index: Index, places: Places, filter: Filter): Promise<BlockMask> {
  if (places.isPlain) return (index as PqIndex).mask(filter);
  return (await (index as DeltaIndex).masks(filter)).base;
}
