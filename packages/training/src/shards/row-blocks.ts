import type { DuckDBDataChunk } from "@duckdb/node-api";
import type { IdType, ItemIds } from "@poeem/pq-core";
import type { Database } from "../data/duckdb.ts";
import { BadRowsError } from "./bad-rows.ts";

type Numbers = Uint32Array | Float32Array | Float64Array | BigUint64Array;
type NumbersType<T extends Numbers> = new (length: number) => T;

/** What we use of a vector of DuckDB's. */
interface ColumnVector {
  readonly items?: Numbers;
  getItem(row: number): unknown;
  getItemBytes?(row: number): Uint8Array | null;
  readonly validity: { itemValid(row: number): boolean };
}

/** A run of rows of a table, by the names of its columns. */
export interface RowRun {
  readonly count: number;
  numbers<T extends Numbers>(name: string, type: NumbersType<T>, none?: number): T;
  ids(name: string, type: IdType): ItemIds;
  texts(name: string): string[];
  /** Lists of texts; none = empty. */
  lists(name: string): string[][];
  numberLists(name: string): number[][];
  /** (count, width) */
  bytes(name: string, width: number): Uint8Array;
  /** Of each its bytes, one after the other. */
  joinedBytes(name: string): Uint8Array;
}

/** Reads a table that is sorted already, in its order, a block of rows at a time. */
export class RowBlocks {
  readonly #database: Database;
  readonly #table: string;
  readonly #names: readonly string[];
  readonly #list: string;
  readonly #size: number;
  #chunks: readonly DuckDBDataChunk[] = [];
  /** First row of the block that is here, and the rows of it that were taken. */
  #first = 0;
  #taken = 0;
  #rows = 0;

  /**
   * @param columns name → SQL
   * @param size rows that are read at a time
   */
  constructor(database: Database, table: string, columns: ReadonlyMap<string, string>, size: number) {
    this.#size = size;
    this.#database = database;
    this.#table = table;
    this.#names = [...columns.keys()];
    this.#list = [...columns.values()].join(", ");
  }

  /** The next rows, at most so many; none behind the last. */
  async next(most = this.#size): Promise<RowRun> {
    if (this.#taken === this.#rows) await this.#read();
    const from = this.#taken;
    this.#taken = Math.min(this.#rows, from + most);
    return this.#run(from, this.#taken);
  }

  /** The next rows, exactly so many. */
  async take(count: number): Promise<readonly RowRun[]> {
    const runs: RowRun[] = [];
    for (let left = count; left > 0; left -= runs.at(-1)!.count) {
      const run = await this.next(left);
      if (run.count === 0) throw new Error(`expected ${left} more rows of ${this.#table}`);
      runs.push(run);
    }
    return runs;
  }

  async #read(): Promise<void> {
    this.#first += this.#rows;
    const range = `rowid BETWEEN ${this.#first} AND ${this.#first + this.#size - 1}`;
    this.#chunks = await this.#database.chunks(`SELECT ${this.#list} FROM ${this.#table} WHERE ${range}`);
    this.#rows = this.#chunks.reduce((sum, { rowCount }) => sum + rowCount, 0);
    this.#taken = 0;
  }

  #run(from: number, to: number): RowRun {
    const count = to - from;
    // columns may be asked for when the next block is here already
    const chunks = this.#chunks;
    const each = (name: string, use: (vector: ColumnVector, row: number, i: number) => void): void => {
      const column = this.#names.indexOf(name);
      let start = 0;
      for (const chunk of chunks) {
        const end = start + chunk.rowCount;
        if (end > from && start < to) {
          const vector = chunk.getColumnVector(column) as unknown as ColumnVector;
          for (let at = Math.max(start, from); at < Math.min(end, to); at++) use(vector, at - start, at - from);
        }
        start = end;
      }
    };
    const numbers = <T extends Numbers>(name: string, type: NumbersType<T>, none?: number): T => {
      const values = new type(count);
      each(name, (vector, row, i) => {
        values[i] = none !== undefined && !vector.validity.itemValid(row) ? none : vector.items![row]!;
      });
      return values;
    };
    const texts = (name: string): string[] => {
      const values = new Array<string>(count);
      each(name, (vector, row, i) => {
        values[i] = vector.getItem(row) as string;
      });
      return values;
    };
    const lists = <T>(name: string): T[][] => {
      const values = new Array<T[]>(count);
      each(name, (vector, row, i) => {
        values[i] = ((vector.getItem(row) as { items: T[] } | null)?.items ?? []) as T[];
      });
      return values;
    };
    const blobs = (name: string): Uint8Array[] => {
      const values = new Array<Uint8Array>(count);
      each(name, (vector, row, i) => {
        values[i] = vector.getItemBytes!(row) ?? new Uint8Array(0);
      });
      return values;
    };
    return {
      count,
      numbers,
      texts,
      lists: (name) => lists<string>(name),
      numberLists: (name) => lists<number>(name),
      ids: (name, type) =>
        type === "string" ? texts(name) : type === "u32" ? numbers(name, Uint32Array) : numbers(name, BigUint64Array),
      bytes(name, width) {
        const all = new Uint8Array(count * width);
        each(name, (vector, row, i) => {
          const bytes = vector.getItemBytes!(row);
          if (bytes?.length !== width)
            throw new BadRowsError(
              `--shards: column ${name} expected ${width} bytes in each row, got ${bytes?.length}`,
            );
          all.set(bytes, i * width);
        });
        return all;
      },
      joinedBytes: (name) => Uint8Array.from(blobs(name).flatMap((bytes) => [...bytes])),
    };
  }
}
