/**
 * `npm run pack`: a tarball of each package in `dist-packages`, compiled to JavaScript, to be installed together in
 * any folder: `npm install …/dist-packages/*.tgz`. `-- --out DIR` writes elsewhere; `-- --check` also holds them to
 * `publint` and "are the types wrong".
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { checkTarballs } from "./pack/check.ts";
import { compile } from "./pack/compile.ts";
import { run } from "./pack/run.ts";
import { type Manifest, type Package, stage } from "./pack/stage.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** The workspaces that are not private, with the version that all of them share. */
function readPackages(): Package[] {
  const folders = ["packages", "apps"].flatMap((group) =>
    readdirSync(join(ROOT, group)).map((name) => join(ROOT, group, name)),
  );
  const packages = folders
    .filter((folder) => existsSync(join(folder, "package.json")))
    .map((folder) => ({
      folder,
      manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest,
    }));
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
  for (const { manifest } of packages)
    if (manifest.version !== version)
      throw new Error(`${manifest.name} expected the version of all packages, ${version}, got ${manifest.version}`);
  return packages.filter(({ manifest }) => manifest.private !== true);
}

async function pack(out: string, check: boolean): Promise<void> {
  const packages = readPackages();
  rmSync(out, { recursive: true, force: true });
  const staged = await Promise.all(
    packages.map(async (one) => {
      if (one.manifest.scripts?.["build:page"] !== undefined) await run("npm", ["run", "build:page"], one.folder);
      const compiled = await compile(one, join(out, ".build", one.manifest.name), ROOT);
      return stage(one, compiled, join(out, ".stage", one.manifest.name), ROOT);
    }),
  );
  const listed = await run("npm", ["pack", ...staged, "--json", "--ignore-scripts", "--pack-destination", out], ROOT);
  rmSync(join(out, ".build"), { recursive: true });
  rmSync(join(out, ".stage"), { recursive: true });
  const tarballs = readTarballs(listed);
  if (check) await checkTarballs(tarballs.map(({ filename }) => join(out, filename)));
  for (const { filename, size, entryCount } of tarballs)
    console.log(`${filename}: ${Math.ceil(size / 1024)} kB, ${entryCount} files`);
}

interface Tarball {
  readonly filename: string;
  /** Bytes. */
  readonly size: number;
  readonly entryCount: number;
}

/** What `npm pack --json` prints: a list, or since npm 12 an object by name. */
function readTarballs(listed: string): Tarball[] {
  const parsed = JSON.parse(listed) as Tarball[] | Record<string, Tarball>;
  return Object.values(parsed);
}

const { values } = parseArgs({ options: { out: { type: "string" }, check: { type: "boolean", default: false } } });
await pack(resolve(values.out ?? join(ROOT, "dist-packages")), values.check);
