import type { FilterDirectory } from "../format/filter-pages.ts";
import type { FacetValue } from "../format/filters-chunk.ts";
import { BLOCK } from "../kernel/blocks.ts";
import { MaskFilter } from "./compile-filter.ts";
import { type Comparison, type Filter, isFacetIn } from "./filter.ts";

/** Of each page, 1 where an item may match; and 1 where one may not. */
interface Possible {
  readonly match: Uint8Array;
  readonly miss: Uint8Array;
}

/**
 * The pages that can hold an item which a filter lets through, by what is known of whole pages: none that does is left
 * out. The filter was checked before.
 *
 * @returns (pages)
 */
export function matchingPages(filter: Filter | MaskFilter, directory: FilterDirectory): Uint8Array {
  return possible(filter, directory).match;
}

function possible(filter: Filter | MaskFilter, directory: FilterDirectory): Possible {
  const { numPages } = directory;
  if (filter instanceof MaskFilter) return { match: ones(numPages), miss: ones(numPages) };
  if ("not" in filter) {
    const { match, miss } = possible(filter.not, directory);
    return { match: miss, miss: match };
  }
  if ("and" in filter) return joined(filter.and, directory, "match", "miss");
  if ("or" in filter) return joined(filter.or, directory, "miss", "match");
  return { match: leafPages(filter, directory), miss: ones(numPages) };
}

/** `every` holds where it does for all parts, `some` where it does for one of them. */
function joined(
  parts: readonly Filter[],
  directory: FilterDirectory,
  every: keyof Possible,
  some: keyof Possible,
): Possible {
  const all = ones(directory.numPages);
  const any = new Uint8Array(directory.numPages);
  for (const part of parts) {
    const own = possible(part, directory);
    for (let page = 0; page < all.length; page++) {
      all[page]! &= own[every][page]!;
      any[page]! |= own[some][page]!;
    }
  }
  return { [every]: all, [some]: any } as unknown as Possible;
}

function leafPages(leaf: Comparison, { numPages, facets, numbers }: FilterDirectory): Uint8Array {
  const pages = new Uint8Array(numPages);
  if (isFacetIn(leaf)) {
    for (const value of leaf.in) markPages(facets.get(leaf.facet)!.get(value), pages);
    return pages;
  }
  const { min = -Infinity, max = Infinity } = leaf;
  const { least, most } = numbers.get(leaf.number)!;
  for (let page = 0; page < numPages; page++) pages[page] = Number(most[page]! >= min && least[page]! <= max);
  return pages;
}

function markPages(value: FacetValue | undefined, pages: Uint8Array): void {
  if (value?.ordinals !== undefined) for (const page of value.ordinals) pages[page] = 1;
  else if (value !== undefined)
    for (let page = 0; page < pages.length; page++)
      pages[page]! |= (value.bitmap[Math.floor(page / BLOCK)]! >>> (page % BLOCK)) & 1;
}

const ones = (n: number): Uint8Array => new Uint8Array(n).fill(1);
