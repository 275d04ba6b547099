import { checkLimits } from "../errors.ts";
import { idFault, nameFault, valueFault } from "../limits.ts";
import type { Facets, Numbers } from "./filters-chunk.ts";
import type { ItemIds } from "./ids.ts";

/** Rows that are new to an index. */
interface NewRows {
  readonly ids: ItemIds;
  readonly facets?: Facets | undefined;
  readonly numbers?: Numbers | undefined;
}

/**
 * What an index has already is written again without a look at it, whatever the limits were then.
 * @throws InputError for ids, names and values that no request can name; what is no text at all the writer refuses
 */
export function checkRowLimits({ ids, facets = {}, numbers = {} }: NewRows): void {
  if (Array.isArray(ids)) for (const i in ids) checkLimits(`ids[${i}]`, idFault(ids[i]));
  for (const name in numbers) checkLimits(`numbers.${name}`, nameFault(name));
  for (const name in facets)
    for (const fault of [nameFault(name), ...new Set(facets[name]!.flat().map((value) => valueFault(value ?? "")))])
      checkLimits(`facets.${name}`, fault);
}
