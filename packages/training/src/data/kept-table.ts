import { UserError } from "@poeem/offline/errors";
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

/** What to keep of a source. */
export interface Wanted {
  /** Columns that are text to us, whatever a reader takes them for: ids, texts, categories. */
  readonly texts: readonly string[];
  /** Of them ids, users and queries. */
  readonly ids?: readonly string[];
  /** All others. */
  readonly values: readonly string[];
  /** Of the others those that stay as they stand in a file, too, as `AsWritten` has it. */
  readonly fields?: readonly string[];
  /** Texts that are kept if they are there. */
  readonly optional?: readonly string[];
  /** Which rows are kept, as SQL; `sql` of a column is what it is called there. Default: all. */
  readonly where?: (sql: (column: string) => string, types: ReadonlyMap<string, string>) => string;
  /** Lets there be no row. */
  readonly mayBeEmpty?: boolean;
  /** What else helps where there is no row. */
  readonly ifEmpty?: string;
  /** Refuses what the types of the columns, by name, rule out, before any row is read. */
  readonly check?: (types: ReadonlyMap<string, string>, source: string, sql: string) => Promise<void>;
}

/**
 * Runs a query of the user's once and keeps some of its columns.
 * @throws UserError for SQL or files that do not work, a column that is not there, and no rows
 */
export async function keepTable(
  database: Database,
  from: Source,
  name: string,
  { texts, ids = [], values, fields = [], optional = [], check, where, mayBeEmpty = false, ifEmpty }: Wanted,
): Promise<KeptTable> {
  const { source } = from;
  const { sql, types, guesses } = await asWritten(database, from, { texts: [...texts, ...optional], ids, fields });
  const columns = [...new Set([...texts, ...values, ...optional.filter((name) => types.has(name))])];
  requireColumns(source, [...types.keys()], columns);
  await check?.(types, source, sql);
  const number = new Map(columns.map((column, i) => [column, `c${i}`]));
  // by place: to DuckDB id and ID are one name
  const given = (await database.ask(source, `DESCRIBE (${sql})`)).map((row) => row["column_name"] as string);
  const placeOf = (column: string): string => `given${given.indexOf(column)}`;
  const list = columns.map((column) => `${placeOf(column)} AS ${number.get(column)}`).join(", ");
  const places = given.map((_, place) => `given${place}`).join(", ");
  const rows = where === undefined ? "" : ` WHERE ${where(placeOf, types)}`;
  await database.keep(source, name, `SELECT * FROM (${sql}) AS given(${places})${rows}`, list);
  const [counted] = await database.rows(`SELECT count(*)::DOUBLE AS count FROM ${name}`);
  const count = Number(counted!["count"]);
  if (count === 0 && !mayBeEmpty)
    throw new UserError(`${source}: expected at least one row, got none${ifEmpty ? `; ${ifEmpty}` : ""}`);
  return {
    name,
    count,
    has: (column) => number.has(column),
    sql: (column) => `${name}.${number.get(column)}`,
    type: (column) => types.get(column)!,
    guess: (column) => guesses.get(column)!,
  };
}
