import { readFileSync } from "node:fs";
import { transform } from "esbuild";
import { expect, it } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import * as pqCore from "../src/index.ts";
import * as write from "../src/write.ts";
import { normals, orthogonal, random } from "./support.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const example = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;

it("the README's example is build, write, read and search in at most 20 lines", () => {
  const lines = example.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("//"));
  expect(lines.length).toBeLessThanOrEqual(20);
});

it("the README's example runs as it stands, and finds the item that was asked for", async () => {
  const n = 500;
  const next = random(1);
  const vectors = normals(n * 64, next);
  // What the example takes as given.
  const given = {
    rotation: orthogonal(64, next),
    coarseCentroids: normals(64 * 64, next),
    centroids: normals(16 * 64, next),
    vectors,
    ids: Array.from({ length: n }, (_, i) => `item-${i}`),
    fields: Array.from({ length: n }, (_, i) => ({ title: `title ${i}` })),
    sets: Array.from({ length: n }, (_, i) => (i % 2 === 0 ? "emoji" : "icons")),
    query: vectors.slice(8 * 64, 9 * 64),
  };
  const modules = {
    "node:fs": { readFileSync },
    "@poeem/pq-core": pqCore,
    "@poeem/pq-core/write": write,
  };
  /** As Node resolves a sub-path of the package, by its `exports`. */
  const resolve = (specifier: string): string => {
    const path = (packageJson.exports as Record<string, string>)[specifier.replace("@poeem/pq-core", ".")];
    return new URL(`../${path}`, import.meta.url).href;
  };
  const { code } = await transform(example, {
    loader: "ts",
    format: "esm",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  // Imports are looked up in `modules`, because the text is run as the body of a function.
  const body = code
    .replace(/import (\{[^}]*\}) from "([^"]*)";/g, 'const $1 = modules["$2"];')
    .replace("import.meta.resolve", "resolve");
  const AsyncFunction = (async () => undefined).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<{ items: pqCore.Item[]; scores: Float32Array; index: pqCore.Index }>;
  const names = Object.keys(given);
  const run = new AsyncFunction("modules", "resolve", ...names, `${body}\nreturn { items, scores, index };`);
  const { items, scores, index } = await run(modules, resolve, ...Object.values(given));
  expect(index.kernel).toBe("relaxed-simd");
  expect(items.length).toBe(10);
  expect(scores.length).toBe(10);
  expect(items.every(({ id }) => Number(String(id).slice(5)) % 2 === 0)).toBe(true);
  expect(items.map(({ id, fields }) => [id, fields])).toContainEqual(["item-8", { title: "title 8" }]);
});
