/** Builds the pages into `dist/page`: a script each, one style sheet, and the files that go as they are. Wrangler runs this before it starts. */
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const source = join(import.meta.dirname, "../src/page");
const target = join(import.meta.dirname, "../dist/page");

export async function buildPage(): Promise<void> {
  mkdirSync(target, { recursive: true });
  await build({
    entryPoints: { page: join(source, "main.ts"), reference: join(source, "reference.ts") },
    outdir: target,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    logLevel: "warning",
  });
  for (const file of ["index.html", "reference.html", "page.css", "favicon.svg", "_headers"])
    cpSync(join(source, file), join(target, file));
}

await buildPage();
