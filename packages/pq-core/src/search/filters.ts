import { type FilterColumns, readFilters } from "../format/filters-chunk.ts";
import { compileFilter, leafMasks } from "./filter.ts";
import { type BlockMask, selected, visitItems } from "./masks.ts";
import type { Visit } from "./pq-index.ts";

/** Filters over facets and numbers, and the facets' counts. */
export const filters = { read: readFilters, leaves: leafMasks, compile: compileFilter, visit, count };
export type Filters = typeof filters;

/** Facet name → value → count of items. */
function count({ facets }: Pick<FilterColumns, "facets">): Record<string, Record<string, number>> {
  return Object.fromEntries(
    Array.from(facets, ([name, values]) => [
      name,
      Object.fromEntries(Array.from(values, ([value, items]) => [value, items.count])),
    ]),
  );
}

/** The single items that a filter lets through, where they are few. */
function visit(mask: BlockMask, n: number, offsets: Uint32Array): Visit | undefined {
  const few = selected(mask, n);
  return few && visitItems(offsets, few);
}
