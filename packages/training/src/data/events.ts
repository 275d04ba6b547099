import type { DuckDBDataChunk } from "@duckdb/node-api";
import { UserError } from "@poeem/offline/errors";
import { formatCount } from "@poeem/offline/progress";
import type { PoeemConfig } from "../config.ts";
import { type ColumnType, columnType } from "./column-type.ts";
import { checkTypes, keySql, type Role, roundedSql, roundedWords, textSql, type Use } from "./column-values.ts";
import { type Database, wholeText } from "./duckdb.ts";
import { type EventSource, eventSources, keepEvents, PART } from "./event-sources.ts";
import { joinItems, type UnknownItems } from "./join-items.ts";
import { joinUsers } from "./join-users.ts";
import { type TypedColumn, typedColumns } from "./json-columns.ts";
import { findRows, type Problem, refuse } from "./problems.ts";
import { GIVEN_SIDES, givenSide, SIDE } from "./side.ts";
import { type Dictionary, type EventTable, NONE } from "./types.ts";
import { timeCure } from "./value-cures.ts";

/** Of an event, either way: what is larger is an id or a time, named by mistake. */
const MOST_WEIGHT = 1e6;

/**
 * Reads the events into typed arrays. Needs the table `items`. Events of unknown items are counted and left out.
 *
 * DuckDB does what is larger than memory: it numbers the distinct values of each column, joins the numbers to the
 * events, and sorts them by user.
 */
export async function readEvents(
  database: Database,
  config: PoeemConfig,
  id: TypedColumn,
): Promise<{ events: EventTable; unknownItems: UnknownItems; notes: string[] }> {
  const { user, item, time, weight } = config.events;
  if (eventSources(config).length === 0) return noEvents(config);
  const uses = eventUses(config);
  // numbers and times keep their types, whatever else they are for
  const typedBySql = new Set([time, weight].filter((column) => column !== undefined));
  const texts = [...new Set(uses.filter(({ role }) => isText(role)).map(({ column }) => column))];
  const { whole, sources } = await keepEvents(database, config, {
    texts: texts.filter((column) => !typedBySql.has(column)),
    ids: uses.filter(({ role }) => role === "id").map(({ column }) => column),
    values: [...typedBySql],
    check: (types, source, sql) =>
      checkTypes(source, uses, types, (column, type) =>
        timeCure((query) => database.ask(source, query), `(${sql})`, column, type),
      ),
  });
  const { count: rows } = whole;
  if (rows >= NONE) throw new UserError(`data.events: expected fewer than ${NONE} rows, got ${rows}`);
  for (const source of sources) await checkEvents(database, source, uses);
  const users = user === undefined || !whole.has(PART) ? undefined : await joinUsers(database, whole, user);
  const typed = await typedColumns(database, "data.events", whole, uses);
  const part = { sql: whole.sql(PART), type: columnType("VARCHAR") };

  const columns = new Map<string, Dictionary & { readonly key: string }>();
  for (const name of whole.has(PART) ? [...texts, PART] : texts) {
    if (name === item) continue;
    const { type, sql } = name === PART ? part : typed.get(name)!;
    const key = keySql(type, sql);
    const values = await numberValues(database, key, `dictionary${columns.size}`);
    columns.set(name, { key, values, numbers: new Uint32Array(rows) });
    if (name === config.split.column)
      await checkParts(database, config, { sql, key, values }, `dictionary${columns.size - 1}`);
  }
  const join = await joinItems(database, id, typed.get(item)!, item);
  const notes = [join.note, users].filter((line) => line !== undefined);
  const numbers = new Uint32Array(rows);
  const isTimed = time !== undefined && (config.split.by === "time" || (config.events.halfLife ?? 0) > 0);
  const times = isTimed ? new Float64Array(rows) : undefined;
  const weights = weight === undefined ? undefined : new Float64Array(rows);
  const clock = time === undefined ? undefined : typed.get(time);
  const counts = weight === undefined ? undefined : typed.get(weight);
  await fill(database, { user, join: join.sql, clock, counts }, { items: numbers, columns, times, weights });
  const unknownItems = numbers.includes(NONE) ? await join.unknown(sources) : { count: 0, examples: [] };
  return { events: eventTable(config, { items: numbers, columns, times, weights }), unknownItems, notes };
}

