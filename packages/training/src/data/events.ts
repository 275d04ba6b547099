import type { DuckDBDataChunk } from "@duckdb/node-api";
import { UserError } from "@poeem/offline/errors";
import type { PoeemConfig } from "../config.ts";
import type { Database } from "./duckdb.ts";
import { type EventSource, keepEvents, PART, wrongParts } from "./event-sources.ts";
import type { KeptTable } from "./kept-table.ts";
import { EXAMPLES, findRows, type Problem, refuse } from "./problems.ts";
import { type Dictionary, type EventTable, type Example, type Finding, NONE } from "./types.ts";

/**
 * Reads the events into typed arrays. Needs the table `items`. Events of unknown items are counted and left out.
 *
 * DuckDB does what is larger than memory: it numbers the distinct values of each column, joins the numbers to the
 * events, and sorts them by user.
 */
export async function readEvents(
  database: Database,
  config: PoeemConfig,
  items: KeptTable,
): Promise<{ events: EventTable; unknownItems: Finding }> {
  const { query, user, item, time, context } = config.events;
  const { columns: hashed = [], column } = config.split;
  const texts = [query, user, item, ...context, ...hashed, column].filter((name) => name !== undefined);
  const wanted = { texts, values: time === undefined ? [] : [time] };
  const { whole: table, sources } = await keepEvents(database, config, wanted);
  const { count: rows } = table;
  if (rows >= NONE) throw new UserError(`data.events: expected fewer than ${NONE} rows, got ${rows}`);
  for (const source of sources) await checkEvents(database, config, source);

  const columns = new Map<string, Dictionary>();
  for (const name of sources.length > 1 ? [...texts, PART] : texts) {
    if (name === item || columns.has(name)) continue;
    const values = await numberValues(database, table.sql(name), `dictionary${columns.size}`);
    columns.set(name, { values, numbers: new Uint32Array(rows) });
  }
  const onItem = joinOnItem(config, items, table);
  const numbers = new Uint32Array(rows);
  const times = time !== undefined && config.split.by === "time" ? new Float64Array(rows) : undefined;
  const timeValue = time && secondsOf(table, time);
  await fill(database, config, { table, onItem, timeValue }, numbers, columns, times);
  const unknown = numbers.includes(NONE) ? await unknownItems(database, config, items, sources) : NO_ROWS;
  return { events: eventTable(config, numbers, columns, times), unknownItems: unknown };
}

/** The columns as a table, without the events of unknown items. */
function eventTable(
  config: PoeemConfig,
  items: Uint32Array,
  columns: ReadonlyMap<string, Dictionary>,
  times: Float64Array | undefined,
): EventTable {
  const { query, user, time, context } = config.events;
  const keep = knownOnly(items);
  const kept = new Map([...columns].map(([name, { values, numbers }]) => [name, { values, numbers: keep(numbers) }]));
  const item = keep(items);
  return {
    count: item.length,
    query: query === undefined ? undefined : kept.get(query),
    user: user === undefined ? undefined : kept.get(user),
    item,
    ordered: time !== undefined,
    time: times && keep(times),
    part: config.split.by === "given" ? kept.get(config.split.column ?? PART) : undefined,
    contexts: context.map((name) => ({ name, ...kept.get(name)! })),
    columns: kept,
  };
}

/** How to leave the events of unknown items out of a column: in place, but of the items themselves, which say which. */
function knownOnly(items: Uint32Array): <T extends Uint32Array | Float64Array>(column: T) => T {
  if (!items.includes(NONE)) return (column) => column;
  return <T extends Uint32Array | Float64Array>(column: T): T => {
    const kept = (column === (items as unknown) ? column.slice() : column) as T;
    let to = 0;
    for (let from = 0; from < items.length; from++) if (items[from] !== NONE) kept[to++] = column[from]!;
    return kept.subarray(0, to) as T;
  };
}

/** A column of 32-bit unsigned integers of a chunk. */
export function numbersOf(chunk: DuckDBDataChunk, column: number): Uint32Array {
  return (chunk.getColumnVector(column) as unknown as { items: Uint32Array }).items;
}

/** Numbers the distinct values of a column in order of their first event, in a table; null gets no number. */
async function numberValues(database: Database, column: string, table: string): Promise<string[]> {
  await database.run(
    `CREATE TABLE ${table} AS
     SELECT value, (row_number() OVER (ORDER BY first) - 1)::UINTEGER AS number
     FROM (SELECT ${column} AS value, min(rowid) AS first FROM events WHERE ${column} IS NOT NULL GROUP BY ${column})`,
  );
  const values: string[] = [];
  await database.scan(`SELECT value::VARCHAR FROM ${table} ORDER BY number`, (chunk) => {
    for (const value of chunk.getColumnValues(0)) values.push(value as string);
  });
  return values;
}

