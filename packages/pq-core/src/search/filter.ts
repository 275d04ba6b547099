import { BLOCK } from "../blocks.ts";
import { check, rangeError, typeError } from "../errors.ts";
import type { FacetValue, FilterColumns } from "../format/filters-chunk.ts";
import type { Filter } from "../types.ts";
import type { BlockMask } from "./masks.ts";
import { lowerBound } from "./sorted.ts";

const MAX_DEPTH = 32;

/** A filter without another in it. */
export type Leaf = Extract<Filter, { facet: string } | { number: string }>;
export type LeafMask = (leaf: Leaf) => BlockMask;

/** Masks of the leaves of filters over the columns of n items. */
export function leafMasks(columns: FilterColumns, n: number): LeafMask {
  return (leaf) => ("facet" in leaf ? facetMask(leaf, columns) : numberMask(leaf, columns, n));
}

/**
 * Turns a filter into masks. Names that the index does not have are errors; a facet value that no item has matches nothing.
 *
 * @param n items of the index
 */
export function compileFilter(filter: Filter, leafMask: LeafMask, n: number, depth = 0): BlockMask {
  check(depth <= MAX_DEPTH, "filter", `at most ${MAX_DEPTH} levels`, depth);
  if (typeof filter !== "object" || filter === null) throw typeError("filter", "an object", filter);
  const inner = (part: Filter): BlockMask => compileFilter(part, leafMask, n, depth + 1);
  if ("facet" in filter || "number" in filter) return leafMask(filter);
  if ("not" in filter) {
    const mask = inner(filter.not);
    return { atMost: n, words: (first, count) => mask.words(first, count).map((word) => ~word) };
  }
  if ("and" in filter) {
    const masks = filter.and.map(inner);
    return {
      atMost: masks.reduce((least, { atMost }) => Math.min(least, atMost), n),
      words: (first, count) => combine(masks, first, count, 0xffff_ffff, (a, b) => a & b),
    };
  }
  if ("or" in filter) {
    const masks = filter.or.map(inner);
    return {
      atMost: masks.reduce((sum, { atMost }) => sum + atMost, 0),
      words: (first, count) => combine(masks, first, count, 0, (a, b) => a | b),
    };
  }
  throw rangeError("filter", "a member facet, number, and, or, not", Object.keys(filter).join(", "));
}

function combine(
  masks: readonly BlockMask[],
  first: number,
  count: number,
  start: number,
  join: (a: number, b: number) => number,
): Uint32Array {
  const words = new Uint32Array(count).fill(start);
  for (const mask of masks) {
    const more = mask.words(first, count);
    for (let i = 0; i < count; i++) words[i] = join(words[i]!, more[i]!);
  }
  return words;
}

function facetMask(filter: Extract<Filter, { facet: string }>, columns: FilterColumns): BlockMask {
  const facet = columns.facets.get(filter.facet);
  check(facet !== undefined, "filter.facet", `one of ${[...columns.facets.keys()].join(", ")}`, filter.facet);
  if (!Array.isArray(filter.in)) throw typeError("filter.in", "an array of values", filter.in);
  const values = Array.from(new Set(filter.in), (value) => facet.get(value)).filter((value) => value !== undefined);
  return {
    atMost: values.reduce((sum, { count }) => sum + count, 0),
    words(first, count) {
      const words = new Uint32Array(count);
      for (const value of values) addValue(value, first, words);
      return words;
    },
  };
}

function addValue(value: FacetValue, first: number, words: Uint32Array): void {
  if (value.bitmap !== undefined) {
    for (let i = 0; i < words.length; i++) words[i]! |= value.bitmap[first + i] ?? 0;
    return;
  }
  const { ordinals } = value;
  const end = (first + words.length) * BLOCK;
  for (let i = lowerBound(ordinals, first * BLOCK); i < ordinals.length && ordinals[i]! < end; i++) {
    words[Math.floor(ordinals[i]! / BLOCK) - first]! |= 1 << (ordinals[i]! % BLOCK);
  }
}

function numberMask(filter: Extract<Filter, { number: string }>, columns: FilterColumns, n: number): BlockMask {
  const values = columns.numbers.get(filter.number);
  check(values !== undefined, "filter.number", `one of ${[...columns.numbers.keys()].join(", ")}`, filter.number);
  const { min = -Infinity, max = Infinity } = filter;
  for (const [name, bound] of Object.entries({ min, max }))
    if (typeof bound !== "number" || Number.isNaN(bound)) throw typeError(`filter.${name}`, "a number", bound);
  return {
    atMost: n,
    words(first, count) {
      const words = new Uint32Array(count);
      const end = Math.min(n, (first + count) * BLOCK);
      for (let i = first * BLOCK; i < end; i++) {
        // NaN, an absent number, is in no range.
        if (values[i]! >= min && values[i]! <= max) words[Math.floor(i / BLOCK) - first]! |= 1 << (i % BLOCK);
      }
      return words;
    },
  };
}
