/**
 * Part of `npm run lint`, for what Biome does not check: which package, and which room of the training package, may
 * import which, and how long a line may be.
 * Biome's `noImportCycles` finds the circles.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const SCOPE = "@poeem/";
const MAX_COLUMNS = 120;

/** What the sources of a package may import of ours, besides the package itself. Tests may import anything. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "packages/pq-core": [],
  "packages/towers": ["pq-core"],
  "packages/indexing-layer": ["pq-core"],
  "packages/offline": ["pq-core", "towers"],
  "packages/publish": ["pq-core", "towers", "offline"],
  "packages/training": ["pq-core", "towers", "offline", "indexing-layer"],
  "apps/edge": ["pq-core", "towers", "offline"],
  "apps/trainer": ["pq-core", "towers", "offline", "indexing-layer", "publish", "training", "edge"],
};

/** The rooms of packages/training/src, ground floor first: a room imports from lower floors only. */
const FLOORS: readonly (readonly string[])[] = [
  ["config", "state", "backend", "release-memory"],
  ["data"],
  ["model"],
  ["rank"],
  ["codes"],
  ["words"],
  ["train"],
  ["artifact"],
  ["evaluate", "encode"],
  ["report", "inspect"],
  ["vectors", "shards"],
  ["train-index", "evaluate-index"],
];
const ROOMS = "packages/training/src/";

/** The room of a file of the training package and its floor; floor -1 is missing from the table. */
function roomOf(path: string): { room: string; floor: number } {
  const room = path.slice(ROOMS.length).split("/")[0]!.replace(/\.ts$/, "");
  return { room, floor: FLOORS.findIndex((rooms) => rooms.includes(room)) };
}

function* problemsOf(path: string): Generator<string> {
  const text = readFileSync(join(ROOT, path), "utf8");
  for (const [i, line] of text.split("\n").entries())
    if (line.length > MAX_COLUMNS) yield `${path}:${i + 1} has ${line.length} columns; the limit is ${MAX_COLUMNS}`;
  const [, home = "", name = ""] = /^((?:apps|packages)\/([^/]+))\/src\//.exec(path) ?? [];
  if (home === "") return;
  const allowed = ALLOWED[home];
  if (allowed === undefined) yield `${home} is missing from the table in scripts/check-house.ts`;
  for (const [, specifier = ""] of text.matchAll(/^(?! *\*).*\b(?:from|import)\s*\(?\s*"([^"]+)"/gm)) {
    const imported = specifier.startsWith(SCOPE) ? specifier.slice(SCOPE.length).split("/")[0]! : undefined;
    if (imported !== undefined && imported !== name && allowed?.includes(imported) === false)
      yield `${path} imports ${specifier}; ${home} may import ${allowed.join(", ") || "no package of ours"}`;
    if (imported === name) yield `${path} imports ${specifier}, which is its own package: expected a relative path`;
    if (!specifier.startsWith(".")) continue;
    const target = join(path, "..", specifier);
    if (!target.startsWith(`${home}/`)) yield `${path} imports ${specifier}, which lies outside of ${home}`;
    else if (path.startsWith(ROOMS)) yield* wrongFloor(path, target);
  }
}

function* wrongFloor(path: string, target: string): Generator<string> {
  const [own, other] = [roomOf(path), roomOf(target)];
  for (const { room, floor } of [own, other])
    if (floor < 0) yield `${path}: ${room} is missing from the floors in scripts/check-house.ts`;
  if (own.room !== other.room && other.floor >= own.floor)
    yield `${path} imports ${target}; ${own.room} may import from lower floors only`;
}

const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"], { cwd: ROOT });
// What is deleted but not yet committed is still listed.
const files = listed
  .toString()
  .split("\n")
  .filter((path) => path !== "" && existsSync(join(ROOT, path)));
const problems = files.flatMap((path) => [...problemsOf(path)]);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stderr.write(`check-house: ${files.length} files, ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
