import { type NumberColumn, standardScore } from "@poeem/towers";
import { type Csr, CsrBuilder } from "./csr.ts";
import { itemNumbers, valuesOf } from "./item-texts.ts";
import type { ItemNumbers, ItemTable } from "./types.ts";

/** The categories of an item, as "column\tvalue", each once; a list of values gives several. */
export function categoriesOf(items: ItemTable, names: readonly string[], item: number): string[] {
  return names.flatMap((name) => valuesOf(items, name, item).map((value) => `${name}\t${value}`));
}

/**
 * Rows of the category table for each item.
 * @returns with `names`, what each row stands for, as "column\tvalue"
 */
export function categoryRows(items: ItemTable, names: readonly string[]): { rows: Csr; names: string[] } {
  const rowOf = new Map<string, number>();
  const lists = new CsrBuilder();
  for (let item = 0; item < items.count; item++) {
    for (const key of categoriesOf(items, names, item)) {
      const row = rowOf.get(key) ?? rowOf.size;
      rowOf.set(key, row);
      lists.push(row);
    }
    lists.end();
  }
  return { rows: lists.build(), names: [...rowOf.keys()] };
}

/** Number columns with mean 0 and deviation 1. */
export function standardise(items: ItemTable, names: readonly string[]): ItemNumbers | undefined {
  if (names.length === 0) return undefined;
  const read = names.map((name) => itemNumbers(items, name));
  const columns = read.map((column, c): NumberColumn => {
    const present = column.filter((value) => !Number.isNaN(value));
    const mean = present.reduce((sum, value) => sum + value, 0) / Math.max(1, present.length);
    const variance = present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, present.length);
    return { name: names[c]!, mean, deviation: Math.sqrt(variance) || 1 };
  });
  const values = new Float32Array(items.count * names.length);
  read.forEach((column, c) => {
    for (const [item, value] of column.entries()) values[item * names.length + c] = standardScore(value, columns[c]!);
  });
  return { columns, values };
}
