/**
 * Minified bytes of what an application bundles, without the kernel: npm run size -w @poeem/pq-core
 * With --files also what each source file takes.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** What is imported, and the bytes it may take: a little over what it takes today, so that growth is noticed. */
export const BUNDLES = [
  { name: "open and search", source: 'export * from "./src/index.ts"', limit: 87_000 },
  {
    name: "and writing",
    source: 'export * from "./src/index.ts"; export * from "./src/write.ts"',
    limit: 132_800,
  },
  {
    name: "and words",
    source: 'export * from "./src/index.ts"; export * from "./src/words/index.ts"',
    limit: 117_500,
  },
] as const;

export interface BundleSize {
  readonly name: string;
  readonly limit: number;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Source file → bytes of it in the bundle, largest first. */
  readonly files: readonly (readonly [string, number])[];
}

export function measureBundles(): Promise<BundleSize[]> {
  return Promise.all(
    BUNDLES.map(async ({ name, source, limit }) => {
      const { outputFiles, metafile } = await build({
        stdin: { contents: source, resolveDir: root },
        bundle: true,
        minify: true,
        format: "esm",
        write: false,
        metafile: true,
      });
      const { contents } = outputFiles[0]!;
      const files = Object.values(metafile.outputs).flatMap(({ inputs }) =>
        Object.entries(inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput] as const),
      );
      files.sort(([, a], [, b]) => b - a);
      return { name, limit, bytes: contents.length, gzipBytes: gzipSync(contents).length, files };
    }),
  );
}

if (import.meta.main) {
  for (const { name, limit, bytes, gzipBytes, files } of await measureBundles()) {
    console.log(`${name.padEnd(28)} ${bytes} bytes minified (limit ${limit}), ${gzipBytes} gzipped`);
    if (process.argv.includes("--files"))
      for (const [file, own] of files) console.log(`  ${String(own).padStart(6)} ${file}`);
  }
}
