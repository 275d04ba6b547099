import { UserError } from "@poeem/offline/errors";
import type { PoeemConfig } from "../config.ts";
import { columnType } from "./column-type.ts";
import { checkTypes, textSql, type Use } from "./column-values.ts";
import type { Database } from "./duckdb.ts";
import { type TypedColumn, typedColumns } from "./json-columns.ts";
import { type KeptTable, keepTable } from "./kept-table.ts";
import { findRows, type Problem } from "./problems.ts";
import { GIVEN_SIDES, SIDE } from "./side.ts";
import type { Example } from "./types.ts";

/** The rows of one SQL of events. */
export interface EventSource {
  /** What it is called in errors, such as "data.test". */
  readonly source: string;
  readonly table: KeptTable;
  readonly typed: ReadonlyMap<string, TypedColumn>;
}

/** Name of a column beside those of the files, which says what an event is for where each part has SQL of its own. */
export const PART = "";

/** What may be beside `data.events`. */
const PARTS = ["test", "validation", "history"] as const;

/** What the SQL of events is called: one name, or those of all parts. */
export function eventSources({ data }: PoeemConfig): string[] {
  return ["events", ...PARTS.filter((part) => data[part] !== undefined)].map((name) => `data.${name}`);
}

/**
 * Runs the SQL of all events into the table `events`: the rows of `data.events`, then those of the other parts.
 *
 * @returns columns of the whole, with `PART` where there are parts; and each part by itself, its rows numbered from its
 *   own first
 */
export async function keepEvents(
  database: Database,
  config: PoeemConfig,
  uses: readonly Use[],
): Promise<{ columns: ReadonlyMap<string, TypedColumn>; sources: readonly EventSource[] }> {
  const names = eventSources(config);
  const of = (role: (name: Use["role"]) => boolean): string[] => [
    ...new Set(uses.filter((use) => role(use.role)).map(({ column }) => column)),
  ];
  const sources: EventSource[] = [];
  for (const source of names) {
    const key = source.slice("data.".length) as (typeof PARTS)[number] | "events";
    const from = { source, sql: config.data[key]! };
    const table = await keepTable(database, from, names.length === 1 ? "events" : `events_${key}`, {
      texts: of((role) => role !== "time"),
      values: of((role) => role === "time"),
      check: (types) => checkTypes(source, uses, types),
    });
    sources.push({ source, table, typed: await typedColumns(database, source, table, uses) });
  }
  return { columns: sources.length === 1 ? sources[0]!.typed : await unite(database, uses, sources), sources };
}

/** The rows of all parts in one table, each with the name of its part. */
async function unite(
  database: Database,
  uses: readonly Use[],
  sources: readonly EventSource[],
): Promise<Map<string, TypedColumn>> {
  const united = new Map<string, TypedColumn>();
  const lists = sources.map(({ source }) => [`'${source === "data.events" ? "train" : source.slice(5)}' AS part`]);
  for (const { column, role } of uses) {
    if (united.has(column)) continue;
    const columns = sources.map(({ typed }) => typed.get(column)!);
    const type = unitedType(column, role === "time", sources, columns);
    const sql = `c${united.size}`;
    // what differs in type is the same where it prints the same
    const each = (one: TypedColumn): string =>
      type === undefined ? textSql(one.type, one.sql) : `${one.sql}::${type}`;
    columns.forEach((one, source) => {
      lists[source]!.push(`${each(one)} AS ${sql}`);
    });
    united.set(column, { sql: `events.${sql}`, type: columnType(type ?? "VARCHAR") });
  }
  const parts = sources.map(({ table }, source) => `SELECT ${lists[source]!.join(", ")} FROM ${table.name}`);
  await database.run(`CREATE TABLE events AS ${parts.join(" UNION ALL ")}`);
  return united.set(PART, { sql: "events.part", type: columnType("VARCHAR") });
}

/** The type that a column has in all parts; undefined where texts are all that they have in common. */
function unitedType(
  column: string,
  isTime: boolean,
  sources: readonly EventSource[],
  columns: readonly TypedColumn[],
): string | undefined {
  const [{ type }] = columns as [TypedColumn];
  const other = columns.findIndex((one) => one.type.name !== type.name);
  if (other < 0) return type.name;
  if (!isTime) return undefined;
  const clocks = columns.filter((one) => one.type.kind === "clock").length;
  if (clocks === 0) return "DOUBLE";
  if (clocks === columns.length) return "TIMESTAMP";
  throw new UserError(
    `${sources[other]!.source}: expected type ${type.name} in column ${column}, as in ${sources[0]!.source}, ` +
      `got ${columns[other]!.type.name}`,
  );
}

/** Where a row of the whole is: which part it is in, for others than the first, and its number there. */
export function placeOf({ row, value }: Example, sources: readonly EventSource[]): Example {
  let before = 0;
  for (const { source, table } of sources) {
    if (row <= before + table.count) return { ...(before > 0 && { source }), row: row - before, value };
    before += table.count;
  }
  return { row, value };
}

/** Values of the column that gives the split which do not say what an event is for. */
export async function wrongParts(
  database: Database,
  { split: { column }, events: { user } }: PoeemConfig,
  { table, typed }: EventSource,
): Promise<Problem[]> {
  if (column === undefined) return [];
  // without users there is nobody to have a history
  const names = [...GIVEN_SIDES].filter(([, side]) => user !== undefined || side !== SIDE.foldIn).map(([name]) => name);
  const { type, sql } = typed.get(column)!;
  const known = names.map((name) => `'${name}'`).join(", ");
  const rows = `${table.name} WHERE coalesce(lower(trim(${textSql(type, sql)})) NOT IN (${known}), true)`;
  return [{ what: `none of ${names.join(", ")} in ${column}`, ...(await findRows(database, rows, sql)) }];
}
