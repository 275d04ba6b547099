import { checkLimits } from "../errors.ts";
import { idFault, nameFault, valueFault } from "../limits.ts";
import type { ArtifactInput } from "./artifact-writer.ts";

/** Rows that are new to an index. What an index has already is written again as it is, whatever the limits were then. */
export type NewRows = Pick<ArtifactInput, "ids" | "facets" | "numbers">;

/** @throws InputError for ids, names and values that no request can name; what is no text at all is the writer's */
export function checkRowLimits({ ids, facets = {}, numbers = {} }: NewRows): void {
  const isText = (value: unknown): value is string => typeof value === "string";
  if (Array.isArray(ids))
    for (const [i, id] of ids.entries()) if (isText(id) && id !== "") checkLimits(`ids[${i}]`, idFault(id));
  for (const name of Object.keys(facets)) checkLimits(`facets.${name}`, nameFault(name));
  for (const name of Object.keys(numbers)) checkLimits(`numbers.${name}`, nameFault(name));
  for (const [name, values] of Object.entries(facets))
    for (const value of new Set(Array.from(values).flat()))
      if (isText(value)) checkLimits(`facets.${name}`, valueFault(value));
}
