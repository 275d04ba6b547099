import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** SHA-256 over the names and the bytes of all files in a folder, but for what a killed task left half written. */
export async function digestOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".tmp"))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    const bytes = await readFile(file);
    hash.update(`${file.slice(folder.length)}\n${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}
