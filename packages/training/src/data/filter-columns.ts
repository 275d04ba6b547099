import type { ArtifactInput } from "@poeem/pq-core";
import type { PoeemConfig } from "../config.ts";
import { itemNumbers, valuesOf } from "./item-texts.ts";
import type { RawData } from "./types.ts";

/** What items can be filtered by, as the artifact's writer takes it. */
export type FilterColumns = Required<Pick<ArtifactInput, "facets" | "numbers">>;

/** The facet and number columns. */
export function filterColumns({ items }: Pick<RawData, "items">, config: PoeemConfig): FilterColumns {
  const { facets, numbers } = config.items;
  const valuesIn = (name: string): string[][] =>
    Array.from({ length: items.count }, (_, item) => valuesOf(items, name, item));
  return {
    facets: Object.fromEntries(facets.map((name) => [name, valuesIn(name)])),
    numbers: Object.fromEntries(numbers.map((name) => [name, itemNumbers(items, name)])),
  };
}
