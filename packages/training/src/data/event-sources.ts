import { UserError } from "@poeem/offline/errors";
import type { PoeemConfig } from "../config.ts";
import { columnType } from "./column-type.ts";
import { textSql } from "./column-values.ts";
import type { Database } from "./duckdb.ts";
import { type KeptTable, keepTable, type Wanted } from "./kept-table.ts";

/** The rows of one SQL of events, and what it is called in errors. */
export interface EventSource {
  readonly source: string;
  readonly table: KeptTable;
}

/** In `KeptTable.sql`: what an event is for, where each part has SQL of its own. No column of a file is called so. */
export const PART = "";

/** What is beside `data.events` in a split that is given by SQL of its own. */
const PARTS = ["test", "validation", "history"] as const;

/** What the SQL of events is called: one name, or those of all parts; none where there are no events. */
export function eventSources({ data }: PoeemConfig): string[] {
  return (["events", ...PARTS] as const).filter((part) => data[part] !== undefined).map((name) => `data.${name}`);
}

/**
 * Runs the SQL of all events. The table `events` has all rows, those of `data.events` first; where there are other
 * parts it has the column `PART`, too.
 *
 * @returns the whole, and each part by itself, whose rows are numbered from its own first
 */
export async function keepEvents(
  database: Database,
  { data }: PoeemConfig,
  wanted: Wanted,
): Promise<{ whole: KeptTable; sources: EventSource[] }> {
  const parts = (["events", ...PARTS] as const).flatMap((part) =>
    data[part] === undefined
      ? []
      : [{ part: part === "events" ? "train" : part, source: `data.${part}`, sql: data[part] }],
  );
  const [own] = parts;
  const ifEmpty = "left out of the configuration, training has the items' own words";
  if (own?.part === "train" && parts.length === 1) {
    const table = await keepTable(database, own, "events", { ...wanted, ifEmpty });
    return { whole: table, sources: [{ source: own.source, table }] };
  }
  const sources: EventSource[] = [];
  const selects: string[] = [];
  const columns = [...new Set([...wanted.texts, ...wanted.values])];
  for (const { part, source, sql } of parts) {
    const more = part === "train" ? { ifEmpty } : {};
    const table = await keepTable(database, { source, sql }, `events_${part}`, { ...wanted, ...more });
    sources.push({ source, table });
    selects.push(`, '${part}' AS part FROM ${table.name}`);
  }
  const types = columns.map((column) => unitedType(column, sources, wanted));
  const lists = sources.map(({ table }) =>
    columns.map((column, i) => `${valueAs(types[i]!, table.type(column), table.sql(column))} AS c${i}`),
  );
  // the rowid of the whole is the order of the parts
  await database.run(
    `CREATE TABLE events AS ${selects.map((rest, s) => `SELECT ${lists[s]}${rest}`).join(" UNION ALL ")}`,
  );
  const whole: KeptTable = {
    name: "events",
    count: sources.reduce((sum, { table }) => sum + table.count, 0),
    has: (column) => column === PART || columns.includes(column),
    sql: (column) => (column === PART ? "events.part" : `events.c${columns.indexOf(column)}`),
    type: (column) => types[columns.indexOf(column)]!,
    guess: (column) => types[columns.indexOf(column)]!,
  };
  return { whole, sources };
}

/** The type that all parts have a column in: that of each, or text for what is text to us. */
function unitedType(column: string, sources: readonly EventSource[], { texts }: Wanted): string {
  const [{ table: first }, ...others] = sources as [EventSource, ...EventSource[]];
  const type = first.type(column);
  const other = others.find(({ table }) => table.type(column) !== type);
  if (!other) return type;
  if (texts.includes(column)) return "VARCHAR";
  const kinds = sources.map(({ table }) => columnType(table.type(column)).kind);
  if (kinds.every((kind) => kind === "integer" || kind === "decimal" || kind === "float")) return "DOUBLE";
  if (kinds.every((kind) => kind === "clock")) return "TIMESTAMP";
  throw new UserError(
    `${other.source}: expected type ${type} in column ${column}, as in ${sources[0]!.source}, got ` +
      other.table.type(column),
  );
}

/** A value in the type of all parts: a number as the text that it is for us, not as DuckDB prints it. */
const valueAs = (wanted: string, type: string, value: string): string =>
  type === wanted ? value : `${textSql(columnType(type), value)}::${wanted}`;
