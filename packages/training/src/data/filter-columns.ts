import type { ArtifactInput } from "@poeem/pq-core";
import type { PoeemConfig } from "../config.ts";
import { numberOf } from "./item-features.ts";
import { itemColumn } from "./item-texts.ts";
import { checkFacetValues } from "./limits.ts";
import type { RawData } from "./types.ts";

/** What items can be filtered by, as the artifact's writer takes it. */
export type FilterColumns = Required<Pick<ArtifactInput, "facets" | "numbers">>;

/**
 * Reads the facet and number columns: before training, so that a wrong value shows at once.
 *
 * @param source name of the items in errors
 * @throws UserError for a value that is no number, or too long to filter by
 */
export function filterColumns(raw: Pick<RawData, "items">, config: PoeemConfig, source?: string): FilterColumns {
  const column = <T>(name: string, read: (value: unknown, name: string, source?: string) => T): T[] =>
    itemColumn(raw.items, name).map((value) => read(value, name, source));
  const facets = Object.fromEntries(config.items.facets.map((name) => [name, column(name, facetValue)]));
  checkFacetValues(facets, source);
  return {
    facets,
    numbers: Object.fromEntries(config.items.numbers.map((name) => [name, column(name, numberOf)])),
  };
}

function facetValue(value: unknown): string | readonly string[] | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  return Array.isArray(value) ? value.filter((one) => one !== null && one !== "").map(String) : String(value);
}
