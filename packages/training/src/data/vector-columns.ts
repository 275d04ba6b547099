import type { DuckDBListVector, DuckDBVector } from "@duckdb/node-api";
import { UserError } from "@poeem/offline/errors";
import { embeddingFault, MAX_EMBEDDING } from "@poeem/towers";
import type { Use } from "./column-values.ts";
import type { Database } from "./duckdb.ts";
import { numbersOf } from "./events.ts";
import type { TypedColumn } from "./json-columns.ts";
import { findRows, ProblemRows, refuse } from "./problems.ts";
import type { Vectors } from "./types.ts";

/** A table of ours, and what its rows are called in errors. */
export interface VectorTable {
  readonly source: string;
  readonly name: string;
  readonly count: number;
}

/**
 * Columns of vectors as floats, by the rows of a kept table.
 * @throws UserError naming the first rows with none, with something else, with another length than most have, with a
 *   number that is no finite float, and with zeros alone
 */
export async function readVectorColumns(
  database: Database,
  table: VectorTable,
  columns: ReadonlyMap<string, TypedColumn>,
  uses: readonly Use[],
): Promise<Map<string, Vectors>> {
  const read = new Map<string, Vectors>();
  for (const use of uses) read.set(use.column, await readColumn(database, table, columns.get(use.column)!, use));
  return read;
}

/** Numbers of a wrong vector that are shown. */
const SHOWN = 4;

async function readColumn(
  database: Database,
  { source, name, count }: VectorTable,
  { sql, type }: TypedColumn,
  { column, key }: Use,
): Promise<Vectors> {
  const where = `column ${column} (${key})`;
  const element = type.element === "FLOAT" ? "FLOAT" : "DOUBLE";
  const list = `TRY_CAST(${sql} AS ${element}[])`;
  refuse(source, [
    { what: `no vector in ${where}`, ...(await findRows(database, `${name} WHERE ${sql} IS NULL`, sql)) },
    {
      what: `no list of numbers in ${where}`,
      ...(await findRows(database, `${name} WHERE ${sql} IS NOT NULL AND ${list} IS NULL`, sql)),
    },
  ]);
  const length = await usualLength(database, `FROM ${name}`, list);
  if (length === 0 || length > MAX_EMBEDDING)
    throw new UserError(`${source}: expected vectors of 1 to ${MAX_EMBEDDING} numbers in ${where}, got ${length}`);
  const wrong = new ProblemRows(
    `something else in ${where} than ${length} finite numbers, as most rows have, not all of them 0`,
  );
  const values = new Float32Array(count * length);
  await database.scan(`SELECT rowid::UINTEGER, ${list}, list_count(${list})::UINTEGER FROM ${name}`, (chunk) => {
    const [at, present] = [numbersOf(chunk, 0), numbersOf(chunk, 2)];
    const lists = chunk.getColumnVector(1) as DuckDBListVector;
    const numbers = (lists.childVector as DuckDBVector & { readonly items: Float32Array | Float64Array }).items;
    for (let i = 0; i < at.length; i++) {
      const start = lists.getEntryOffset(i);
      const end = start + lists.getEntryLength(i);
      const vector = values.subarray(at[i]! * length, (at[i]! + 1) * length);
      if (end - start === length) vector.set(numbers.subarray(start, end));
      // what stands in the place of a NULL is any number
      const isWhole = end - start === length && present[i] === length;
      if (!isWhole || embeddingFault(vector) !== undefined) wrong.add(at[i]!, shown(numbers, start, end, lists, i));
    }
  });
  refuse(source, [wrong.problem()]);
  return { length, values };
}

/** The length that most lists have; of two the smaller. */
async function usualLength(database: Database, from: string, list: string): Promise<number> {
  const [row] = await database.rows(
    `SELECT len(${list})::DOUBLE AS length, count(*) AS rows ${from} GROUP BY 1 ORDER BY rows DESC, length LIMIT 1`,
  );
  return Number(row!["length"]);
}

/** The first numbers of a list, and how many it has. */
function shown(numbers: ArrayLike<number>, start: number, end: number, lists: DuckDBListVector, i: number): string {
  const child = lists.childVector;
  const length = lists.getEntryLength(i);
  const bad = Array.from({ length }, (_, k) => start + k).findIndex(
    (at) => child.getItem(at) === null || !Number.isFinite(Math.fround(numbers[at]!)),
  );
  const first = Array.from({ length: Math.min(SHOWN, length) }, (_, k) => String(child.getItem(start + k)));
  const rest = end - start > SHOWN ? `, … ${length} in all` : "";
  const also = bad >= SHOWN ? `, ${child.getItem(start + bad)} at ${bad + 1}` : "";
  return `[${first.join(", ")}${rest}${also}]`;
}
