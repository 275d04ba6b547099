import { existsSync } from "node:fs";
import { UserError } from "@poeem/offline/errors";
import { readBytes } from "@poeem/offline/files";

/** Ids as the command line names them: a file with one per line, or the ids themselves with commas between them. */
export async function readIds(option: string, value: string): Promise<string[]> {
  const isFile = existsSync(value);
  const text = isFile ? new TextDecoder().decode(await readBytes(value)) : value;
  const ids = text
    .split(isFile ? /\r?\n/ : ",")
    .map((id) => id.trim())
    .filter((id) => id !== "");
  if (ids.length === 0) throw new UserError(`${option} ${value}: expected at least one id, got none`);
  return ids;
}
