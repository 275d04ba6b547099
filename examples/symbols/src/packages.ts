import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);

/**
 * Folder of an installed package. Not `require.resolve`: several icon packages do not export their package.json.
 * @throws Error when the package is not installed.
 */
export function packageDir(name: string): string {
  const dir = (require.resolve.paths(name) ?? [])
    .map((root) => join(root, name))
    .find((path) => existsSync(join(path, "package.json")));
  if (dir === undefined) throw new Error(`[symbols] package "${name}" is not installed: run npm ci`);
  return dir;
}

/** A JSON file of a package; the caller states the shape, the test over the built data checks it. */
export function readPackageJson<T>(name: string, path: string): T {
  return JSON.parse(readPackageText(name, path)) as T;
}

export function readPackageText(name: string, path: string): string {
  const file = join(packageDir(name), path);
  if (!existsSync(file))
    throw new Error(
      `[symbols] package "${name}" has no file ${path}: another version is installed than this example was written for`,
    );
  return readFileSync(file, "utf8");
}