/** Joins the numbers of items and values to the events: by user, oldest first, or in the order of the rows. */
async function fill(
  database: Database,
  config: PoeemConfig,
  sql: { table: KeptTable; onItem: string; timeValue: string | undefined },
  items: Uint32Array,
  columns: ReadonlyMap<string, Dictionary>,
  times: Float64Array | undefined,
): Promise<void> {
  const outputs: (Uint32Array | Float64Array)[] = [items];
  const selected = [`coalesce(items.rowid, ${NONE})::UINTEGER`];
  const joins = [`LEFT JOIN items ON ${sql.onItem}`];
  const order = ["events.rowid"];
  for (const [name, { numbers }] of columns) {
    const table = `dictionary${joins.length - 1}`;
    outputs.push(numbers);
    selected.push(`coalesce(${table}.number, ${NONE})::UINTEGER`);
    joins.push(`LEFT JOIN ${table} ON ${table}.value = ${sql.table.sql(name)}`);
    if (name === config.events.user) order.unshift(`${table}.number`, ...(sql.timeValue ? [sql.timeValue] : []));
  }
  if (times && sql.timeValue) {
    outputs.push(times);
    selected.push(sql.timeValue);
  }
  let at = 0;
  await database.scan(
    `SELECT ${selected.join(", ")} FROM events ${joins.join(" ")} ORDER BY ${order.join(", ")}`,
    (chunk) => {
      outputs.forEach((output, column) => {
        output.set(numbersOf(chunk, column), at);
      });
      at += chunk.rowCount;
    },
  );
  if (at !== items.length) throw new Error(`[training] expected ${items.length} events, got ${at}`);
}

/** Ids of one type are compared as they are; else as text: "7" and 7 are the same id. */
function joinOnItem(config: PoeemConfig, items: KeptTable, events: KeptTable): string {
  const { id } = config.items;
  const { item } = config.events;
  const text = items.type(id) === events.type(item) ? "" : "::VARCHAR";
  return `${items.sql(id)}${text} = ${events.sql(item)}${text}`;
}

function secondsOf(table: KeptTable, name: string): string {
  const value = table.sql(name);
  return `${isClock(table.type(name)) ? `epoch(${value})` : value}::DOUBLE`;
}

const isClock = (type: string): boolean => type === "DATE" || type.startsWith("TIMESTAMP");
const isNumber = (type: string): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/.test(type);

/** Types of the columns, and values that must be there. */
async function checkEvents(database: Database, config: PoeemConfig, { source, table }: EventSource): Promise<void> {
  const { query, user, time, context } = config.events;
  for (const name of [query, user, ...context]) {
    const type = name === undefined ? "" : table.type(name);
    if (/\[\d*\]$|^(STRUCT|MAP|UNION)/.test(type)) {
      throw new UserError(`${source}: expected one value per row in column ${name}, got type ${type}`);
    }
  }
  const timeType = time === undefined ? "DOUBLE" : table.type(time);
  if (!isClock(timeType) && !isNumber(timeType)) {
    throw new UserError(`${source}: expected numbers, dates or timestamps in column ${time}, got type ${timeType}`);
  }
  const problems: Problem[] = [];
  for (const name of [query, user, time]) {
    if (name === undefined) continue;
    const value = table.sql(name);
    const missing = name === time ? `${value} IS NULL` : `coalesce(${value}::VARCHAR, '') = ''`;
    problems.push({ what: `no ${name}`, ...(await findRows(database, `${table.name} WHERE ${missing}`, value)) });
  }
  refuse(source, [...problems, ...(await wrongParts(database, config, table))]);
}

const NO_ROWS: Finding = { count: 0, examples: [] };

/** Rows of unknown items in all sources; of others than `data.events` the examples say which. */
async function unknownItems(
  database: Database,
  config: PoeemConfig,
  items: KeptTable,
  sources: readonly EventSource[],
): Promise<Finding> {
  let count = 0;
  const examples: Example[] = [];
  for (const { source, table } of sources) {
    const from = `${table.name} ANTI JOIN items ON ${joinOnItem(config, items, table)}`;
    const found = await findRows(database, from, table.sql(config.events.item));
    count += found.count;
    examples.push(...found.examples.map((one) => (source === "data.events" ? one : { source, ...one })));
  }
  return { count, examples: examples.slice(0, EXAMPLES) };
}
