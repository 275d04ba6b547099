import type { DuckDBDataChunk } from "@duckdb/node-api";
import type { PoeemConfig } from "../config.ts";
import { UserError } from "../errors.ts";
import { type Database, quoted } from "./duckdb.ts";
import { type Problem, refuse, requireColumns } from "./problems.ts";
import { type Dictionary, type EventTable, type Example, type Finding, NONE } from "./types.ts";

const EXAMPLES = 3;

/** Reads the events into typed arrays. Needs the table `items`. Events of unknown items are counted and left out. */
export async function readEvents(
  database: Database,
  config: PoeemConfig,
): Promise<{ events: EventTable; unknownItems: Finding }> {
  const { query, user, item, time, context } = config.events;
  const split = config.split.by === "hash" ? (config.split.columns ?? []) : [];
  const named = [query, user, item, time, ...context, ...split].filter((name) => name !== undefined);
  const types = await database.describe("events", config.data.events);
  requireColumns("events", [...types.keys()], named);
  await database.keep("events", config.data.events, named);
  const [counted] = await database.rows("SELECT count(*)::DOUBLE AS count FROM events");
  const rows = Number(counted!["count"]);
  if (rows === 0) throw new UserError("data.events: expected at least one row, got none");
  if (rows >= NONE) throw new UserError(`data.events: expected fewer than ${NONE} rows, got ${rows}`);
  await checkEvents(database, config, types);

  const numbers = await itemNumbers(database, config, types, rows);
  const dictionary = (name: string): Promise<Dictionary> => readDictionary(database, name, rows);
  const known = [query, user, item, ...context];
  const others = new Map<string, Dictionary>();
  for (const name of split) if (!known.includes(name)) others.set(name, await dictionary(name));
  const contexts: EventTable["contexts"][number][] = [];
  for (const name of context) contexts.push({ name, ...(await dictionary(name)) });
  const table: EventTable = {
    count: rows,
    query: query === undefined ? undefined : await dictionary(query),
    user: user === undefined ? undefined : await dictionary(user),
    item: numbers,
    time: time === undefined ? undefined : await readTimes(database, time, types.get(time)!, rows),
    contexts,
    others,
  };
  return dropUnknown(table, await unknownItems(database, item, numbers));
}

/** A column of 32-bit unsigned integers of a chunk. */
export function numbersOf(chunk: DuckDBDataChunk, column: number): Uint32Array {
  return (chunk.getColumnVector(column) as unknown as { items: Uint32Array }).items;
}

/** Number of each event's item, `NONE` where no item has that id. */
async function itemNumbers(
  database: Database,
  config: PoeemConfig,
  types: Map<string, string>,
  rows: number,
): Promise<Uint32Array> {
  const { item } = config.events;
  const [id] = await database.rows(
    `SELECT column_type FROM (DESCRIBE items) WHERE column_name = '${config.items.id.replaceAll("'", "''")}'`,
  );
  // equal types join as they are; "7" and 7 are the same id
  const text = id!["column_type"] === types.get(item) ? "" : "::VARCHAR";
  const on = `items.${quoted(config.items.id)}${text} = events.${quoted(item)}${text}`;
  const numbers = new Uint32Array(rows).fill(NONE);
  await scatter(
    database,
    `SELECT events.rowid::UINTEGER, items.rowid::UINTEGER FROM events JOIN items ON ${on}`,
    numbers,
  );
  return numbers;
}

/** Distinct values of a column in order of their first event; null is no value. */
async function readDictionary(database: Database, name: string, rows: number): Promise<Dictionary> {
  const column = quoted(name);
  await database.run(
    `CREATE OR REPLACE TABLE dictionary AS
     SELECT value, (row_number() OVER (ORDER BY first) - 1)::UINTEGER AS number
     FROM (SELECT ${column} AS value, min(rowid) AS first FROM events WHERE ${column} IS NOT NULL GROUP BY ${column})`,
  );
  const values: string[] = [];
  await database.scan("SELECT number, value::VARCHAR FROM dictionary ORDER BY number", (chunk) => {
    for (const value of chunk.getColumnValues(1)) values.push(value as string);
  });
  const numbers = new Uint32Array(rows).fill(NONE);
  await scatter(
    database,
    `SELECT events.rowid::UINTEGER, number FROM events JOIN dictionary ON value = events.${column}`,
    numbers,
  );
  await database.run("DROP TABLE dictionary");
  return { values, numbers };
}

