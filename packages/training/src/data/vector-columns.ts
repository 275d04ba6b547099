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
 *   number that is no finite float, with zeros alone, and with a norm that training cannot compute with
 */
export async function readVectorColumns(
  database: Database,
  table: VectorTable,
  columns: ReadonlyMap<string, TypedColumn>,
  uses: readonly Use[],
): Promise<Map<string, Vectors>> {
  const read = new Map<string, Vectors>();
  for (const use of uses) {
    const column = await openVectorColumn(database, table, columns.get(use.column)!, use);
    read.set(use.column, { length: column.length, values: await readVectors(database, column, 0, table.count) });
  }
  return read;
}

/** Numbers of a wrong vector that are shown, and their digits. */
const SHOWN = 4;
const DIGITS = 4;
/** Beyond these, squares and the sums of millions of them leave the range of the floats that training computes with. */
const LEAST_NORM = 1e-15;
const MOST_NORM = 1e15;

/** A column of vectors in a table of ours, of which nothing is read yet but how long they are. */
export interface VectorColumn {
  readonly name: string;
  readonly table: VectorTable;
  /** A list of floats or doubles, as SQL. */
  readonly list: string;
  /** What it is called in errors. */
  readonly where: string;
  /** Numbers that most rows have. */
  readonly length: number;
}

/** @throws UserError naming the rows without a list of numbers */
export async function openVectorColumn(
  database: Database,
  table: VectorTable,
  { sql, type }: TypedColumn,
  { column, key }: Use,
): Promise<VectorColumn> {
  const { source, name } = table;
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
  return { name: column, table, list, where, length };
}

/**
 * Some rows of a column, from one up to another: (rows, length).
 * @throws UserError naming the first rows of another length, with a number that is no finite float, of zeros alone, or
 *   of a norm that training cannot compute with
 */
export async function readVectors(
  database: Database,
  { table, list, where, length }: VectorColumn,
  from: number,
  to: number,
): Promise<Float32Array> {
  const wrong = new ProblemRows(
    `something else in ${where} than ${length} finite numbers, as most rows have, not all of them 0`,
  );
  const extreme = new ProblemRows(
    `a vector in ${where} whose norm is not ${LEAST_NORM} to ${MOST_NORM.toExponential()}`,
  );
  const values = new Float32Array((to - from) * length);
  const rows = `${table.name} WHERE rowid >= ${from} AND rowid < ${to}`;
  await database.scan(`SELECT rowid::UINTEGER, ${list}, list_count(${list})::UINTEGER FROM ${rows}`, (chunk) => {
    const [at, present] = [numbersOf(chunk, 0), numbersOf(chunk, 2)];
    const lists = chunk.getColumnVector(1) as DuckDBListVector;
    const numbers = (lists.childVector as DuckDBVector & { readonly items: Float32Array | Float64Array }).items;
    for (let i = 0; i < at.length; i++) {
      const start = lists.getEntryOffset(i);
      const end = start + lists.getEntryLength(i);
      const vector = values.subarray((at[i]! - from) * length, (at[i]! - from + 1) * length);
      if (end - start === length) vector.set(numbers.subarray(start, end));
      // what stands in the place of a NULL is any number
      const isWhole = end - start === length && present[i] === length;
      if (!isWhole || embeddingFault(vector) !== undefined) wrong.add(at[i]!, shown(numbers, start, end, lists, i));
      else if (isExtreme(vector)) extreme.add(at[i]!, normOf(vector).toPrecision(3));
    }
  });
  refuse(table.source, [wrong.problem(), extreme.problem()]);
  return values;
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
  const first = Array.from({ length: Math.min(SHOWN, length) }, (_, k) => short(child.getItem(start + k)));
  const rest = end - start > SHOWN ? `, … ${length} in all` : "";
  const also = bad >= SHOWN ? `, ${short(child.getItem(start + bad))} at ${bad + 1}` : "";
  return `[${first.join(", ")}${rest}${also}]`;
}

const short = (value: unknown): string => String(typeof value === "number" ? Number(value.toPrecision(DIGITS)) : value);

function normOf(vector: Float32Array): number {
  let square = 0;
  for (const value of vector) square += value * value;
  return Math.sqrt(square);
}

function isExtreme(vector: Float32Array): boolean {
  const norm = normOf(vector);
  return norm < LEAST_NORM || norm > MOST_NORM;
}
