import { check, INPUT } from "../errors.ts";
import type { Comparison, Filter } from "./filter.ts";
import type { BlockMask } from "./masks.ts";

const MAX_DEPTH = 32;

/**
 * Turns a filter into a mask.
 *
 * @param maskOf the items that a comparison lets through
 * @param n items of the index
 * @throws InputError for what is no filter
 */
export function compileFilter(
  filter: Filter,
  maskOf: (comparison: Comparison) => BlockMask,
  n: number,
  depth = 0,
): BlockMask {
  check(depth <= MAX_DEPTH, "filter", `at most ${MAX_DEPTH} levels`, depth, INPUT);
  check(typeof filter === "object" && filter !== null, "filter", "an object", filter, INPUT);
  const inner = (part: Filter): BlockMask => compileFilter(part, maskOf, n, depth + 1);
  const all = (name: string, parts: readonly Filter[]): BlockMask[] => {
    check(Array.isArray(parts), "filter", `an array of filters as "${name}"`, parts, INPUT);
    return parts.map(inner);
  };
  if ("not" in filter) {
    const mask = inner(filter.not);
    return { atMost: n, words: (first, count) => mask.words(first, count).map((word) => ~word) };
  }
  if ("and" in filter) {
    const masks = all("and", filter.and);
    return {
      atMost: masks.reduce((least, { atMost }) => Math.min(least, atMost), n),
      words: (first, count) => combine(masks, first, count, 0xffff_ffff, (a, b) => a & b),
    };
  }
  if ("or" in filter) {
    const masks = all("or", filter.or);
    return {
      atMost: masks.reduce((sum, { atMost }) => sum + atMost, 0),
      words: (first, count) => combine(masks, first, count, 0, (a, b) => a | b),
    };
  }
  const mask = maskOf(filter);
  return mask.atMost === Infinity ? { ...mask, atMost: n } : mask;
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
