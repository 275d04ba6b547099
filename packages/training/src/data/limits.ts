/** Refuses, before anything is trained, what the Worker could not be asked by: pq-core has the limits. */
import { UserError } from "@poeem/offline/errors";
import { idFault, MAX_CONTEXTS, nameFault, valueFault } from "@poeem/pq-core";
import type { PoeemConfig } from "../config.ts";
import { valuesOf } from "./item-texts.ts";
import type { EventTable, ItemTable } from "./types.ts";

/** Names that become those of facets, numbers, fields, context features and embeddings. @throws UserError */
export function checkNames({ items, events, queries }: PoeemConfig): void {
  const lists = {
    "items.facets": items.facets,
    "items.numbers": items.numbers,
    "items.fields": items.fields,
    "items.embeddings": items.embeddings,
    "queries.embeddings": queries.embeddings,
    "events.context": events.context,
  };
  for (const [key, names] of Object.entries(lists))
    for (const name of names) refuseFault(key, `column ${JSON.stringify(name)}`, nameFault(name));
  const { length } = events.context;
  if (length > MAX_CONTEXTS)
    throw new UserError(`events.context: expected at most ${MAX_CONTEXTS} columns, got ${length}`);
}

/**
 * @param ids in the order of the rows of `source`
 * @param first number of the first one's row
 * @throws UserError naming the first row beyond the limits
 */
export function checkIdLimits(ids: readonly string[], column: string, source: string, first = 0): void {
  const faults = ids.flatMap((id, i) => (idFault(id) === undefined ? [] : [i]));
  if (faults.length === 0) return;
  const others = faults.length > 1 ? `; ${faults.length} rows in all have such ids` : "";
  refuseFault(source, `column ${column}, row ${first + faults[0]! + 1}`, `${idFault(ids[faults[0]!]!)}${others}`);
}

/** @throws UserError naming the column, and the row of the first value that is too long to filter by */
export function checkFacetValues(items: ItemTable, facets: readonly string[], source: string, first = 0): void {
  for (const name of facets)
    for (let i = 0; i < items.count; i++) {
      const fault = valuesOf(items, name, i).map(valueFault).find(Boolean);
      refuseFault(source, `facet ${name}, row ${first + i + 1}`, fault);
    }
}

/** @throws UserError naming the column of a value that is too long to ask by */
export function checkContextValues(columns: EventTable["contexts"]): void {
  for (const { name, values } of columns)
    for (const value of values) refuseFault("data.events", `context ${name}`, valueFault(value));
}

function refuseFault(source: string, where: string, fault: string | undefined): void {
  if (fault !== undefined) throw new UserError(`${source}: ${where}: ${fault}`);
}
