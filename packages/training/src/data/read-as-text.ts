import { type Database, literal, quoted } from "./duckdb.ts";
import { type FileScan, option, TYPES, tableSql, withOptions } from "./file-scans.ts";
import { parseSql, queryOf, type SqlNode } from "./sql-tree.ts";

type Types = ReadonlyMap<string, string>;

// to read a header as one when no column has another type than it: what the reader found before
const HEADERS: readonly (readonly string[])[] = [[], ["header = true"], ["header = false"]];

/**
 * The table of a scan in which some columns are as they stand in the file; all others are as before. Undefined when
 * DuckDB's reader cannot do that.
 *
 * @param types of all its columns, as described
 * @param changed the types of some as text
 */
export async function readAsText(
  database: Database,
  scan: FileScan,
  types: Types,
  changed: Types,
): Promise<SqlNode | undefined> {
  const options = await typeOptions(database, scan, types, changed);
  const wanted = new Map([...types, ...changed]);
  for (const header of scan.reader === "csv" ? HEADERS : [[]]) {
    const table = await withOptions(database, scan, [...header, ...options]);
    if (await hasTypes(database, table, wanted)) return table;
  }
  return undefined;
}

/**
 * The same, where the other columns are read too. Of JSON, a date as in 31-12-2020 is one to the reader's guess alone:
 * no option gives each column its format, so such a file is read twice, side by side.
 */
export async function readSomeAsText(
  database: Database,
  scan: FileScan,
  types: Types,
  changed: Types,
): Promise<SqlNode | undefined> {
  const table = await readAsText(database, scan, types, changed);
  const clocks = [...types].filter(([name, type]) => !changed.has(name) && /DATE|TIME/.test(type));
  if (!table || scan.reader !== "json" || clocks.length === 0) return table;
  const read = `SELECT ${clocks.map(([name]) => `count(${quoted(name)})`).join(", ")} FROM`;
  const rows = database.rows(`${read} (${await tableSql(database, table)})`);
  return (await rows.catch(() => undefined)) ? table : besideGuess(database, scan, changed);
}

/** All columns as guessed, but for those that are read as text beside them. */
async function besideGuess(database: Database, scan: FileScan, changed: Types): Promise<SqlNode> {
  const list = [...changed.keys()].map((name) => `written.${quoted(name)} AS ${quoted(name)}`).join(", ");
  const sql = `FROM (SELECT guessed.* REPLACE (${list}) FROM guessed POSITIONAL JOIN written) AS x`;
  const table = queryOf(await parseSql(database, { source: "", sql }))["from_table"] as SqlNode;
  const joined = ((table["subquery"] as SqlNode)["node"] as SqlNode)["from_table"] as SqlNode;
  const columns = [...changed].map(([name, type]) => `${literal(name)}: ${literal(type)}`).join(", ");
  const written = await withOptions(database, scan, [`columns = {${columns}}`]);
  const { alias, sample, column_name_alias, function: call } = scan.node;
  Object.assign(joined, {
    left: { ...scan.node, alias: "guessed", sample: null, column_name_alias: [] },
    right: { ...written, alias: "written", sample: null, column_name_alias: [] },
  });
  return { ...table, alias: alias || (call as SqlNode)["function_name"], sample, column_name_alias };
}

/** The table of a CSV in which all columns are text, undefined where its columns cannot be told then. */
export async function readForCheck(database: Database, scan: FileScan, types: Types): Promise<SqlNode | undefined> {
  const wanted = new Map([...types.keys()].map((name) => [name, "VARCHAR"]));
  for (const header of scan.reader === "csv" ? HEADERS : []) {
    const table = await withOptions(database, scan, [...header, "all_varchar = true"]);
    if (await hasTypes(database, table, wanted)) return table;
  }
  return undefined;
}

/** What says the types, as SQL: of CSV those that change or that the query gives, of JSON all. */
export async function typeOptions(database: Database, scan: FileScan, types: Types, changed: Types): Promise<string[]> {
  const own = await columnsOfRows(database, scan, types);
  const given = givenTypes(scan, own);
  const told = own.filter((name) => scan.reader === "json" || given.has(name) || changed.has(name));
  const folders = [...changed.keys()].filter((name) => !own.includes(name));
  const list = (names: readonly string[]): string =>
    `{${names.map((name) => `${literal(name)}: ${literal(changed.get(name) ?? types.get(name)!)}`).join(", ")}}`;
  return [
    ...(told.length > 0 ? [`${scan.reader === "json" ? "columns" : "types"} = ${list(told)}`] : []),
    ...(folders.length > 0 ? ["hive_partitioning = true", `hive_types = ${list(folders)}`] : []),
  ];
}

/** Columns whose types the query itself gives: by name, or to the first few. */
export function givenTypes(scan: FileScan, names: readonly string[]): ReadonlySet<string> {
  const types = option(scan, ...TYPES);
  const children = (types?.["children"] ?? []) as SqlNode[];
  if (types?.["function_name"] !== "struct_pack") return new Set(names.slice(0, children.length));
  const given = new Set(children.map(({ alias }) => String(alias).toLowerCase()));
  return new Set(names.filter((name) => given.has(name.toLowerCase())));
}

/** The columns that are in the files, not in their names or those of their folders. */
async function columnsOfRows(database: Database, scan: FileScan, types: Types): Promise<string[]> {
  const table = await withOptions(database, scan, ["filename = false", "hive_partitioning = false"]);
  const rows = await describeTable(database, table);
  return rows ? [...types.keys()].filter((name) => rows.has(name)) : [...types.keys()];
}

async function hasTypes(database: Database, table: SqlNode, wanted: Types): Promise<boolean> {
  const types = await describeTable(database, table);
  return types?.size === wanted.size && [...wanted].every(([name, type]) => types.get(name) === type);
}

/** Undefined when DuckDB cannot read it so. */
async function describeTable(database: Database, table: SqlNode): Promise<Types | undefined> {
  return database.describe("", await tableSql(database, table)).catch(() => undefined);
}
