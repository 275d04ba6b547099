import { isUtf8 } from "node:buffer";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { idFault, valueFault } from "@poeem/pq-core";

/**
 * Lines of a text file with their numbers from 1, gzip or not by its first bytes, without the empty ones.
 *
 * @throws Error that names the file, and the line where it is one, for what is no text in UTF-8
 */
export function* linesOf(file: string): Generator<[number, string]> {
  const bytes = bytesOf(file);
  if (!isUtf8(bytes)) throw lineError(file, brokenLine(bytes), "expected UTF-8, got other bytes");
  // takes off a byte order mark
  const lines = new TextDecoder().decode(bytes).split(/\r?\n/);
  for (const [i, line] of lines.entries()) if (line.trim() !== "") yield [i + 1, line];
}

/** What is wrong with a line, by the name of the file that was given. */
export const lineError = (file: string, line: number, fault: string): Error => new Error(`${file}:${line} ${fault}`);

/** @throws Error for what the trainer would refuse later, by the name of a file that is made from this one */
export function checkNames(file: string, line: number, user: string, items: readonly string[]): void {
  const fault = valueFault(user) ?? items.map(idFault).find((one) => one !== undefined);
  if (fault !== undefined) throw lineError(file, line, fault);
}

/** Of a file, gzip or not. @throws Error that names it */
export function bytesOf(file: string): Uint8Array {
  const bytes = readFileSync(file);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new Error(`${file}: expected gzip, as its first bytes say, got ${(error as Error).message}`);
  }
}

function brokenLine(bytes: Uint8Array): number {
  let line = 1;
  for (let from = 0; ; line++) {
    const end = bytes.indexOf(10, from);
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) return line;
    from = end + 1;
  }
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
