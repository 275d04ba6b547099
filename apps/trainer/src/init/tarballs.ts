/** Our packages as tarballs, for as long as a registry does not have them. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { OWN_PACKAGES, VERSION } from "./package-json.ts";

/** "@poeem/edge" → "poeem-edge-0.1.0.tgz": what `npm pack` calls it. */
const tarballOf = (name: string): string => `${name.slice(1).replace("/", "-")}-${VERSION}.tgz`;

/**
 * Package → file in a folder that `npm run pack` wrote, of every one of ours that is in it.
 * @throws UserError when one that is needed is missing
 */
export async function findTarballs(directory: string): Promise<Map<string, string>> {
  const files = await readdir(directory).catch((error: unknown) => {
    throw new UserError(`--packages ${directory} cannot be read: ${messageOf(error)}`);
  });
  const found = new Map<string, string>();
  for (const name of OWN_PACKAGES) {
    const file = tarballOf(name);
    if (!files.includes(file))
      throw new UserError(
        `--packages ${directory}: expected ${file}, which \`npm run pack\` makes in a clone of Poeem Edge, ` +
          `got ${files.filter((other) => other.endsWith(".tgz")).join(", ") || "no .tgz at all"}`,
      );
    found.set(name, join(directory, file));
  }
  return found;
}

/** Where this very command comes from: a registry (or nobody knows), its repository, or tarballs in a folder. */
export async function originOf(directory: string): Promise<"registry" | "repository" | { readonly tarballs: string }> {
  const at = directory.lastIndexOf(`${sep}node_modules${sep}`);
  if (at < 0) return "repository";
  const root = directory.slice(0, at);
  // npm keeps there what it has installed and from where; other package managers keep nothing of the kind
  const lockFile = join(root, "node_modules/.package-lock.json");
  if (!existsSync(lockFile)) return "registry";
  const { packages = {} } = JSON.parse(await readFile(lockFile, "utf8")) as {
    packages?: Record<string, { resolved?: string }>;
  };
  const resolved = packages["node_modules/@poeem/trainer"]?.resolved ?? "";
  if (!resolved.startsWith("file:")) return "registry";
  return { tarballs: dirname(join(root, resolved.slice("file:".length))) };
}
