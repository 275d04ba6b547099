import { takeMember } from "./column-cures.ts";
import { type ColumnType, columnType } from "./column-type.ts";
import { RULES, type Use } from "./column-values.ts";
import type { Database } from "./duckdb.ts";
import type { KeptTable } from "./kept-table.ts";
import { findRows, refuse } from "./problems.ts";

/** A column of a kept table, as SQL and as its type. */
export interface TypedColumn {
  readonly sql: string;
  readonly type: ColumnType;
  /** What the reader took it for, where it is read as text instead. */
  readonly guess?: ColumnType;
  /** What types JSON itself gives the values of a column of JSON. */
  readonly json?: ReadonlySet<string>;
}

/** The columns of a kept table that `uses` names, each as values or lists of values. */
export async function typedColumns(
  database: Database,
  source: string,
  table: KeptTable,
  uses: readonly Use[],
): Promise<Map<string, TypedColumn>> {
  const columns = new Map<string, TypedColumn>();
  for (const name of new Set(uses.map(({ column }) => column))) {
    const guess = columnType(table.guess(name));
    const column = { sql: table.sql(name), type: columnType(table.type(name)), guess };
    const own = uses.filter((use) => use.column === name);
    const isJson = column.type.kind === "json";
    columns.set(name, isJson ? await readJson(database, source, table.name, own, column) : column);
  }
  return columns;
}

const NESTED = "('OBJECT', 'ARRAY')";

/**
 * A column of JSON as one of values, or, where any row holds an array, as one of lists.
 *
 * @param from the kept table
 * @throws UserError for objects, for arrays where one value is expected, and for arrays in arrays
 */
async function readJson(
  database: Database,
  source: string,
  from: string,
  uses: readonly Use[],
  { sql, type }: TypedColumn,
): Promise<TypedColumn> {
  const lists = uses.every(({ role }) => RULES[role].lists);
  const keys = [...new Set(uses.map(({ key }) => key))].join(", ");
  const array = type.depth === 1 ? sql : `json_extract(${sql}, '$[*]')`;
  const isArray = type.depth === 1 ? "true" : `json_type(${sql}) = 'ARRAY'`;
  const inArray = `${isArray} AND len(list_filter(${array}, lambda x: json_type(x) IN ${NESTED})) > 0`;
  const here = `column ${uses[0]!.column} (${keys})`;
  const find = (where: string) => findRows(database, `${from} WHERE ${where}`, sql);
  const keyOf = async (value: string, where: string): Promise<string> => {
    const [row] = await database.rows(
      `SELECT json_keys(${value})[1] AS key FROM ${from} WHERE ${where} AND json_type(${value}) = 'OBJECT' LIMIT 1`,
    );
    return String(row?.["key"] ?? "name");
  };
  const cure = async (value: string, where: string, inside: boolean): Promise<string> =>
    `${here}; SQL that takes a member: ${takeMember(uses[0]!.column, await keyOf(value, where), inside)}`;
  if (type.depth === 0) {
    const isObject = `json_type(${sql}) = 'OBJECT'`;
    const objects = await find(isObject);
    if (objects.count > 0) refuse(source, [{ what: `an object in ${await cure(sql, isObject, false)}`, ...objects }]);
    if (!lists)
      refuse(source, [{ what: `an array in ${here}, where one value is expected`, ...(await find(isArray)) }]);
  }
  const nested = await find(inArray);
  if (nested.count > 0) {
    const what = `objects or arrays in an array in ${await cure(`${array}[1]`, inArray, true)}`;
    refuse(source, [{ what, ...nested }]);
  }
  const [{ arrays } = { arrays: 0 }] = await database.rows(
    `SELECT count(*)::DOUBLE AS arrays FROM ${from} WHERE ${isArray}`,
  );
  const all = `CASE WHEN ${isArray} THEN ${array} WHEN json_type(${sql}) <> 'NULL' THEN [${sql}] END`;
  const list = type.depth === 1 ? sql : all;
  const types = await database.rows(
    `SELECT DISTINCT json_type(value) AS type FROM (SELECT unnest(${list}) AS value FROM ${from})`,
  );
  const json = new Set(types.map((row) => String(row["type"])).filter((name) => name !== "NULL"));
  return Number(arrays) > 0 ? { sql: list, type: columnType("JSON[]"), json } : { sql, type: columnType("JSON"), json };
}