/** What is read of the events. */
interface EventColumns<Column extends Dictionary = Dictionary> {
  readonly items: Uint32Array;
  readonly columns: ReadonlyMap<string, Column>;
  readonly times?: Float64Array | undefined;
  readonly weights?: Float64Array | undefined;
}

const isText = (role: Role): boolean => role !== "time" && role !== "weight";

/** What a catalogue without events has: every column, and no row. */
function noEvents(config: PoeemConfig): { events: EventTable; unknownItems: UnknownItems; notes: string[] } {
  const names = eventUses(config).flatMap(({ column, role }) => (isText(role) ? [column] : []));
  const columns = new Map(names.map((name) => [name, { values: [], numbers: new Uint32Array(0) }]));
  columns.delete(config.events.item);
  const events = eventTable(config, { items: new Uint32Array(0), columns });
  return { events, unknownItems: { count: 0, examples: [] }, notes: [] };
}

function eventUses({ events, split }: PoeemConfig): Use[] {
  const { query, user, item, time, weight, context } = events;
  const uses = (key: string, role: Role, columns: readonly (string | undefined)[]): Use[] =>
    columns.flatMap((column) => (column === undefined ? [] : [{ key, column, role }]));
  return [
    ...uses("events.query", "id", [query]),
    ...uses("events.user", "id", [user]),
    ...uses("events.item", "id", [item]),
    ...uses("events.context", "text", context),
    ...uses("split.columns", "text", split.columns ?? []),
    ...uses("split.column", "text", [split.column]),
    ...uses("events.time", "time", [time]),
    ...uses("events.weight", "weight", [weight]),
  ];
}

