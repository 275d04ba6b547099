import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** Lines of a text file, gzip or not by its first bytes, without the empty ones. */
export function linesOf(file: string): string[] {
  const bytes = readFileSync(file);
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}

/**
 * A file of a data set: `folder/name`, or the same with `.gz`; undefined without one.
 */
export function findFile(folder: string, name: string): string | undefined {
  return [name, `${name}.gz`].map((file) => join(folder, file)).find((file) => existsSync(file));
}

/** The same for one that must be there. @throws Error that says what was expected where */
export function fileOf(folder: string, name: string): string {
  const file = findFile(folder, name);
  if (file === undefined) throw new Error(`--data expected ${name} or ${name}.gz in ${folder}, got neither`);
  return file;
}

/**
 * The one text file that a data set is: `data` itself, `data/name`, or the only `.txt` in the folder.
 *
 * @throws Error where there are none or several
 */
export function onlyFileOf(data: string, name: string): string {
  if (!existsSync(data)) throw new Error(`--data expected a file or a folder, got nothing at ${data}`);
  if (statSync(data).isFile()) return data;
  const named = findFile(data, name);
  if (named !== undefined) return named;
  const texts = readdirSync(data).filter((file) => /\.txt(\.gz)?$/.test(file));
  if (texts.length === 1) return join(data, texts[0]!);
  throw new Error(`--data expected ${name} or one .txt in ${data}, got ${texts.join(", ") || "none"}`);
}
