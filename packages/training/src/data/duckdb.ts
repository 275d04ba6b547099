import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBAppender, type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from "@duckdb/node-api";
import { messageOf, UserError } from "@poeem/offline/errors";
import { duckdbMessage } from "./duckdb-message.ts";

/** A query of the user's, and what it is called in errors, such as "data.items". */
export interface Source {
  readonly source: string;
  readonly sql: string;
}

/** A name as SQL takes it, whatever is in it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * A text of SQL, or a list of texts, so that the client for Node gives all of it: of each it drops a U+FEFF that comes
 * first, as if it were the mark at the start of a file.
 */
export function wholeText(sql: string, isList = false): string {
  const marked = (text: string): string =>
    `CASE WHEN starts_with(${text}, chr(65279)) THEN chr(65279) || ${text} ELSE ${text} END`;
  return isList ? `list_transform(${sql}, lambda x: ${marked("x")})` : marked(sql);
}

/** A text as SQL takes it, whatever is in it. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** DuckDB with a database file in a temporary folder: what exceeds `memoryLimit` goes to disk until `close`. */
export class Database {
  /** Where relative names of files in SQL are looked up, one after the other. */
  readonly folders: readonly string[];
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #remove: () => void;

  private constructor(
    folders: readonly string[],
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    remove: () => void,
  ) {
    this.folders = folders;
    this.#instance = instance;
    this.#connection = connection;
    this.#remove = remove;
  }

  /**
   * @param setup SQL of the user's that runs first: secrets, extensions, ATTACH
   * @param place folder that keeps the database; left out: a temporary one, which goes with it
   */
  static async open(
    folders: readonly string[],
    memoryLimit: string,
    setup?: Source,
    place?: string,
  ): Promise<Database> {
    const folder = place ?? (await mkdtemp(join(tmpdir(), `poeem-duckdb-${process.pid}-`)));
    const remove = (): void => {
      if (place === undefined) rmSync(folder, { recursive: true, force: true });
    };
    process.once("exit", remove);
    try {
      const instance = await DuckDBInstance.create(join(folder, "data.duckdb"), {
        memory_limit: memoryLimit,
        temp_directory: join(folder, "spill"),
      });
      const connection = await instance.connect();
      // what a time with its zone is shown in, wherever this runs
      await connection.run("SET TimeZone = 'UTC'");
      // the file goes with us: nothing has to be written into it at the end
      if (place === undefined) await connection.run("PRAGMA disable_checkpoint_on_shutdown");
      // for names that SQL makes; those that stand in it we look up ourselves
      const searched = folders.filter((one) => !one.includes(","));
      if (searched.length > 0) await connection.run(`SET file_search_path = ${literal(searched.join(","))}`);
      const database = new Database(folders, instance, connection, () => {
        process.off("exit", remove);
        remove();
      });
      if (setup !== undefined) await database.#setUp(setup);
      return database;
    } catch (error) {
      remove();
      throw error instanceof UserError ? error : new UserError(`DuckDB cannot work in ${folder}: ${messageOf(error)}`);
    }
  }

  /** Names and types of the columns that a query of the user's, called `source` in errors, gives; it is not run. */
  async describe(source: string, sql: string): Promise<Map<string, string>> {
    const types = new Map<string, string>();
    for (const { column_name: name, column_type: type } of await this.ask(source, `DESCRIBE (${sql})`))
      if (!types.has(name as string)) types.set(name as string, type as string);
    return types;
  }

  /** A small result of SQL over the user's files, as `rows` gives it. */
  ask(source: string, sql: string): Promise<Record<string, unknown>[]> {
    return this.#guard(source, () => this.rows(sql));
  }

  /** Runs a query of the user's once and keeps what `list` selects of it in a table. */
  async keep(source: string, table: string, sql: string, list: string): Promise<void> {
    await this.#guard(source, () => this.run(`CREATE TABLE ${table} AS SELECT ${list} FROM (${sql})`));
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

  /** A result in chunks, in its order. */
  async chunks(sql: string): Promise<readonly DuckDBDataChunk[]> {
    return (await this.#connection.run(sql)).fetchAllChunks();
  }

  /** Takes rows of a table, in chunks. @param of the catalog that has it: temporary tables, or our own database */
  appender(table: string, of: "temp" | "data" = "temp"): Promise<DuckDBAppender> {
    return this.#connection.createAppender(table, "main", of);
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
    this.#remove();
  }

  /** Runs what the user sets up. Tables of ours still go into our own database, whichever it made the default. */
  async #setUp({ source, sql }: Source): Promise<void> {
    const path = async (): Promise<string> =>
      String((await this.rows("SELECT current_setting('search_path') AS path"))[0]!["path"]);
    try {
      const before = await path();
      await this.#guard(source, () => this.run(sql));
      const after = await path();
      if (after !== before) await this.run(`SET search_path = ${literal(`data.main,${after}`)}`);
      // ours are sorted as an index sorts them, whatever theirs are
      for (const setting of ["default_order = 'ASC'", "default_collation = ''"]) await this.run(`SET ${setting}`);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** What DuckDB says against the user's SQL or files, as a line or two that name the query. */
  async #guard<T>(source: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new UserError(`${source}: ${duckdbMessage(error)}`);
    }
  }
}
