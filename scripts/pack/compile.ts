import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { run } from "./run.ts";
import type { Package } from "./stage.ts";

/**
 * Compiles a package's `src` to JavaScript, declarations and maps: with its tsconfig.json, and those of folders in
 * `src` that have one of their own because they run elsewhere. Folders that its `files` exclude are left out.
 * @param work a folder for what is written on the way
 * @returns the folder with the compiled files
 */
export async function compile({ folder, manifest }: Package, work: string, root: string): Promise<string> {
  const source = join(folder, "src");
  const own = readdirSync(source).filter((name) => existsSync(join(source, name, "tsconfig.json")));
  const excluded = (manifest.files ?? []).filter((path) => path.startsWith("!")).map((path) => path.slice(1));
  const compiled = join(work, "compiled");
  for (const name of own) {
    if (excluded.includes(`src/${name}`)) continue;
    await compileWith(join(source, name, "tsconfig.json"), join(source, name));
  }
  // last, because the others compile what they import of these as well, and their idea of a global is another
  await compileWith(join(folder, "tsconfig.json"), source);
  // A program has the sources of the packages below too, whose imports resolve to them: only its own are kept.
  const target = join(work, "dist");
  cpSync(join(compiled, relative(root, source)), target, { recursive: true });
  pointMapsToSources(target);
  return target;

  async function compileWith(tsconfig: string, sources: string): Promise<void> {
    const config = {
      extends: tsconfig,
      compilerOptions: {
        noEmit: false,
        noCheck: true, // `npm run typecheck` does it
        rewriteRelativeImportExtensions: true,
        declaration: true,
        declarationMap: true,
        sourceMap: true,
        rootDir: root,
        outDir: compiled,
      },
      include: [join(sources, "**/*.ts")],
    };
    mkdirSync(work, { recursive: true });
    const file = join(work, "tsconfig.json");
    writeFileSync(file, JSON.stringify(config));
    await run(join(root, "node_modules/.bin/tsc"), ["-p", file], root);
  }
}

/** Sources travel beside `dist`: src/a/b.ts for dist/a/b.js. */
function pointMapsToSources(dist: string): void {
  for (const path of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".map")) continue;
    const map = JSON.parse(readFileSync(join(dist, path), "utf8")) as { sources: string[] };
    const source = path.replace(/(\.d\.ts|\.js)\.map$/, ".ts");
    map.sources = [relative(dirname(join("dist", path)), join("src", source))];
    writeFileSync(join(dist, path), JSON.stringify(map));
  }
}
