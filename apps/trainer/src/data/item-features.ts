import { UserError } from "../errors.ts";
import { type Csr, CsrBuilder } from "./csr.ts";
import { itemColumn } from "./item-texts.ts";
import type { ItemNumbers, ItemTable } from "./types.ts";

/** Rows of the category table for each item; a list of values gives a row a value. */
export function categoryRows(items: ItemTable, names: readonly string[]): { rows: Csr; count: number } {
  const rowOf = new Map<string, number>();
  const columns = names.map((name) => itemColumn(items, name));
  const lists = new CsrBuilder();
  for (let item = 0; item < items.count; item++) {
    columns.forEach((column, c) => {
      const value = column[item];
      for (const one of new Set(Array.isArray(value) ? value : [value])) {
        if (one === null || one === undefined || one === "") continue;
        const key = `${names[c]}\t${String(one)}`;
        let row = rowOf.get(key);
        if (row === undefined) {
          row = rowOf.size;
          rowOf.set(key, row);
        }
        lists.push(row);
      }
    });
    lists.end();
  }
  return { rows: lists.build(), count: rowOf.size };
}

/** Number columns with mean 0 and deviation 1. Throws a `UserError` on a value that is no number. */
export function standardise(items: ItemTable, names: readonly string[]): ItemNumbers | undefined {
  if (names.length === 0) return undefined;
  const values = new Float32Array(items.count * names.length);
  const means: number[] = [];
  const deviations: number[] = [];
  names.forEach((name, c) => {
    const column = Float64Array.from(itemColumn(items, name), (value) => numberOf(value, name));
    const present = column.filter((value) => !Number.isNaN(value));
    const mean = present.reduce((sum, value) => sum + value, 0) / Math.max(1, present.length);
    const variance = present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, present.length);
    const deviation = Math.sqrt(variance) || 1;
    means.push(mean);
    deviations.push(deviation);
    for (let item = 0; item < items.count; item++) {
      values[item * names.length + c] = Number.isNaN(column[item]!) ? 0 : (column[item]! - mean) / deviation;
    }
  });
  return { names, values, means, deviations };
}

/** NaN where the item has no number. DuckDB hands 64-bit integers and decimals over as text. */
export function numberOf(value: unknown, name: string): number {
  if (value === null || value === undefined || value === "") return Number.NaN;
  const number = typeof value === "boolean" || typeof value === "object" ? Number.NaN : Number(value);
  if (!Number.isFinite(number)) {
    throw new UserError(`data.items: column ${name} expected numbers, got ${JSON.stringify(value)}`);
  }
  return number;
}
