import { rename } from "node:fs/promises";
import { ARRAY, DuckDBDataChunk, DuckDBInstance, FLOAT, UINTEGER, USMALLINT, UTINYINT } from "@duckdb/node-api";
import type { Rows } from "./catalogue.ts";

/** Rows of a chunk of DuckDB's. */
const CHUNK = 2048;

/** Columns of items, as SQL over what is appended; those of --bare are an id and a vector. */
export const ITEM_COLUMNS = "id, 'Item ' || id AS title, 'topic ' || topic AS topic, year, vec";
export const BARE_COLUMNS = "id, vec";
export const QUERY_COLUMNS = "'query ' || id AS query, topic, vec";

/** Writes rows as one Parquet file, which is there as a whole or not at all. */
export async function writeRows(file: string, rows: Rows, dims: number, columns: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    await connection.run(`CREATE TABLE made (id UINTEGER, topic UTINYINT, year USMALLINT, vec FLOAT[${dims}])`);
    const appender = await connection.createAppender("made");
    const types = [UINTEGER, UTINYINT, USMALLINT, ARRAY(FLOAT, dims)];
    for (let from = 0; from < rows.ids.length; from += CHUNK) {
      const to = Math.min(rows.ids.length, from + CHUNK);
      const chunk = DuckDBDataChunk.create(types, to - from);
      for (const [c, values] of [rows.ids, rows.topics, rows.years].entries())
        fill(chunk, c, values.subarray(from, to));
      fill(chunk, types.length - 1, rows.vectors.subarray(from * dims, to * dims));
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
    await connection.run("SET preserve_insertion_order = true");
    await connection.run(`COPY (SELECT ${columns} FROM made) TO '${file}.tmp' (FORMAT parquet, COMPRESSION zstd)`);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  await rename(`${file}.tmp`, file);
}

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float32Array;

/** The whole column at once: value by value takes ten times as long. */
function fill(chunk: DuckDBDataChunk, column: number, values: Numbers): void {
  const vector = chunk.getColumnVector(column) as unknown as {
    readonly items?: Numbers;
    readonly childData?: { readonly items: Numbers };
    flush(): void;
  };
  (vector.items ?? vector.childData!.items).set(values);
  vector.flush();
}