async function readTimes(database: Database, name: string, type: string, rows: number): Promise<Float64Array> {
  const times = new Float64Array(rows);
  const value = isClock(type) ? `epoch(${quoted(name)})` : quoted(name);
  await scatter(database, `SELECT rowid::UINTEGER, ${value}::DOUBLE FROM events`, times);
  return times;
}

const isClock = (type: string): boolean => type === "DATE" || type.startsWith("TIMESTAMP");
const isNumber = (type: string): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(type);

/** Fills an array from rows of (position, value), in whatever order they come. */
async function scatter(database: Database, sql: string, out: Uint32Array | Float64Array): Promise<void> {
  await database.scan(sql, (chunk) => {
    const at = numbersOf(chunk, 0);
    const values = numbersOf(chunk, 1);
    for (let i = 0; i < at.length; i++) out[at[i]!] = values[i]!;
  });
}

/** Types of the columns, and values that must be there. */
async function checkEvents(database: Database, config: PoeemConfig, types: Map<string, string>): Promise<void> {
  const { query, user, time, context } = config.events;
  for (const name of [query, user, ...context]) {
    const type = name === undefined ? "" : types.get(name)!;
    if (/\[\d*\]$|^(STRUCT|MAP|UNION)/.test(type)) {
      throw new UserError(`data.events: expected one value a row in column ${name}, got type ${type}`);
    }
  }
  if (time !== undefined && !isClock(types.get(time)!) && !isNumber(types.get(time)!)) {
    throw new UserError(
      `data.events: expected numbers, dates or timestamps in column ${time}, got type ${types.get(time)}`,
    );
  }
  const problems: Problem[] = [];
  for (const name of [query, user, time]) {
    if (name === undefined) continue;
    const missing = name === time ? `${quoted(name)} IS NULL` : `coalesce(${quoted(name)}::VARCHAR, '') = ''`;
    const [row] = await database.rows(`SELECT count(*)::DOUBLE AS count FROM events WHERE ${missing}`);
    const count = Number(row!["count"]);
    if (count === 0) continue;
    const examples = await database.rows(
      `SELECT rowid + 1 AS row, ${quoted(name)}::VARCHAR AS value FROM events WHERE ${missing} ORDER BY rowid LIMIT ${EXAMPLES}`,
    );
    problems.push({ what: `no ${name}`, count, examples: examples.map(exampleOf) });
  }
  refuse("events", problems);
}

function exampleOf(row: Record<string, unknown>): Example {
  return { row: Number(row["row"]), value: row["value"] as string | null };
}

async function unknownItems(database: Database, item: string, numbers: Uint32Array): Promise<Finding> {
  const first: number[] = [];
  let count = 0;
  for (let event = 0; event < numbers.length; event++) {
    if (numbers[event] !== NONE) continue;
    count++;
    if (first.length < EXAMPLES) first.push(event);
  }
  if (count === 0) return { count, examples: [] };
  const examples = await database.rows(
    `SELECT rowid + 1 AS row, ${quoted(item)}::VARCHAR AS value FROM events WHERE rowid IN (${first.join(", ")}) ORDER BY rowid`,
  );
  return { count, examples: examples.map(exampleOf) };
}

/** Moves the events of known items together, in place. */
function dropUnknown(table: EventTable, unknown: Finding): { events: EventTable; unknownItems: Finding } {
  if (unknown.count === 0) return { events: table, unknownItems: unknown };
  const { item } = table;
  const count = item.length - unknown.count;
  const compact = <T extends Uint32Array | Float64Array>(column: T): T => {
    let to = 0;
    for (let from = 0; from < item.length; from++) if (item[from] !== NONE) column[to++] = column[from]!;
    return column.subarray(0, count) as T;
  };
  const dictionary = <T extends Dictionary>(column: T): T => ({ ...column, numbers: compact(column.numbers) });
  const events: EventTable = {
    count,
    query: table.query && dictionary(table.query),
    user: table.user && dictionary(table.user),
    time: table.time && compact(table.time),
    contexts: table.contexts.map(dictionary),
    others: new Map([...table.others].map(([name, column]) => [name, dictionary(column)])),
    // last: the others are read by it
    item: compact(item),
  };
  return { events, unknownItems: unknown };
}