/** The columns as a table, without the events of unknown items. */
function eventTable(config: PoeemConfig, { items, columns, times, weights }: EventColumns): EventTable {
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
    ...(weights && { weight: keep(weights) }),
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

/** Numbers the distinct values of a key in the order of their texts, in a table; null gets no number. */
async function numberValues(database: Database, key: string, table: string): Promise<string[]> {
  await database.run(
    `CREATE TABLE ${table} AS
     SELECT value, (row_number() OVER (ORDER BY value::VARCHAR) - 1)::UINTEGER AS number
     FROM (SELECT DISTINCT ${key} AS value FROM events) WHERE value IS NOT NULL`,
  );
  const values: string[] = [];
  await database.scan(`SELECT ${wholeText("value::VARCHAR")} FROM ${table} ORDER BY number`, (chunk) => {
    for (const value of chunk.getColumnValues(0)) values.push(value as string);
  });
  return values;
}

/** What the columns are made of. */
interface FillFrom {
  readonly user: string | undefined;
  /** The key of the item. */
  readonly join: string;
  readonly clock: TypedColumn | undefined;
  readonly counts: TypedColumn | undefined;
}

/** A FLOAT as the number that it prints. */
const numberSql = ({ type, sql }: TypedColumn): string => `${textSql(type, sql)}::DOUBLE`;

/** Joins the numbers of items and values to the events: by user, oldest first, or by all there is without users. */
async function fill(
  database: Database,
  { user, join, clock, counts }: FillFrom,
  { items, columns, times, weights }: EventColumns<Dictionary & { readonly key: string }>,
): Promise<void> {
  const outputs: (Uint32Array | Float64Array)[] = [items];
  const selected = [`coalesce(item_ids.number, ${NONE})::UINTEGER`];
  const joins = [`LEFT JOIN item_ids ON item_ids.value = ${join}`];
  const order: string[] = [];
  for (const [name, { numbers, key }] of columns) {
    const table = `dictionary${joins.length - 1}`;
    outputs.push(numbers);
    selected.push(`coalesce(${table}.number, ${NONE})::UINTEGER`);
    joins.push(`LEFT JOIN ${table} ON ${table}.value = ${key}`);
    order.push(...(user === undefined || name === user ? [`${table}.number`] : []));
  }
  if (times && clock) {
    outputs.push(times);
    selected.push(clock.type.kind === "clock" ? `epoch(${clock.sql})::DOUBLE` : numberSql(clock));
  }
  if (weights && counts) {
    outputs.push(weights);
    selected.push(numberSql(counts));
  }
  // what one user did at one time is in the order of the rows: without users that says nothing
  order.push(...(user === undefined ? ["item_ids.number"] : []), ...(clock ? [clock.sql] : []), "events.rowid");
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

/** Values that must be there: a time that is infinite or NaN is none. So is a weight that is NaN. */
async function checkEvents(database: Database, { source, table }: EventSource, uses: readonly Use[]): Promise<void> {
  const typed = await typedColumns(database, source, table, uses);
  const problems: Problem[] = [];
  const find = async (what: string, where: string, sql: string): Promise<void> => {
    problems.push({ what, ...(await findRows(database, `${table.name} WHERE ${where}`, sql)) });
  };
  for (const { key, column, role } of uses) {
    const { type, sql } = typed.get(column)!;
    if (key === "events.query" || key === "events.user")
      await find(`no ${column}`, `(${keySql(type, sql)}) IS NULL`, sql);
    if (role === "time") await find(`no ${column}`, missingTime(type, sql), sql);
    if (role === "weight") {
      await find(`no ${column}`, type.kind === "float" ? `${sql} IS NULL OR isnan(${sql})` : `${sql} IS NULL`, sql);
      const isNumber = type.kind === "float" ? `NOT isnan(${sql}) AND ` : "";
      await find(`a ${column} beyond ±${formatCount(MOST_WEIGHT)}`, `${isNumber}abs(${sql}) > ${MOST_WEIGHT}`, sql);
    }
    const rounded = role === "id" ? roundedSql(type, sql) : undefined;
    if (rounded !== undefined) await find(roundedWords(column, type), rounded, sql);
  }
  refuse(source, problems);
}

/**
 * Refuses values of the column that gives the split which do not say what an event is for.
 * @param part the column and its key as SQL, and the values of the table `dictionary`
 */
async function checkParts(
  database: Database,
  { split: { column }, events: { user } }: PoeemConfig,
  part: { readonly sql: string; readonly key: string; readonly values: readonly string[] },
  dictionary: string,
): Promise<void> {
  // without users there is nobody to have a history
  const isKnown = (side: number | undefined): boolean =>
    side !== undefined && (user !== undefined || side !== SIDE.foldIn);
  const names = [...GIVEN_SIDES].filter(([, side]) => isKnown(side)).map(([name]) => name);
  const good = part.values.flatMap((value, number) => (isKnown(givenSide(value)) ? [number] : []));
  const known = `SELECT value FROM ${dictionary} WHERE list_contains([${good.join(", ")}]::UINTEGER[], number)`;
  const wrong = await findRows(database, `events WHERE coalesce((${part.key}) NOT IN (${known}), true)`, part.sql);
  const ofUsers = wrong.examples.some(({ value }) => value !== null && givenSide(value) === SIDE.foldIn);
  const hint = ofUsers ? " (a history is a user's, so history and fold-in need events.user)" : "";
  refuse("data.events", [{ what: `none of ${names.join(", ")} in ${column}${hint}`, ...wrong }]);
}

const missingTime = ({ kind }: ColumnType, time: string): string =>
  kind === "float" || kind === "clock" ? `${time} IS NULL OR NOT isfinite(${time})` : `${time} IS NULL`;
