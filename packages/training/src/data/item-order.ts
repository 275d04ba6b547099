import type { Database } from "./duckdb.ts";
import { numbersOf } from "./events.ts";
import { gather } from "./gather.ts";
import { TextList, type Texts } from "./text-list.ts";
import type { ItemTable, TextColumn } from "./types.ts";

/**
 * Numbers the items by their ids, bytewise, so that the order in which SQL gives them does not matter. Makes the table
 * `item_order`: the rowid of an item in the table `items`, and its number.
 *
 * @param key the id in the table `items`, as SQL
 * @returns ids and columns in the order of the numbers
 */
export async function sortItems(
  database: Database,
  { ids, items }: { readonly ids: Texts; readonly items: ItemTable },
  key: string,
): Promise<{ ids: Texts; items: ItemTable }> {
  await database.run(
    `CREATE TABLE item_order AS
     SELECT rowid AS item, (row_number() OVER (ORDER BY (${key})::VARCHAR) - 1)::UINTEGER AS number FROM items`,
  );
  const rows = new Uint32Array(items.count);
  await database.scan("SELECT item::UINTEGER, number FROM item_order", (chunk) => {
    const [at, number] = [numbersOf(chunk, 0), numbersOf(chunk, 1)];
    for (let i = 0; i < at.length; i++) rows[number[i]!] = at[i]!;
  });
  const sortedTexts = (column: TextColumn): TextColumn => Array.from(rows, (row) => column[row]!);
  return {
    ids: new TextList(Array.from(rows, (row) => ids.at(row)!)),
    items: {
      ...items,
      texts: new Map([...items.texts].map(([name, column]) => [name, sortedTexts(column)])),
      vectors: new Map(
        [...items.vectors].map(([name, { length, values }]) => [
          name,
          { length, values: gather(values, rows, length) },
        ]),
      ),
      numbers: new Map([...items.numbers].map(([name, column]) => [name, Float64Array.from(rows, (r) => column[r]!)])),
    },
  };
}
