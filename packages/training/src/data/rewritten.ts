import { columnType } from "./column-type.ts";
import { textSql } from "./column-values.ts";
import { type Database, quoted } from "./duckdb.ts";
import { type FileScan, option, tableSql } from "./file-scans.ts";
import { givenTypes, readAsText, readForCheck } from "./read-as-text.ts";
import { memberTextType, textType } from "./readers.ts";
import { parseSql, printSql, queryOf, type SqlNode } from "./sql-tree.ts";

/** A column of a file of which a value changes by the type that the reader took it for. */
export interface Rewritten {
  readonly name: string;
  readonly type: string;
  /** The type in which it stays as it stands in the file. */
  readonly text: string;
  /** A value that changes, as it stands in the file; undefined where DuckDB cannot show the file's own. */
  readonly written: string | undefined;
  /** Whether one changes in SQL too. If not, only what we write as text does: 1.0, which we write as 1. */
  readonly inSql: boolean;
}

/**
 * Those of some columns of a CSV or JSON file that do not come back as they stand there from the types that the reader
 * guessed. The file is read once more for it, unless no type was guessed.
 *
 * @param types of all its columns, as described
 * @param words all names and texts in the query: members of structs that are not among them are not looked at
 */
export async function rewrittenColumns(
  database: Database,
  source: string,
  scan: FileScan,
  types: ReadonlyMap<string, string>,
  names: readonly string[],
  words: ReadonlySet<string>,
): Promise<Rewritten[]> {
  if (scan.reader === "parquet" || option(scan, "columns")) return [];
  const given = givenTypes(scan, [...types.keys()]);
  const guessed = names.flatMap((name) => {
    const type = types.get(name)!;
    const text = textType(type) ?? memberTextType(type, words);
    return text === undefined || text === type || given.has(name) ? [] : [{ name, type, text }];
  });
  if (guessed.length === 0) return [];
  const changed = new Map(guessed.map(({ name, text }) => [name, text]));
  const table = (await readAsText(database, scan, types, changed)) ?? (await readForCheck(database, scan, types));
  if (table === undefined) return guessed.map((one) => ({ ...one, written: undefined, inSql: true }));
  const list = guessed.flatMap(({ name, type, text }, i) => {
    const raw = quoted(name);
    const read = `TRY_CAST(${raw} AS ${type})`;
    const example = (value: string, as: string): string =>
      `min(${raw}::VARCHAR) FILTER (${raw}::VARCHAR <> '' AND ${raw} IS DISTINCT FROM ${value}) AS ${as}${i}`;
    const inSql = `TRY_CAST(${read} AS ${text})`;
    const { kind } = columnType(type);
    // of numbers with a point alone do we write other texts than DuckDB
    const ours = kind === "float" || kind === "decimal" ? example(textSql(columnType(type), read), "ours") : "";
    return [example(inSql, "sql"), ours || `NULL AS ours${i}`];
  });
  const [row] = await database.ask(source, `SELECT ${list.join(", ")} FROM (${await tableSql(database, table)})`);
  return guessed.flatMap((one, i) => {
    const [ours, inSql] = [row![`ours${i}`], row![`sql${i}`]] as (string | null)[];
    const written = inSql ?? ours;
    return written == null ? [] : [{ ...one, written, inSql: inSql !== null }];
  });
}

/**
 * Whether the casts that SQL makes of a column give the same of what stands in the file as of what the reader made of
 * it: then it is the SQL alone that changes it.
 */
export async function staysInCasts(
  database: Database,
  scan: FileScan,
  types: ReadonlyMap<string, string>,
  { name, type, text }: Rewritten,
  casts: readonly SqlNode[] | undefined,
): Promise<boolean> {
  if (!casts || casts.length === 0 || text !== "VARCHAR") return false;
  const changed = new Map([[name, text]]);
  const table = (await readAsText(database, scan, types, changed)) ?? (await readForCheck(database, scan, types));
  if (table === undefined) return false;
  const differs: string[] = [];
  for (const cast of casts) {
    const target = await castType(database, cast);
    const raw = quoted(name);
    differs.push(`TRY_CAST(${raw} AS ${target}) IS DISTINCT FROM TRY_CAST(TRY_CAST(${raw} AS ${type}) AS ${target})`);
  }
  const [found] = await database.rows(
    `SELECT 1 FROM (${await tableSql(database, table)}) WHERE ${differs.join(" OR ")} LIMIT 1`,
  );
  return found === undefined;
}

/** The type that a cast is to, in DuckDB's words. */
async function castType(database: Database, cast: SqlNode): Promise<string> {
  const tree = await parseSql(database, { source: "", sql: "SELECT NULL" });
  const [nothing] = queryOf(tree)["select_list"] as SqlNode[];
  queryOf(tree)["select_list"] = [{ ...cast, alias: "", child: nothing }];
  return [...(await database.describe("", await printSql(database, tree))).values()][0]!;
}
