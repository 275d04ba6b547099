import {
  type DuckDBAppender,
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBListValue,
  type DuckDBType,
  type DuckDBValue,
} from "@duckdb/node-api";
import { UserError } from "@poeem/offline/errors";
import { type Database, literal, quoted } from "../data/duckdb.ts";
import { SHARD_KEY, type ShardFacts, type ShardShape, shardColumns } from "./schema.ts";
import type { ShardRows } from "./shard-rows.ts";

/** Rows of a chunk of DuckDB's. */
const CHUNK = 2048;
const TABLE = "shard_rows";

/** The rows of a shard in a temporary table, which goes to disk where memory does not hold it. */
export class ShardTable {
  readonly #database: Database;
  readonly #columns: readonly (readonly [name: string, type: string])[];
  readonly #appender: DuckDBAppender;
  readonly #types: readonly DuckDBType[];
  #rows = 0;

  private constructor(database: Database, columns: ShardTable["columns"], appender: DuckDBAppender) {
    this.#database = database;
    this.#columns = columns;
    this.#appender = appender;
    this.#types = Array.from({ length: appender.columnCount }, (_, i) => appender.columnType(i));
  }

  static async create(database: Database, shape: ShardShape): Promise<ShardTable> {
    const columns = shardColumns(shape);
    // names of ours, as some of the user's may be alike
    const list = columns.map(([, type], i) => `c${i} ${type}`).join(", ");
    await database.run(`CREATE TEMP TABLE ${TABLE} (${list}, place UBIGINT)`);
    return new ShardTable(database, columns, await database.appender(TABLE));
  }

  get columns(): readonly (readonly [name: string, type: string])[] {
    return this.#columns;
  }

  get rows(): number {
    return this.#rows;
  }

  /** @param columns a value of each row, by the names of the columns, and the number of each one's row as `place` */
  append({ count, columns }: ShardRows): void {
    const names = [...this.#columns.map(([name]) => name), "place"];
    const values = names.map((name) => columns.get(name)!);
    for (let from = 0; from < count; from += CHUNK) {
      const to = Math.min(count, from + CHUNK);
      const chunk = DuckDBDataChunk.create(this.#types, to - from);
      for (const [c, column] of values.entries()) {
        if (typeof column !== "function") {
          const vector = chunk.getColumnVector(c);
          (vector as unknown as { items: typeof column }).items.set(column.subarray(from, to) as never);
          vector.flush();
        } else
          chunk.setColumnValues(
            c,
            Array.from({ length: to - from }, (_, i) => asValue(column(from + i))),
          );
      }
      this.#appender.appendDataChunk(chunk);
    }
    this.#appender.flushSync();
    this.#rows += count;
  }

  /** @throws UserError naming two rows with one id */
  async checkIds(source: string): Promise<void> {
    const [twice] = await this.#database.rows(
      `SELECT c0::VARCHAR AS id, min(place) + 1 AS one, max(place) + 1 AS other FROM ${TABLE}
       GROUP BY c0 HAVING count(*) > 1 ORDER BY one LIMIT 1`,
    );
    if (twice) throw new UserError(`${source}: rows ${twice["one"]} and ${twice["other"]} are one id, ${twice["id"]}`);
  }

  /** Writes all rows, sorted by id. The same rows are the same bytes, in whatever order they came. */
  async write(file: string, facts: ShardFacts): Promise<void> {
    this.#appender.closeSync();
    const list = this.#columns.map(([name, type], i) => {
      const value = type === "DOUBLE" ? `CASE WHEN NOT isnan(c${i}) THEN c${i} END` : `c${i}`;
      return `${value} AS ${quoted(name)}`;
    });
    const metadata = `KV_METADATA {${literal(SHARD_KEY)}: ${literal(JSON.stringify(facts))}}`;
    await this.#database.run("SET preserve_insertion_order = true");
    await this.#database.ask(
      `--out ${file}`,
      `COPY (SELECT ${list.join(", ")} FROM ${TABLE} ORDER BY c0) TO ${literal(file)}
       (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false, ${metadata})`,
    );
  }
}

/** Bytes and lists as DuckDB takes them. */
function asValue(value: string | Uint8Array | readonly DuckDBValue[]): DuckDBValue {
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? new DuckDBBlobValue(value) : new DuckDBListValue(value);
}
