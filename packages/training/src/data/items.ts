import { JsonDuckDBValueConverter } from "@duckdb/node-api";
import { itemColumns, type PoeemConfig } from "../config.ts";
import type { Database } from "./duckdb.ts";
import { numbersOf } from "./events.ts";
import { type KeptTable, keepTable, type Source, type Wanted } from "./kept-table.ts";
import { checkIdLimits } from "./limits.ts";
import { findRows, refuse } from "./problems.ts";
import { TextList, type Texts } from "./text-list.ts";
import type { ItemTable } from "./types.ts";

/**
 * Reads the columns of the items that the config names into memory, and the ids into the table `items`.
 *
 * @param from the query to read, and its name in errors
 */
export async function readItems(
  database: Database,
  config: PoeemConfig,
  from: Source = { source: "data.items", sql: config.data.items },
): Promise<{ ids: Texts; items: ItemTable; table: KeptTable }> {
  const { id } = config.items;
  const read = itemColumns(config);
  const table = await keepTable(database, from, "items", itemRoles(config));
  const { count } = table;
  await checkIds(database, table, id, from.source);

  const ids = new Array<string>(count);
  await database.scan(`SELECT rowid::UINTEGER, ${table.sql(id)}::VARCHAR FROM items`, (chunk) => {
    const at = numbersOf(chunk, 0);
    const values = chunk.getColumnValues(1);
    for (let i = 0; i < at.length; i++) ids[at[i]!] = values[i] as string;
  });
  checkIdLimits(ids, id, from.source);
  const columns = new Map(read.map((name) => [name, new Array<unknown>(count).fill(null)]));
  const list = ["rowid::UINTEGER", ...read.map(table.sql)].join(", ");
  await database.scan(`SELECT ${list} FROM items`, (chunk) => {
    const at = numbersOf(chunk, 0);
    read.forEach((name, c) => {
      const column = columns.get(name)!;
      const values = chunk.convertColumnValues(c + 1, JsonDuckDBValueConverter);
      for (let i = 0; i < at.length; i++) column[at[i]!] = values[i];
    });
  });
  return { ids: new TextList(ids), items: { count, columns }, table };
}

/** Which columns of the items are text to us and which are values. */
function itemRoles({ items }: PoeemConfig): Wanted {
  const { id, title, text, categories, facets, fields, inputs, numbers } = items;
  return { texts: [id, title, ...text, ...categories, ...facets], values: [...fields, ...inputs, ...numbers] };
}

/** An id is a text, not empty, and stands in one row. */
async function checkIds(database: Database, table: KeptTable, id: string, source: string): Promise<void> {
  const value = `${table.sql(id)}::VARCHAR`;
  const missing = `${value} IS NULL OR ${value} = ''`;
  const repeated = `NOT (${missing}) AND rowid NOT IN (SELECT min(rowid) FROM items GROUP BY ${value})`;
  const find = (where: string) => findRows(database, `items WHERE ${where}`, value);
  refuse(source, [
    { what: `no ${id}`, ...(await find(missing)) },
    { what: `repeated ${id}`, ...(await find(repeated)) },
  ]);
}
