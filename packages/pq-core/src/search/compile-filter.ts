import { check, INPUT } from "../errors.ts";
import type { Comparison, Filter } from "./filter.ts";
import type { BlockMask } from "./masks.ts";

const MAX_DEPTH = 32;

/**
 * A filter that code made: a mask of the blocks that are searched, those of a base before those beside it. A class, so
 * that nothing a caller writes down is one.
 */
export class MaskFilter {
  readonly mask: BlockMask;

  constructor(mask: BlockMask) {
    this.mask = mask;
  }
}

/**
 * Turns a filter into a mask.
 *
 * @param maskOf the items that a comparison lets through
 * @param n items of the index
 * @throws InputError for what is no filter
 */
export function compileFilter(
  filter: Filter | MaskFilter,
  maskOf: (comparison: Comparison) => BlockMask,
  n: number,
  depth = 0,
): BlockMask {
  check(depth <= MAX_DEPTH, "filter", `at most ${MAX_DEPTH} levels`, depth, INPUT);
  check(typeof filter === "object" && filter !== null, "filter", "an object", filter, INPUT);
  const inner = (part: Filter): BlockMask => compileFilter(part, maskOf, n, depth + 1);
  /** Several masks as one: their limits by `limit`, starting at `most`, and their words by `join`, at `start`. */
  const joined = (
    name: string,
    parts: readonly Filter[],
    [most, limit]: [number, (a: number, b: number) => number],
    [start, join]: [number, (a: number, b: number) => number],
  ): BlockMask => {
    check(Array.isArray(parts), "filter", `an array of filters as "${name}"`, parts, INPUT);
    const masks = parts.map(inner);
    const words = (first: number, count: number): Uint32Array => {
      const all = new Uint32Array(count).fill(start);
      for (const mask of masks) {
        const more = mask.words(first, count);
        for (let i = 0; i < count; i++) all[i] = join(all[i]!, more[i]!);
      }
      return all;
    };
    return { atMost: masks.reduce((all, { atMost }) => limit(all, atMost), most), words };
  };
  if (filter instanceof MaskFilter) return filter.mask;
  if ("not" in filter) {
    const mask = inner(filter.not);
    return { atMost: n, words: (first, count) => mask.words(first, count).map((word) => ~word) };
  }
  if ("and" in filter) return joined("and", filter.and, [n, Math.min], [0xffff_ffff, (a, b) => a & b]);
  if ("or" in filter) return joined("or", filter.or, [0, (a, b) => a + b], [0, (a, b) => a | b]);
  const mask = maskOf(filter);
  return mask.atMost === Infinity ? { ...mask, atMost: n } : mask;
}
