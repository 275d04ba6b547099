import type { ArtifactInput } from "@poeem/pq-core";
import type { PoeemConfig } from "../config.ts";
import { UserError } from "../errors.ts";
import type { RawData } from "./load.ts";

/** What items can be filtered by, as the artifact's writer takes it. */
export type FilterColumns = Required<Pick<ArtifactInput, "facets" | "numbers">>;

/** Reads the facet and number columns. Throws a `UserError` on a value that is no number: before training, not after. */
export function filterColumns(raw: RawData, config: PoeemConfig): FilterColumns {
  const column = <T>(name: string, read: (value: unknown, name: string) => T): T[] =>
    raw.items.map((row) => read(row[name], name));
  return {
    facets: Object.fromEntries(config.items.facets.map((name) => [name, column(name, facetValue)])),
    numbers: Object.fromEntries(config.items.numbers.map((name) => [name, column(name, numberValue)])),
  };
}

function facetValue(value: unknown): string | readonly string[] | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  return Array.isArray(value) ? value.map(String) : String(value);
}

/** NaN where the item has no number. DuckDB hands 64-bit integers and decimals over as text. */
function numberValue(value: unknown, name: string): number {
  if (value === null || value === undefined || value === "") return Number.NaN;
  const number = Number(value);
  if (Number.isNaN(number)) {
    throw new UserError(`data.items: column ${name} expected numbers, got ${JSON.stringify(value)}`);
  }
  return number;
}
