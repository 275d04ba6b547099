/** Builds the pages into `dist/page`: scripts, one style sheet and plain files. Wrangler runs this before it starts. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const source = join(import.meta.dirname, "../src/page");
const target = join(import.meta.dirname, "../dist/page");
const copied = ["index.html", "reference.html", "favicon.svg", "_headers"];

export async function buildPage(): Promise<void> {
  mkdirSync(target, { recursive: true });
  const { outputFiles } = await build({
    entryPoints: [
      { in: join(source, "main.ts"), out: "page" },
      { in: join(source, "style.css"), out: "page" },
      { in: join(source, "reference.ts"), out: "reference" },
    ],
    outdir: target,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    logLevel: "warning",
    write: false,
  });
  for (const { path, contents } of outputFiles) writeWhole(basename(path), contents);
  for (const file of copied) writeWhole(file, readFileSync(join(source, file)));
  // As they stand, these files are the page that finds out about its index by itself.
  writeWhole("page.json", Buffer.from("{}\n"));
}

/** Tests and servers build and read at the same time: a file appears whole, and is replaced only when it differs. */
function writeWhole(file: string, contents: Uint8Array): void {
  const path = join(target, file);
  if (existsSync(path) && readFileSync(path).equals(contents)) return;
  const temporary = join(target, `../.${file}.${process.pid}.tmp`);
  writeFileSync(temporary, contents);
  renameSync(temporary, path);
}

await buildPage();
