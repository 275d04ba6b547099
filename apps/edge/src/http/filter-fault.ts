/** What is wrong with a filter that code made: one that was parsed needs no such look. */

/** Levels that an index takes. */
const MAX_DEPTH = 32;

/** Whether the index has the names in it is for the index to say. */
export function filterFault(filter: unknown, depth = 0): string | undefined {
  if (typeof filter !== "object" || filter === null) return "expected filters to be objects";
  if (depth > MAX_DEPTH) return `expected at most ${MAX_DEPTH} levels`;
  const { and, or, not, facet, in: values, number, min = 0, max = 0 } = filter as Record<string, unknown>;
  if ("not" in filter) return filterFault(not, depth + 1);
  if ("and" in filter || "or" in filter) {
    const parts = "and" in filter ? and : or;
    if (!Array.isArray(parts)) return 'expected a list of filters as "and" or "or"';
    return parts.map((part) => filterFault(part, depth + 1)).find((fault) => fault !== undefined);
  }
  if (typeof facet === "string" && Array.isArray(values) && values.every((value) => typeof value === "string"))
    return undefined;
  const isBound = (bound: unknown) => typeof bound === "number" && !Number.isNaN(bound);
  if (typeof number === "string" && isBound(min) && isBound(max)) return undefined;
  return "expected and, or, not, a facet with texts, or a number with bounds";
}
