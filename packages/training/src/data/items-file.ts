import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { otherThanFile } from "@poeem/offline/files";
import { type Database, literal, type Source } from "./duckdb.ts";
import { escapePattern, namesFolders } from "./file-names.ts";
import { type Reader, readerOf, textType } from "./readers.ts";

/**
 * The rows of one file, each scalar column of CSV or JSON as the text that stands there; lists are lists of texts.
 * Parquet has types of its own, and they stay.
 *
 * @param option what named the file, as in "--items"; for errors
 * @throws UserError when there is no such file, or its name does not say what it is
 */
export async function itemsFile(database: Database, file: string, option: string): Promise<Source> {
  const { reader, name } = readerOfFile(file, option);
  return { source: file, sql: `SELECT * FROM ${await SOURCES[reader](database, file, name)}` };
}

/** The rows of one file with the types that `poeem train` would read: for errors it is called as it was given. */
export function typedFile(file: string, option: string): Source {
  const { reader, name } = readerOfFile(file, option);
  const header = reader === "csv" ? ", header = true" : "";
  return { source: `${option} ${file}`, sql: `SELECT * FROM read_${reader}(${name}${header})` };
}

function readerOfFile(file: string, option: string): { readonly reader: Reader; readonly name: string } {
  if (!existsSync(file)) throw new UserError(`${option} ${file}: not found`);
  const other = otherThanFile(file);
  if (other !== undefined) throw new UserError(`${option} ${file}: expected a file, got ${other}`);
  const reader = readerOf(file);
  if (reader === undefined) {
    throw new UserError(
      `${option} ${file}: expected a name that ends in .csv, .tsv, .txt, .json, .jsonl or .ndjson ` +
        "(also with .gz), or in .parquet",
    );
  }
  // the name, and what follows it
  const folders = namesFolders(file) ? "" : ", hive_partitioning = false";
  return { reader, name: `${literal(escapePattern(resolve(file)))}${folders}` };
}

const SOURCES: Readonly<Record<Reader, (database: Database, file: string, name: string) => Promise<string>>> = {
  csv: async (_, __, name) => `read_csv(${name}, all_varchar = true, header = true)`,
  json: async (database, file, name) => {
    // all rows: a column is what its last row says too
    const types = await database.describe(file, `SELECT * FROM read_json(${name}, sample_size = -1)`);
    const columns = [...types].map(([column, type]) => `${literal(column)}: ${literal(textType(type) ?? type)}`);
    return `read_json(${name}, columns = {${columns.join(", ")}})`;
  },
  parquet: async (_, __, name) => `read_parquet(${name})`,
};
