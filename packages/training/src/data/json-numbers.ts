import { type Database, literal } from "./duckdb.ts";
import { type FileScan, jsonObjects, tableSql } from "./file-scans.ts";

/** A number of JSON, as it stands in the file and as DuckDB gives it. */
export interface RespelledNumber {
  readonly written: string;
  readonly read: string;
}

/**
 * A number in a column of a JSON file that no type brings back as it stands there: 1e5 comes as 100000.0, 1.10 as 1.1,
 * and of 20 digits behind the point some are gone. The text of the row alone has it.
 *
 * @returns the first by its spelling; undefined where there is none
 */
export async function respelledNumber(
  database: Database,
  scan: FileScan,
  column: string,
): Promise<RespelledNumber | undefined> {
  const key = JSON.stringify(column);
  const pattern = `${key.replaceAll(/[^\w\s]/g, "\\$&")}\\s*:\\s*(-?[0-9][-+0-9.eE]*)`;
  const rows = await tableSql(database, await jsonObjects(database, scan));
  const [found] = await database.rows(
    `SELECT min(written) AS written, arg_min(read, written) AS read
     FROM (SELECT regexp_extract(json::VARCHAR, ${literal(pattern)}, 1) AS written,
                  json->>${literal(`$.${key}`)} AS read FROM (${rows}))
     -- the same number, so that a member of the same name inside of another one is not taken for it
     WHERE written <> read AND TRY_CAST(written AS DOUBLE) = TRY_CAST(read AS DOUBLE)`,
  );
  const { written, read } = found!;
  return written === null ? undefined : { written: String(written), read: String(read) };
}
