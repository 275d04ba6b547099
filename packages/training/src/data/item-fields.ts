import type { ItemFields } from "@poeem/pq-core";
import type { PoeemConfig } from "../config.ts";
import { itemColumn } from "./item-texts.ts";
import type { ItemTable } from "./types.ts";

/** What comes back with each item: its title and the columns of `items.fields`, without those that are null. */
export function itemFields(items: ItemTable, config: PoeemConfig): ItemFields[] {
  const { title, fields } = config.items;
  const columns = [["title", title], ...fields.map((name) => [name, name])].map(
    ([name, column]) => [name!, itemColumn(items, column!)] as const,
  );
  return Array.from({ length: items.count }, (_, item) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[item]]).filter(([, value]) => value !== null)),
  );
}
