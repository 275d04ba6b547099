import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "@poeem/offline/errors";
import type { IdType } from "@poeem/pq-core";
import { columnType } from "../data/column-type.ts";
import { textSql } from "../data/column-values.ts";
import { type Database, literal, type Source } from "../data/duckdb.ts";
import { escapePattern, isPattern, isRemote } from "../data/file-names.ts";
import { itemsFiles } from "../data/items-file.ts";
import type { Share } from "./share.ts";

/** What the items of a task are read from. */
export interface ShardSource {
  /** Files, patterns of files and addresses. */
  readonly items?: readonly string[] | undefined;
  /** SQL instead. */
  readonly query?: string | undefined;
}

/** A query, and which of its rows are the task's. */
export interface ShardInput {
  readonly from: Source;
  /** Of the column of ids; undefined = all rows. */
  readonly where: ((id: string, type: string) => string) | undefined;
  /** What is read, in words. */
  readonly what: string;
}

/**
 * What a task reads of its input. Where there are at least as many files as tasks, task I of N takes files I, I + N, …
 * of them, sorted by name. Else every task reads all of the input and keeps the rows that `rowsOf` says.
 *
 * @throws UserError for files that are not there or cannot be told apart, and for neither files nor a query
 */
export async function shardInput(
  database: Database,
  { items, query }: ShardSource,
  { index, of, isCut }: Share,
  idType: IdType,
): Promise<ShardInput> {
  const where = isCut && of > 1 ? rowsOf(index, of, idType) : undefined;
  if (query !== undefined) {
    if (items !== undefined) throw new UserError("--query and --items: expected one of them, got both");
    return { from: { source: "--query", sql: query }, where, what: "the rows of --query" };
  }
  if (items === undefined) throw new UserError("expected --items or --query, got neither");
  const all = await listFiles(database, items);
  const byFile = isCut && all.length >= of;
  const files = byFile ? all.filter((_, i) => i % of === index) : all;
  const what = byFile ? `${files.length} of ${all.length} files` : `rows of ${all.length} files`;
  return {
    from: await itemsFiles(database, files, "--items", items),
    where: byFile ? undefined : where,
    what: all.length === 1 ? all[0]! : what,
  };
}

/**
 * SQL that is true of the rows of part I of N: the first 8 hexadecimal digits of the MD5 of an id, as a number, modulo
 * N. An id is a text here, of an index of numbers without zeros before it and behind its point.
 */
function rowsOf(index: number, of: number, idType: IdType): (id: string, type: string) => string {
  return (id, type) => {
    const text = textSql(columnType(type), id);
    const plain = idType === "string" ? text : `regexp_replace(${text}, '^\\s*0*(\\d+?)(?:\\.0*)?\\s*$', '\\1')`;
    // a row without an id is somebody's too, who refuses it
    return `('0x' || left(md5(coalesce(${plain}, '')), 8))::UBIGINT % ${of} = ${index}`;
  };
}

/** Files by their names, each once, in the order of the names; a pattern is what it finds. */
async function listFiles(database: Database, names: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const name of names) {
    const isThere = !isRemote(name) && existsSync(name);
    if (isThere || !isPattern(name)) {
      if (!isThere && !isRemote(name)) throw new UserError(`--items ${name}: not found`);
      files.add(name);
      continue;
    }
    const pattern = isRemote(name) ? name : patternFrom(name);
    const found = await database.ask(`--items ${name}`, `SELECT file FROM glob(${literal(pattern)})`);
    if (found.length === 0) throw new UserError(`--items ${name}: no file is called so`);
    for (const { file } of found) files.add(file as string);
  }
  return [...files].sort();
}

/** A pattern from the folder where the command runs, whose own name is none. */
const patternFrom = (name: string): string =>
  name.startsWith("/") ? name : `${escapePattern(resolve("."))}/${name.replace(/^\.\//, "")}`;
