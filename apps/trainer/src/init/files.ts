/** The files of a folder of one's own: those of `templates/search`, and a `package.json`. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { packageJsonFor } from "./package-json.ts";

/** As far from `src/init` as from `dist/init`. */
const TEMPLATE = fileURLToPath(new URL("../../templates/search/", import.meta.url));
/** The name that stands in the template's files. */
const TEMPLATE_NAME = "my-search";
/** Of the made-up shop. */
const SAMPLE = "data/";
/** Where tarballs go, so that a workflow and a Docker build find them too. */
const PACKAGES = "packages/";

export interface FolderOptions {
  readonly name: string;
  /** Whether the data of the made-up shop comes along. */
  readonly sample: boolean;
  /** Package → its tarball, to be copied; undefined: packages come from the registry. */
  readonly tarballs: ReadonlyMap<string, string> | undefined;
}

/** Path in the folder, with slashes → content, by path. */
export async function folderFiles({ name, sample, tarballs }: FolderOptions): Promise<Map<string, Uint8Array>> {
  const encoder = new TextEncoder();
  const files = new Map<string, Uint8Array>();
  for (const entry of await readdir(TEMPLATE, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    // `npm pack` leaves out a .gitignore: dots are written as underscores
    const path = relative(TEMPLATE, source).split(sep).join("/").replace(/^_/, ".");
    if (path.startsWith(SAMPLE)) {
      if (sample) files.set(path, await readFile(source));
    } else files.set(path, encoder.encode((await readFile(source, "utf8")).replaceAll(TEMPLATE_NAME, name)));
  }
  const copied = new Map<string, string>();
  for (const [own, file] of tarballs ?? []) {
    const path = PACKAGES + file.slice(file.lastIndexOf(sep) + 1);
    files.set(path, await readFile(file));
    copied.set(own, path);
  }
  files.set("package.json", encoder.encode(packageJsonFor(name, tarballs && copied)));
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}
