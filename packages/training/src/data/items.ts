import { JsonDuckDBValueConverter } from "@duckdb/node-api";
import { UserError } from "@poeem/offline/errors";
import { itemColumns, type PoeemConfig } from "../config.ts";
import { type Database, quoted } from "./duckdb.ts";
import { numbersOf } from "./events.ts";
import { findRows, refuse, requireColumns } from "./problems.ts";
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
  from = { source: "data.items", sql: config.data.items },
): Promise<{ ids: Texts; items: ItemTable }> {
  const { id } = config.items;
  const read = itemColumns(config);
  const present = await database.describe(from.source, from.sql);
  requireColumns(from.source, [...present.keys()], [id, ...read]);
  await database.keep(from.source, "items", from.sql, [id, ...read]);
  const [counted] = await database.rows("SELECT count(*)::INTEGER AS count FROM items");
  const count = Number(counted!["count"]);
  if (count === 0) throw new UserError(`${from.source}: expected at least one row, got none`);
  await checkIds(database, id, from.source);

  const ids = new Array<string>(count);
  await database.scan(`SELECT rowid::UINTEGER, ${quoted(id)}::VARCHAR FROM items`, (chunk) => {
    const at = numbersOf(chunk, 0);
    const values = chunk.getColumnValues(1);
    for (let i = 0; i < at.length; i++) ids[at[i]!] = values[i] as string;
  });
  const columns = new Map(read.map((name) => [name, new Array<unknown>(count).fill(null)]));
  await database.scan(`SELECT rowid::UINTEGER, ${read.map(quoted).join(", ")} FROM items`, (chunk) => {
    const at = numbersOf(chunk, 0);
    read.forEach((name, c) => {
      const column = columns.get(name)!;
      const values = chunk.convertColumnValues(c + 1, JsonDuckDBValueConverter);
      for (let i = 0; i < at.length; i++) column[at[i]!] = values[i];
    });
  });
  return { ids: new TextList(ids), items: { count, columns } };
}

/** An id is a text, not empty, and stands in one row. */
async function checkIds(database: Database, id: string, source: string): Promise<void> {
  const value = `${quoted(id)}::VARCHAR`;
  const missing = `${value} IS NULL OR ${value} = ''`;
  const repeated = `NOT (${missing}) AND rowid NOT IN (SELECT min(rowid) FROM items GROUP BY ${value})`;
  const find = (where: string) => findRows(database, `items WHERE ${where}`, value);
  refuse(source, [
    { what: `no ${id}`, ...(await find(missing)) },
    { what: `repeated ${id}`, ...(await find(repeated)) },
  ]);
}
