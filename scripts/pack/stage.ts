import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A package.json, as far as it is read here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly files?: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
  readonly exports?: Exports;
  readonly imports?: Exports;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

type Exports = string | { readonly [key: string]: Exports };

export interface Package {
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Lays out a package as it is installed: `files` of its package.json, which has to list `dist` and `src`, with what
 * is compiled in `dist`, and README and LICENSE.
 * @returns `target`
 */
export function stage({ folder, manifest }: Package, compiled: string, target: string, root: string): string {
  const { files = [] } = manifest;
  if (!files.includes("dist") || !files.includes("src"))
    throw new Error(`${manifest.name} expected "dist" and "src" in the files of package.json, got ${files.join(", ")}`);
  mkdirSync(target, { recursive: true });
  cpSync(compiled, join(target, "dist"), { recursive: true });
  for (const path of files) {
    if (path === "dist" || path.startsWith("!")) continue;
    if (!existsSync(join(folder, path))) throw new Error(`${manifest.name} has no ${path}, which its files list`);
    // settings of our compiler are of no use there; those in templates are
    const filter = (file: string): boolean => path !== "src" || basename(file) !== "tsconfig.json";
    cpSync(join(folder, path), join(target, path), { recursive: true, filter });
  }
  for (const path of Object.values(manifest.bin ?? {})) useCompiled(join(target, path));
  writeFileSync(join(target, "README.md"), withoutOutsideLinks(readFileSync(join(folder, "README.md"), "utf8")));
  for (const file of ["LICENSE", "CHANGELOG.md"]) cpSync(join(root, file), join(target, file));
  writeFileSync(join(target, "package.json"), `${JSON.stringify(packed(manifest, target), null, 2)}\n`);
  return target;
}

/** The package.json of the tarball: entries lead to `dist`, packages of ours are wanted in exactly this version. */
function packed(manifest: Manifest, target: string): object {
  const { scripts: _scripts, devDependencies: _dev, exports, imports, dependencies, files = [], ...kept } = manifest;
  const exact = Object.entries(dependencies ?? {}).map(([name, range]) => [
    name,
    name.startsWith("@poeem/") ? manifest.version : range,
  ]);
  return {
    ...kept,
    files: [...files.filter((path) => !path.startsWith("dist/")), "CHANGELOG.md"],
    ...(imports !== undefined && { imports: toCompiled(imports, target) }),
    exports: { ...(toCompiled(exports ?? {}, target) as object), "./package.json": "./package.json" },
    ...(dependencies !== undefined && { dependencies: Object.fromEntries(exact) }),
  };
}

/** "./src/a.ts" → its declarations and its JavaScript; a kernel gets the declaration of what importing it gives. */
function toCompiled(entry: Exports, target: string): Exports {
  if (typeof entry !== "string")
    return Object.fromEntries(Object.entries(entry).map(([key, value]) => [key, toCompiled(value, target)]));
  const [, path] = /^\.\/src\/(.*)\.ts$/.exec(entry) ?? [];
  if (path !== undefined) return { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` };
  if (!entry.endsWith(".wasm")) return entry;
  mkdirSync(dirname(join(target, entry)), { recursive: true });
  writeFileSync(join(target, `${entry}.d.ts`), WASM_TYPES);
  return { types: `${entry}.d.ts`, default: entry };
}

const WASM_TYPES = `declare const module: WebAssembly.Module;\nexport default module;\n`;

/** A command starts the compiled entry. */
function useCompiled(file: string): void {
  const text = readFileSync(file, "utf8");
  const compiled = text.replace(/"\.\.\/src\/([^"]*)\.ts"/g, '"../dist/$1.js"');
  if (compiled === text) throw new Error(`${file} expected an import of "../src/….ts", got none`);
  writeFileSync(file, compiled);
}

/** Links to other folders of the repository lead nowhere from a package: their text stays. */
function withoutOutsideLinks(readme: string): string {
  return readme.replace(/\[([^\]]*)\]\(\.\.\/[^)]*\)/g, "$1");
}
