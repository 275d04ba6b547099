import { JsonDuckDBValueConverter } from "@duckdb/node-api";
import { UserError } from "@poeem/offline/errors";
import type { PoeemConfig } from "../config.ts";
import { checkTypes, keySql, textSql, type Use } from "./column-values.ts";
import { type Database, wholeText } from "./duckdb.ts";
import { numbersOf } from "./events.ts";
import { gather } from "./gather.ts";
import { typedColumns } from "./json-columns.ts";
import { keepTable } from "./kept-table.ts";
import { findRows, refuse } from "./problems.ts";
import { shortened } from "./shortened.ts";
import type { EventTable, QuerySet, QueryVectors } from "./types.ts";
import { readVectorColumns } from "./vector-columns.ts";

const SOURCE = "data.queries";
/** Column of the texts. */
const QUERY = "query";
/** Characters of a text that are shown. */
const SHOWN = 40;

/**
 * Reads `data.queries`, its rows in the order of the texts; undefined where there is none.
 * @throws UserError for what is wrong with its rows, a text that stands in two of them included
 */
export async function readQueryVectors(database: Database, config: PoeemConfig): Promise<QueryVectors | undefined> {
  const { embeddings } = config.queries;
  if (config.data.queries === undefined) return undefined;
  const uses: Use[] = [
    { key: SOURCE, column: QUERY, role: "id" },
    ...embeddings.map((column): Use => ({ key: "queries.embeddings", column, role: "vector" })),
  ];
  const from = { source: SOURCE, sql: config.data.queries };
  const table = await keepTable(database, from, "queries", {
    texts: [QUERY],
    ids: [QUERY],
    values: embeddings,
    check: (types) => checkTypes(SOURCE, uses, types),
  });
  const columns = await typedColumns(database, SOURCE, table, uses);
  const { type, sql } = columns.get(QUERY)!;
  const key = keySql(type, sql);
  const repeated = `(${key}) IS NOT NULL AND rowid NOT IN (SELECT min(rowid) FROM queries GROUP BY ${key})`;
  refuse(SOURCE, [
    { what: "no query", ...(await findRows(database, `queries WHERE (${key}) IS NULL`, sql)) },
    { what: "repeated query", ...(await findRows(database, `queries WHERE ${repeated}`, sql)) },
  ]);
  const texts = new Array<string>(table.count);
  await database.scan(`SELECT rowid::UINTEGER, ${wholeText(textSql(type, sql))} FROM queries`, (chunk) => {
    const values = chunk.convertColumnValues(1, JsonDuckDBValueConverter) as string[];
    numbersOf(chunk, 0).forEach((row, i) => {
      texts[row] = values[i]!;
    });
  });
  const named = { source: SOURCE, name: "queries", count: table.count };
  const vectors = await readVectorColumns(database, named, columns, uses.slice(1));
  const order = [...texts.keys()].sort((a, b) => (texts[a]! < texts[b]! ? -1 : 1));
  return {
    rowOf: new Map(order.map((row, at) => [texts[row]!, at])),
    columns: new Map(
      [...vectors].map(([name, { length, values }]) => [name, { length, values: gather(values, order, length) }]),
    ),
  };
}

/**
 * Whether the events ask by any of the texts: vectors that nobody asks by would be trained on for nothing.
 * @returns what a person should know where there are no events
 * @throws UserError for events that all ask by other texts
 */
export function checkAsked(
  vectors: QueryVectors | undefined,
  { query, count }: Pick<EventTable, "query" | "count">,
  column: string | undefined,
): string | undefined {
  if (vectors === undefined) return undefined;
  if (count === 0)
    return "data.queries: without data.events its vectors are hardly trained on, and their map stays near its start";
  const { rowOf } = vectors;
  if (query === undefined || query.values.some((text) => rowOf.has(text))) return undefined;
  const [own, others] = [[...rowOf.keys()], query.values].map((texts) => JSON.stringify(shortened(texts[0]!, SHOWN)));
  throw new UserError(
    `${SOURCE}: expected texts of events (column ${column}, as ${others}), letter for letter, ` +
      `got none of them, as ${own}`,
  );
}

/** The vectors of a text by their columns; undefined where it has none. */
export function embeddingOf(vectors: QueryVectors | undefined, text: string): Record<string, Float32Array> | undefined {
  const row = vectors?.rowOf.get(text);
  if (row === undefined) return undefined;
  return Object.fromEntries(
    Array.from(vectors!.columns, ([name, { length, values }]) => [
      name,
      values.subarray(row * length, (row + 1) * length),
    ]),
  );
}

/** How many of a set's texts, each counted once, have no vectors. */
export function countWithout(vectors: QueryVectors | undefined, { texts }: QuerySet): number {
  if (vectors === undefined) return 0;
  return [...new Set(texts)].filter((text) => !vectors.rowOf.has(text)).length;
}
