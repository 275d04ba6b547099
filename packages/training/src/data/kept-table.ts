import { UserError } from "@poeem/offline/errors";
import { columnType, type Kind } from "./column-type.ts";
import type { Database, Source } from "./duckdb.ts";
import { requireColumns } from "./problems.ts";
import { asWritten } from "./text-columns.ts";

export type { Source } from "./duckdb.ts";

/** Columns of a query of the user's in a table of ours. Their names there are ours too: any name is fine in a file. */
export interface KeptTable {
  /** Name in SQL. Its rowid is the number of the row. */
  readonly name: string;
  readonly count: number;
  /** Whether the column is kept. */
  has(column: string): boolean;
  /** A column as SQL has it, by the user's name for it. */
  sql(column: string): string;
  /** Its type in DuckDB's words. */
  type(column: string): string;
  /** The type that the reader guessed, where the column is read as the text that stands in the file instead. */
  guess(column: string): string;
}

/** Of types of these kinds a reader may have changed what stands there: 007 is 7 to it, and twenty digits a DOUBLE. */
const REWRITTEN: readonly Kind[] = ["integer", "float", "boolean", "clock", "other"];
/** Options by which numbers stand in a file as we do not read them: the reader does. */
const OTHER_POINT = /\b(decimal_separator|thousands)\b/i;

/** What to keep of a source. */
export interface Wanted {
  /** Columns that are text to us, whatever a reader takes them for: ids, texts, categories. */
  readonly texts: readonly string[];
  /** All others. */
  readonly values: readonly string[];
  /** Of the others those that stay as they stand in a file, too, where the SQL passes them on. */
  readonly fields?: readonly string[];
  /** Texts that are kept if they are there. */
  readonly optional?: readonly string[];
  /** Refuses what the types of the columns, by name, rule out, before any row is read. */
  readonly check?: (types: ReadonlyMap<string, string>, source: string) => void;
}

/**
 * Runs a query of the user's once and keeps some of its columns.
 * @throws UserError for SQL or files that do not work, a column that is not there, and no rows
 */
export async function keepTable(
  database: Database,
  from: Source,
  name: string,
  { texts, values, fields = [], optional = [], check }: Wanted,
): Promise<KeptTable> {
  const { source } = from;
  let sql = await asWritten(database, from, [...texts, ...optional]);
  let types = await database.describe(source, sql);
  const guesses = fields.length === 0 ? types : await database.describe(source, await asWritten(database, from, []));
  const mayBeRewritten = (type: string): boolean => REWRITTEN.includes(columnType(type).kind) && !OTHER_POINT.test(sql);
  const others = fields.filter((column) => !texts.includes(column) && mayBeRewritten(types.get(column) ?? "VARCHAR"));
  if (others.length > 0) {
    // what the SQL computes with stays as it was read
    const attempt = (read: string[]) =>
      asWritten(database, from, [...texts, ...optional, ...read]).catch(() => undefined);
    const all = await attempt(others);
    const read: string[] = [];
    for (const column of all === undefined ? others : []) {
      const one = await attempt([...read, column]);
      if (one !== undefined) read.push(column);
      sql = one ?? sql;
    }
    sql = all ?? sql;
    types = await database.describe(source, sql);
  }
  const columns = [...new Set([...texts, ...values, ...optional.filter((name) => types.has(name))])];
  requireColumns(source, [...types.keys()], columns);
  check?.(types, source);
  const number = new Map(columns.map((column, i) => [column, `c${i}`]));
  // by place: to DuckDB id and ID are one name
  const given = (await database.ask(source, `DESCRIBE (${sql})`)).map((row) => row["column_name"] as string);
  const list = columns.map((column) => `given${given.indexOf(column)} AS ${number.get(column)}`).join(", ");
  const places = given.map((_, place) => `given${place}`).join(", ");
  await database.keep(source, name, `SELECT * FROM (${sql}) AS given(${places})`, list);
  const [counted] = await database.rows(`SELECT count(*)::DOUBLE AS count FROM ${name}`);
  const count = Number(counted!["count"]);
  if (count === 0) throw new UserError(`${source}: expected at least one row, got none`);
  return {
    name,
    count,
    has: (column) => number.has(column),
    sql: (column) => `${name}.${number.get(column)}`,
    type: (column) => types.get(column)!,
    guess: (column) => guesses.get(column)!,
  };
}
