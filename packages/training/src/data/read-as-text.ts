import { type Database, literal } from "./duckdb.ts";
import { type FileScan, option, tableSql, withOptions } from "./file-scans.ts";
import { textType } from "./readers.ts";
import type { SqlNode } from "./sql-tree.ts";

// to read a header as one when no column has another type than it: what the reader found before
const HEADERS: readonly (readonly string[])[] = [[], ["header = true"], ["header = false"]];

/**
 * The table of a scan in which some columns are as they stand in the file; all others are as before. Undefined when
 * DuckDB's reader cannot do that.
 *
 * @param types of all its columns, as described
 */
export async function readAsText(
  database: Database,
  scan: FileScan,
  types: ReadonlyMap<string, string>,
  names: readonly string[],
): Promise<SqlNode | undefined> {
  const wanted = new Map(types);
  for (const name of names) wanted.set(name, textType(types.get(name)!)!);
  const { key, columns } = typeOption(scan, wanted, names);
  const list = [...columns].map(([name, type]) => `${literal(name)}: ${literal(type)}`);
  const tables = HEADERS.slice(0, scan.reader === "csv" ? HEADERS.length : 1).map((header) =>
    withOptions(database, scan, [...header, `${key} = {${list.join(", ")}}`]),
  );
  return first(database, tables, wanted);
}

/** The table of a CSV in which all columns are text, undefined where its columns cannot be told then. */
export function readForCheck(database: Database, scan: FileScan, types: ReadonlyMap<string, string>) {
  if (scan.reader !== "csv") return undefined;
  const wanted = new Map([...types.keys()].map((name) => [name, "VARCHAR"]));
  return first(
    database,
    HEADERS.map((header) => withOptions(database, scan, [...header, "all_varchar = true"])),
    wanted,
  );
}

/** What says the types: of the columns that change in CSV, of all in JSON, but for the names of the files. */
export function typeOption(scan: FileScan, wanted: ReadonlyMap<string, string>, names: readonly string[]) {
  if (scan.reader === "csv") {
    return { key: "types", columns: new Map(names.map((name) => [name, wanted.get(name)!])) };
  }
  const columns = new Map(wanted);
  if (option(scan, "filename")) columns.delete("filename");
  return { key: "columns", columns };
}

/** The first table with these columns and types. */
async function first(
  database: Database,
  tables: readonly Promise<SqlNode>[],
  wanted: ReadonlyMap<string, string>,
): Promise<SqlNode | undefined> {
  for (const making of tables) {
    const table = await making;
    const types = await tableSql(database, table)
      .then((sql) => database.describe("", sql))
      .catch(() => undefined); // the next one may do
    if (types?.size === wanted.size && [...wanted].every(([name, type]) => types.get(name) === type)) return table;
  }
  return undefined;
}
