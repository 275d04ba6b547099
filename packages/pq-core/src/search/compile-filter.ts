import { check, INPUT } from "../errors.ts";
import type { Comparison, Filter } from "./filter.ts";
import { type BlockMask, PIECE_BLOCKS } from "./masks.ts";

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

/** The same filter where block 0 is the block `first` of what it was made for. */
export function withMasksFrom(filter: Filter, first: number): Filter {
  const inner = (part: Filter): Filter => withMasksFrom(part, first);
  if (filter instanceof MaskFilter) {
    const { atMost, fill } = filter.mask;
    return new MaskFilter({ atMost, fill: (at, out) => fill(at + first, out) }) as unknown as Filter;
  }
  if ("not" in filter) return { not: inner(filter.not) };
  if ("and" in filter) return { and: filter.and.map(inner) };
  if ("or" in filter) return { or: filter.or.map(inner) };
  return filter;
}

/**
 * Turns a filter into a mask, to be filled at most {@link PIECE_BLOCKS} at a time.
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
    const room = new Uint32Array(PIECE_BLOCKS);
    const fill = (first: number, out: Uint32Array): void => {
      out.fill(start);
      const more = room.subarray(0, out.length);
      for (const mask of masks) {
        mask.fill(first, more);
        // Once all are out, or in, nothing changes that.
        let isOpen = 0;
        for (let i = 0; i < out.length; i++) {
          out[i] = join(out[i]!, more[i]!);
          isOpen |= out[i]! ^ ~start;
        }
        if (isOpen === 0) return;
      }
    };
    return { atMost: masks.reduce((all, { atMost }) => limit(all, atMost), most), fill };
  };
  if (filter instanceof MaskFilter) return filter.mask;
  if ("not" in filter) {
    const mask = inner(filter.not);
    const fill = (first: number, out: Uint32Array): void => {
      mask.fill(first, out);
      for (let i = 0; i < out.length; i++) out[i] = ~out[i]!;
    };
    return { atMost: n, fill };
  }
  if ("and" in filter) return joined("and", filter.and, [n, Math.min], [0xffff_ffff, (a, b) => a & b]);
  if ("or" in filter) return joined("or", filter.or, [0, (a, b) => a + b], [0, (a, b) => a | b]);
  const mask = maskOf(filter);
  return mask.atMost === Infinity ? { ...mask, atMost: n } : mask;
}
