import { columnType } from "./column-type.ts";
import { textSql } from "./column-values.ts";
import { type Database, quoted } from "./duckdb.ts";
import { type FileScan, option, tableSql } from "./file-scans.ts";
import { readAsText, readForCheck } from "./read-as-text.ts";
import { textType } from "./readers.ts";
import type { SqlNode } from "./sql-tree.ts";

/** A column of a file of which a value changes by the type that the reader took it for. */
export interface Rewritten {
  readonly name: string;
  readonly type: string;
  /** A value that changes, as it stands in the file. */
  readonly written: string;
  /** Whether one changes in SQL too. If not, only what we write as text does: 1.0, which we write as 1. */
  readonly inSql: boolean;
}

/**
 * Those of some columns of a CSV or JSON file that do not come back as they stand there from the types that the reader
 * guessed. The file is read once more for it, unless no type was guessed.
 *
 * @param types of all its columns, as described
 */
export async function rewrittenColumns(
  database: Database,
  source: string,
  scan: FileScan,
  types: ReadonlyMap<string, string>,
  names: readonly string[],
): Promise<Rewritten[]> {
  if (scan.reader === "parquet" || option(scan, "columns")) return [];
  const given = givenTypes(scan, [...types.keys()]);
  const guessed = names.filter((name) => {
    const text = textType(types.get(name)!);
    return text !== undefined && text !== types.get(name) && !given.has(name);
  });
  if (guessed.length === 0) return [];
  const table = (await readAsText(database, scan, types, guessed)) ?? (await readForCheck(database, scan, types));
  if (table === undefined) return [];
  const list = guessed.flatMap((name, i) => {
    const [written, type] = [quoted(name), types.get(name)!];
    const read = `TRY_CAST(${written} AS ${type})`;
    const example = (text: string, as: string): string =>
      `min(${written}::VARCHAR) FILTER (${written}::VARCHAR <> '' AND ${written} IS DISTINCT FROM ${text}) AS ${as}${i}`;
    return [example(textSql(columnType(type), read), "ours"), example(`TRY_CAST(${read} AS ${textType(type)})`, "sql")];
  });
  const [row] = await database.ask(source, `SELECT ${list.join(", ")} FROM (${await tableSql(database, table)})`);
  return guessed.flatMap((name, i) => {
    const [ours, inSql] = [row![`ours${i}`], row![`sql${i}`]] as (string | null)[];
    const written = inSql ?? ours;
    return written == null ? [] : [{ name, type: types.get(name)!, written, inSql: inSql !== null }];
  });
}

/** Columns whose types the query itself gives: by name, or to the first few. */
function givenTypes(scan: FileScan, names: readonly string[]): ReadonlySet<string> {
  const types = option(scan, "types", "dtypes", "column_types");
  const children = (types?.["children"] ?? []) as SqlNode[];
  if (types?.["function_name"] !== "struct_pack") return new Set(names.slice(0, children.length));
  const given = new Set(children.map(({ alias }) => String(alias).toLowerCase()));
  return new Set(names.filter((name) => given.has(name.toLowerCase())));
}
