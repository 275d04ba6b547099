import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "@poeem/offline/errors";
import { otherThanFile } from "@poeem/offline/files";
import { type Database, literal } from "./duckdb.ts";

const PATTERN = /[*?[]/;
const ADDRESS = /^([a-z][a-z0-9+.-]*:\/\/|~(\/|$))/i;

/** A name of a file as DuckDB takes it, where a pattern would do as well. */
export const escapePattern = (name: string): string => name.replaceAll(/[*?[]/g, "[$&]");

/** Whether a name is an address of another machine: https://…, s3://…, r2://… */
export const isRemote = (name: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(name) && !/^file:/i.test(name);

/** Whether DuckDB is to look for files by a name. Behind the ? of an https://… there is no name any more. */
export const isPattern = (name: string): boolean => PATTERN.test(isHttp(name) ? name.replace(/\?.*$/s, "") : name);

/** What DuckDB takes a name for that it has found, or that is none but an address. */
export const exactName = (name: string): string => (isHttp(name) ? name : escapePattern(name));

const isHttp = (name: string): boolean => /^https?:/i.test(name);

/**
 * Whether a name in SQL is of folders that say a value, as `year=2026/x.csv` does, or that are a pattern. Others are
 * found in folders that the SQL does not know of: what those are called is no column.
 */
export const namesFolders = (name: string): boolean => /[*?[=].*\//.test(name);

/**
 * The absolute name, for DuckDB, of a file in SQL: that of the file called so, in the first folder that has one, else
 * a pattern that some file of a folder has. Undefined when there is neither; an address (https://…) and what
 * is in the home folder (~/…) stay.
 *
 * @param mayBeFolder whether what reads it may take a folder too
 * @throws UserError for what is there and no file, such as a FIFO: DuckDB would wait for it
 */
export async function findFile(database: Database, name: string, mayBeFolder: boolean): Promise<string | undefined> {
  const check = (file: string): void => {
    const other = otherThanFile(file);
    if (other !== undefined && !(mayBeFolder && other === "a folder"))
      throw new UserError(`${file}: expected a file, got ${other}`);
  };
  if (ADDRESS.test(name)) {
    const file = localFile(name);
    if (file !== undefined) check(file);
    return name;
  }
  const exact = database.folders.map((folder) => resolve(folder, name)).find(existsSync);
  if (exact !== undefined) {
    check(exact);
    return escapePattern(exact);
  }
  if (!PATTERN.test(name)) return undefined;
  for (const folder of database.folders) {
    const pattern = patternIn(folder, name);
    // Of what matches, it gives files alone, as the readers take them.
    const found = await database.rows(`SELECT 1 FROM glob(${literal(pattern)}) LIMIT 1`);
    if (found.length > 0) return pattern;
  }
  return undefined;
}

/** The file of an address, where it is one of this machine. */
function localFile(address: string): string | undefined {
  if (address.startsWith("~")) return resolve(homedir(), address.slice(2));
  try {
    return address.startsWith("file:") ? fileURLToPath(address) : undefined;
  } catch {
    return undefined;
  }
}

/** A pattern of which the first folders may be names: those that are there. */
function patternIn(folder: string, name: string): string {
  const parts = name.split("/");
  let names = parts.length - 1;
  while (names > 0 && !existsSync(resolve(folder, `${parts.slice(0, names).join("/")}/`))) names--;
  const base = resolve(folder, `${parts.slice(0, names).join("/")}${names > 0 ? "/" : ""}`);
  return [escapePattern(base === "/" ? "" : base), ...parts.slice(names)].join("/");
}
