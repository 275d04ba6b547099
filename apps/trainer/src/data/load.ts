import { createHash } from "node:crypto";
import { DuckDBInstance } from "@duckdb/node-api";
import type { PoeemConfig } from "../config.ts";
import { messageOf, UserError } from "../errors.ts";

export type Row = Record<string, unknown>;

/** The catalogue and its events as read from the files, checked. */
export interface RawData {
  /** Ids in order of the items query; position in this array is the item's number everywhere in the trainer. */
  readonly ids: string[];
  readonly items: Row[];
  /** Query string of every event, and the number of the item it led to. */
  readonly queries: string[];
  readonly targets: Uint32Array;
  /** Events that named an unknown item and were left out. */
  readonly unknownItems: { count: number; examples: string[] };
  /** SHA-256 of everything above: two trainings with one hash and one seed saw the same data. */
  readonly hash: string;
}

/** Runs the two SQL statements of a config and checks what they give. Throws a `UserError` on unusable data. */
export async function loadData(config: PoeemConfig, directory: string): Promise<RawData> {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  try {
    await connection.run(`SET file_search_path = '${directory.replaceAll("'", "''")}'`);
    const run = async (name: "items" | "events"): Promise<{ names: string[]; rows: Row[] }> => {
      try {
        const reader = await connection.runAndReadAll(config.data[name]);
        return { names: reader.columnNames(), rows: reader.getRowObjectsJson() };
      } catch (error) {
        throw new UserError(`data.${name}: ${messageOf(error).replace(/ LINE \d+:.*$/, "")}`);
      }
    };
    const items = await run("items");
    const { id, title, text, categories, fields, facets, numbers } = config.items;
    requireColumns("items", items.names, [id, title, ...text, ...categories, ...fields, ...facets, ...numbers]);
    const numberOf = numberItems(items.rows, id);

    const events = await run("events");
    const { query, item } = config.events;
    requireColumns("events", events.names, [query, item]);
    return {
      ids: [...numberOf.keys()],
      items: items.rows,
      ...readEvents(events.rows, query, item, items.rows, numberOf),
    };
  } finally {
    connection.closeSync();
  }
}

function requireColumns(name: string, present: string[], wanted: string[]): void {
  const missing = wanted.filter((column) => !present.includes(column));
  if (missing.length > 0) {
    throw new UserError(
      `data.${name}: expected column${missing.length > 1 ? "s" : ""} ${missing.join(", ")}; got ${present.join(", ")}`,
    );
  }
}

function numberItems(rows: Row[], idColumn: string): Map<string, number> {
  if (rows.length === 0) throw new UserError("data.items: expected at least one row, got none");
  const numbers = new Map<string, number>();
  const wrong: string[] = [];
  for (const [number, row] of rows.entries()) {
    const id = row[idColumn];
    if (id === null || id === undefined || id === "") wrong.push(`row ${number + 1} has no ${idColumn}`);
    else if (numbers.has(String(id))) wrong.push(`row ${number + 1} repeats ${idColumn} ${JSON.stringify(id)}`);
    else numbers.set(String(id), number);
  }
  if (wrong.length > 0)
    throw new UserError(`data.items: ${wrong.length} unusable row(s): ${wrong.slice(0, 3).join("; ")}`);
  return numbers;
}

function readEvents(
  rows: Row[],
  queryColumn: string,
  itemColumn: string,
  items: Row[],
  numbers: Map<string, number>,
): Omit<RawData, "ids" | "items"> {
  const queries: string[] = [];
  const targets: number[] = [];
  const unknown = new Map<string, number>();
  const hash = createHash("sha256");
  for (const row of items) hash.update(`${JSON.stringify(row)}\n`);
  let empty = 0;
  for (const row of rows) {
    const query = row[queryColumn];
    const item = String(row[itemColumn]);
    const number = numbers.get(item);
    if (typeof query !== "string" || query === "") empty++;
    else if (number === undefined) unknown.set(item, (unknown.get(item) ?? 0) + 1);
    else {
      queries.push(query);
      targets.push(number);
      hash.update(`${query}\t${number}\n`);
    }
  }
  if (empty > 0)
    throw new UserError(
      `data.events: expected a text in column ${queryColumn}, got null, empty or another type in ${empty} of ${rows.length} rows`,
    );
  if (queries.length === 0)
    throw new UserError(`data.events: expected at least one event of a known item, got ${rows.length} rows and none`);
  const count = [...unknown.values()].reduce((sum, n) => sum + n, 0);
  return {
    queries,
    targets: Uint32Array.from(targets),
    unknownItems: { count, examples: [...unknown.keys()].slice(0, 3) },
    hash: hash.digest("hex"),
  };
}
