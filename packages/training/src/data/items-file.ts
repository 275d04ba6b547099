import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { otherThanFile } from "@poeem/offline/files";
import { type Database, literal, type Source } from "./duckdb.ts";
import { escapePattern, exactName, isRemote, namesFolders } from "./file-names.ts";
import { type Reader, readerOf, textType } from "./readers.ts";

/**
 * The rows of one file, each scalar column of CSV or JSON as the text that stands there; lists are lists of texts.
 * Parquet has types of its own, and they stay.
 *
 * @param option what named the file, as in "--items"; for errors
 * @throws UserError when there is no such file, or its name does not say what it is
 */
export async function itemsFile(database: Database, file: string, option: string): Promise<Source> {
  const reader = readerOfFile(file, option);
  const rows = await SOURCES[reader](database, file, [localName(file)], optionsFor([file]));
  return { source: file, sql: `SELECT * FROM ${rows}` };
}

/**
 * The same of several files of one kind, which may lie elsewhere: s3://, r2://, https://.
 * @param asked the names and patterns by which they were found
 */
export async function itemsFiles(
  database: Database,
  files: readonly string[],
  option: string,
  asked: readonly string[],
): Promise<Source> {
  const readers = files.map((file) => readerOfFile(file, option));
  const [reader] = readers;
  if (reader === undefined) throw new UserError(`${option}: expected at least one file, got none`);
  const other = readers.findIndex((one) => one !== reader);
  if (other >= 0) throw new UserError(`${option}: expected files of one kind, got ${files[0]} and ${files[other]}`);
  const source = files.length === 1 ? `${option} ${files[0]}` : `${option} (${files.length} files)`;
  const names = files.map((file) => (isRemote(file) ? literal(exactName(file)) : localName(file)));
  return { source, sql: `SELECT * FROM ${await SOURCES[reader](database, source, names, optionsFor(asked))}` };
}

/** The rows of one file with the types that `poeem train` would read: for errors it is called as it was given. */
export function typedFile(file: string, option: string): Source {
  const reader = readerOfFile(file, option);
  const header = reader === "csv" ? ", header = true" : "";
  const sql = `SELECT * FROM read_${reader}(${localName(file)}${optionsFor([file])}${header})`;
  return { source: `${option} ${file}`, sql };
}

function readerOfFile(file: string, option: string): Reader {
  if (!isRemote(file)) {
    if (!existsSync(file)) throw new UserError(`${option} ${file}: not found`);
    const other = otherThanFile(file);
    if (other !== undefined) throw new UserError(`${option} ${file}: expected a file, got ${other}`);
  }
  // behind a ? an address may have what it is signed with
  const reader = readerOf(isRemote(file) ? file.replace(/\?.*$/s, "") : file);
  if (reader !== undefined) return reader;
  throw new UserError(
    `${option} ${file}: expected a name that ends in .csv, .tsv, .txt, .json, .jsonl or .ndjson ` +
      "(also with .gz), or in .parquet",
  );
}

const localName = (file: string): string => literal(escapePattern(resolve(file)));

/** What follows the names of files for any reader. */
const optionsFor = (names: readonly string[]): string =>
  names.some(namesFolders) ? "" : ", hive_partitioning = false";

type Rows = (database: Database, source: string, names: readonly string[], options: string) => Promise<string>;

const listOf = (names: readonly string[]): string => (names.length === 1 ? names[0]! : `[${names.join(", ")}]`);

const SOURCES: Readonly<Record<Reader, Rows>> = {
  csv: async (_, __, names, options) => `read_csv(${listOf(names)}${options}, all_varchar = true, header = true)`,
  json: async (database, source, names, options) => {
    // all rows of all files: a column is what its last row says too
    const all = `sample_size = -1${names.length > 1 ? `, maximum_sample_files = ${names.length}` : ""}`;
    const types = await database.describe(source, `SELECT * FROM read_json(${listOf(names)}${options}, ${all})`);
    const columns = [...types].map(([column, type]) => `${literal(column)}: ${literal(textType(type) ?? type)}`);
    return `read_json(${listOf(names)}${options}, columns = {${columns.join(", ")}})`;
  },
  parquet: async (_, __, names, options) => `read_parquet(${listOf(names)}${options})`,
};
