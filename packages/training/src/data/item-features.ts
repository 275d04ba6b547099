import { UserError } from "@poeem/offline/errors";
import { type Csr, CsrBuilder } from "./csr.ts";
import { itemColumn } from "./item-texts.ts";
import type { ItemNumbers, ItemTable } from "./types.ts";

/**
 * Rows of the category table for each item; a list of values gives a row a value.
 *
 * @param known what the rows stand for, when the table is there already: other values then have no row
 * @returns with `names`, what each row stands for, as "column\tvalue"
 */
export function categoryRows(
  items: ItemTable,
  names: readonly string[],
  known?: readonly string[],
): { rows: Csr; names: string[] } {
  const rowOf = new Map(known?.map((key, row) => [key, row]));
  const columns = names.map((name) => itemColumn(items, name));
  const lists = new CsrBuilder();
  for (let item = 0; item < items.count; item++) {
    columns.forEach((column, c) => {
      const value = column[item];
      for (const one of new Set(Array.isArray(value) ? value : [value])) {
        if (one === null || one === undefined || one === "") continue;
        const key = `${names[c]}\t${String(one)}`;
        let row = rowOf.get(key);
        if (row === undefined && known !== undefined) continue;
        if (row === undefined) {
          row = rowOf.size;
          rowOf.set(key, row);
        }
        lists.push(row);
      }
    });
    lists.end();
  }
  return { rows: lists.build(), names: [...rowOf.keys()] };
}

/** Number columns with mean 0 and deviation 1. Throws a `UserError` on a value that is no number. */
export function standardise(items: ItemTable, names: readonly string[]): ItemNumbers | undefined {
  if (names.length === 0) return undefined;
  const means: number[] = [];
  const deviations: number[] = [];
  for (const name of names) {
    const column = Float64Array.from(itemColumn(items, name), (value) => numberOf(value, name));
    const present = column.filter((value) => !Number.isNaN(value));
    const mean = present.reduce((sum, value) => sum + value, 0) / Math.max(1, present.length);
    const variance = present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, present.length);
    const deviation = Math.sqrt(variance) || 1;
    means.push(mean);
    deviations.push(deviation);
  }
  return standardised(items, { names, means, deviations });
}

/** Number columns of items by means and deviations that are there already. */
export function standardised(items: ItemTable, known: Omit<ItemNumbers, "values">): ItemNumbers {
  const { names, means, deviations } = known;
  const values = new Float32Array(items.count * names.length);
  names.forEach((name, c) => {
    for (const [item, value] of itemColumn(items, name).entries()) {
      const number = numberOf(value, name);
      values[item * names.length + c] = Number.isNaN(number) ? 0 : (number - means[c]!) / deviations[c]!;
    }
  });
  return { ...known, values };
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
