import { access, constants, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { otherThanFile } from "@poeem/offline/files";
import type { Database } from "../data/duckdb.ts";
import { isRemote } from "../data/file-names.ts";
import type { Part } from "./share.ts";

const five = (n: number): string => String(n).padStart(5, "0");

/**
 * The file of a shard: `out` itself where it ends in .parquet, else `shard-00003-of-00016.parquet` in that folder.
 * @throws UserError for a place where nobody can write
 */
export function shardFile(out: string, { index, of }: Part): string {
  if (/^https?:/i.test(out))
    throw new UserError(`--out ${out}: expected a path, s3:// or r2://; nothing can be written to an address of http`);
  if (/\.parquet$/i.test(out)) {
    const other = isRemote(out) ? undefined : otherThanFile(out);
    if (other !== undefined) throw new UserError(`--out ${out}: expected a file, got ${other}`);
    return out;
  }
  const name = `shard-${five(index)}-of-${five(of)}.parquet`;
  return isRemote(out) ? `${out.replace(/\/+$/, "")}/${name}` : join(out, name);
}

/** Finds out before the work whether a shard can be written there at all. @throws UserError naming the file */
export async function prepareTarget(database: Database, file: string): Promise<void> {
  if (!isRemote(file)) {
    await naming(file, async () => {
      await mkdir(dirname(file), { recursive: true });
      await access(dirname(file), constants.W_OK);
    });
    return;
  }
  // to ask for a setting of httpfs loads it, as the upload would at the end
  if (/^(s3|r2|gs|gcs):/i.test(file)) await database.ask(`--out ${file}`, "SELECT current_setting('s3_use_ssl')");
}

/**
 * Writes a file by `write`, which is told what to call it: on this machine it gets another name first and its own at
 * the end, so that what a killed task leaves cannot be taken for a shard. An upload is there as a whole or not at all.
 *
 * @throws UserError naming the file
 */
export async function writeWhole(file: string, write: (name: string) => Promise<void>): Promise<void> {
  if (isRemote(file)) return write(file);
  const staging = `${file}.${process.pid}-${Math.random().toString(36).slice(2, 8)}.tmp`;
  try {
    await naming(file, async () => {
      await mkdir(dirname(file), { recursive: true });
      await write(staging);
      await rename(staging, file);
    });
  } catch (error) {
    await rm(staging, { force: true });
    throw error;
  }
}

async function naming<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof UserError ? error : new UserError(`${file} cannot be written: ${messageOf(error)}`);
  }
}
