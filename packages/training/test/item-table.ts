import type { ItemTable, TextColumn } from "../src/data/types.ts";

/** A table of items as `readItems` makes it, without fields. @param numbers null = missing */
export function itemTable(
  count: number,
  texts: Readonly<Record<string, TextColumn>>,
  numbers: Readonly<Record<string, readonly (number | null)[]>> = {},
): ItemTable {
  const read = ([name, values]: [string, readonly (number | null)[]]) =>
    [name, Float64Array.from(values, (value) => value ?? Number.NaN)] as const;
  return {
    count,
    texts: new Map(Object.entries(texts)),
    numbers: new Map(Object.entries(numbers).map(read)),
    vectors: new Map(),
    fields: new Map(),
  };
}
