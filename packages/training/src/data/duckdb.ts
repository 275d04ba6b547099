import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from "@duckdb/node-api";
import { messageOf, UserError } from "@poeem/offline/errors";

/** A name as SQL takes it, whatever is in it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** DuckDB with a database file in a temporary folder: what exceeds `memoryLimit` goes to disk until `close`. */
export class Database {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #remove: () => void;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, remove: () => void) {
    this.#instance = instance;
    this.#connection = connection;
    this.#remove = remove;
  }

  /** @param folders where relative names of files in SQL are looked up, one after the other. */
  static async open(folders: string | readonly string[], memoryLimit: string): Promise<Database> {
    const path = typeof folders === "string" ? [folders] : folders;
    // DuckDB's list of folders knows no escape
    const commas = path.find((one) => one.includes(","));
    if (commas !== undefined)
      throw new UserError(`expected a folder of data without a comma in its name, got ${commas}`);
    const folder = await mkdtemp(join(tmpdir(), `poeem-duckdb-${process.pid}-`));
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    process.once("exit", remove);
    try {
      const instance = await DuckDBInstance.create(join(folder, "data.duckdb"), {
        memory_limit: memoryLimit,
        temp_directory: join(folder, "spill"),
      });
      const connection = await instance.connect();
      await connection.run(`SET file_search_path = ${literal(path.join(","))}`);
      return new Database(instance, connection, () => {
        process.off("exit", remove);
        remove();
      });
    } catch (error) {
      remove();
      throw new UserError(`DuckDB cannot work in ${folder}: ${messageOf(error)}`);
    }
  }

  /** Names and types of the columns that a query of the user's, called `source` in errors, gives; it is not run. */
  async describe(source: string, sql: string): Promise<Map<string, string>> {
    const rows = await this.#guard(source, () => this.rows(`DESCRIBE ${subquery(sql)}`));
    return new Map(rows.map((row) => [row["column_name"] as string, row["column_type"] as string]));
  }

  /** Runs a query of the user's once and keeps what `list` selects of it in a table. */
  async keep(source: string, table: string, sql: string, list: string): Promise<void> {
    await this.#guard(source, () => this.run(`CREATE TABLE ${table} AS SELECT ${list} FROM ${subquery(sql)}`));
  }

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  /** A small result as objects of JSON values. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.#connection.runAndReadAll(sql)).getRowObjectsJson();
  }

  /** Visits a result in chunks of about 2,000 rows, in no order, without ever holding it whole. */
  async scan(sql: string, visit: (chunk: DuckDBDataChunk) => void): Promise<void> {
    const result = await this.#connection.stream(sql);
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      visit(chunk);
    }
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
    this.#remove();
  }

  /** What DuckDB says against the user's SQL or files, as one line that names the query. */
  async #guard<T>(source: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new UserError(`${source}: ${messageOf(error).replace(/ LINE \d+:.*$/, "")}`);
    }
  }
}

/** A query of the user's as part of another one; it may end in a semicolon and comments. */
function subquery(sql: string): string {
  return `(${sql.replace(/;(\s|--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/)*$/, "")}\n)`;
}
