/**
 * The packages as a stranger has them: packed, installed into a folder of their own, used there. One installation
 * serves all tests, and they run in order.
 */
import { existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Consumer } from "./packages/consumer.ts";
import { ROOT } from "./run.ts";

const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
/** A folder that `poeem init` makes. */
const SEARCH = "my-search";

let installed: Consumer | string;
let consumer: Consumer;

beforeAll(async () => {
  installed = await Consumer.install();
  if (typeof installed !== "string") consumer = installed;
});
beforeEach(({ skip }) => {
  if (typeof installed === "string") skip(installed);
});
afterAll(() => consumer?.remove());

function readInstalled(): { name: string; folder: string; files: string[] }[] {
  const scope = join(consumer.folder, "node_modules/@poeem");
  return readdirSync(scope).map((name) => {
    const folder = join(scope, name);
    return { name, folder, files: readdirSync(folder, { recursive: true, encoding: "utf8" }) };
  });
}

it("has kernels, licence and README in the tarballs, and no tests", () => {
  const packages = readInstalled();
  const folders = ["packages", "apps"].flatMap((group) => readdirSync(join(ROOT, group)));
  expect(packages.map(({ name }) => name)).toEqual(folders.sort());
  for (const { name, folder, files } of packages) {
    expect(files, name).toEqual(expect.arrayContaining(["LICENSE", "README.md", "CHANGELOG.md", "package.json"]));
    const unwanted = files.filter((file) =>
      /\.test\.|(^|\/)(test|test-\w+|bench|fixtures|tsconfig.*)(\/|$)/.test(file),
    );
    expect(unwanted.filter((file) => !file.startsWith("templates/"))).toEqual([]);
    const { version, dependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    for (const [own, range] of Object.entries(dependencies)) if (own.startsWith("@poeem/")) expect(range).toBe(version);
  }
  for (const [name, count] of Object.entries({ "pq-core": 3, "indexing-layer": 4 })) {
    const kernels = readdirSync(join(ROOT, "packages", name, "wasm"));
    expect(kernels).toHaveLength(count);
    for (const file of kernels) {
      const copy = readFileSync(join(consumer.folder, "node_modules/@poeem", name, "wasm", file));
      expect(copy.equals(readFileSync(join(ROOT, "packages", name, "wasm", file))), file).toBe(true);
    }
  }
});

it("has maps that lead to sources which are there", () => {
  for (const { folder, files } of readInstalled()) {
    const maps = files.filter((file) => file.endsWith(".map"));
    expect(maps.length).toBeGreaterThan(0);
    for (const file of maps) {
      const { sources } = JSON.parse(readFileSync(join(folder, file), "utf8")) as { sources: string[] };
      for (const source of sources) expect(existsSync(resolve(folder, dirname(file), source)), file).toBe(true);
    }
  }
});

it("can be imported in Node, every entry of it", async () => {
  expect(Number(await consumer.run(process.execPath, ["entries.mjs"]))).toBeGreaterThan(100);
});

it("can be imported in workerd, and searches there by the kernel", async () => {
  const { entries, found, healthz } = JSON.parse(await consumer.run(process.execPath, ["ask-worker.mjs"]));
  for (const [name, exported] of Object.entries(entries)) expect(exported, name).toBeGreaterThan(0);
  expect(found.map(({ kernel }: { kernel: string }) => kernel)).toEqual(["relaxed-simd", "scalar"]);
  expect(found[0].ids).toEqual(found[1].ids);
  expect(found[0].ids).toHaveLength(3);
  expect(healthz).toBe(200);
});

it("has declarations that check a consumer's code", async () => {
  const types = ["--typeRoots", join(ROOT, "node_modules/@types")];
  await consumer.run(process.execPath, [tsc, "-p", "tsconfig.json", ...types]);
});

it("makes a folder of one's own whose packages npm finds", async () => {
  await consumer.run("npx", ["poeem", "init", SEARCH]);
  await consumer.run("npm", ["install", "--package-lock-only", "--prefer-offline", "--no-audit", "--no-fund"], SEARCH);
  await expect(consumer.run("npx", ["poeem", "init", SEARCH])).rejects.toThrow(/is not empty.*nothing was written/);
});

it("trains and serves there", async () => {
  await consumer.run("npx", ["poeem", "train", "--config", "poeem.config.ts"], SEARCH);
  const serve = ["poeem", "serve", "--index", "dist/index", "--page", "page.json", "--port", "0"];
  const { address, stop } = await consumer.serve(serve, SEARCH);
  try {
    const products = readFileSync(join(consumer.folder, SEARCH, "data/products.csv"), "utf8");
    // of the first row, the second column, which is quoted if it has a comma
    const title = /\n[^,]*,("?)(.*?)\1,/.exec(products)![2]!;
    const answer = await fetch(`${address}/search?q=${encodeURIComponent(title)}&k=5`);
    expect(answer.status).toBe(200);
    const { results } = (await answer.json()) as { results: { title: string }[] };
    expect(results.map((result) => result.title)).toContain(title);
    const page = await fetch(`${address}/`);
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
  } finally {
    await stop();
  }
});

it("bundles the Worker there, and its files pass the compiler", async () => {
  await consumer.run("npx", ["poeem", "page", "--config", "page.json", "--out", "public"], SEARCH);
  const bundle = await consumer.run("npx", ["wrangler", "deploy", "--dry-run", "--outdir", "dist/worker"], SEARCH);
  expect(bundle).toMatch(/dry-run/);
  const built = readdirSync(join(consumer.folder, SEARCH, "dist/worker"));
  expect(built.some((file) => file.endsWith(".wasm"))).toBe(true);
  await consumer.run(process.execPath, [tsc, "--noEmit", "--typeRoots", join(ROOT, "node_modules")], SEARCH);
});

it("says in a line what is slower where a kernel is missing, and works all the same", async () => {
  const scope = join(consumer.folder, "node_modules/@poeem");
  const kernels = ["indexing-layer/wasm", "pq-core/wasm"].map((path) => join(scope, path));
  for (const path of kernels) renameSync(path, `${path}-away`);
  const train = "npx poeem train --config small.config.ts 2>&1";
  const said = await consumer.run("sh", ["-c", train]).finally(() => {
    for (const path of kernels) renameSync(`${path}-away`, path);
  });
  const lines = said.split("\n").filter((line) => line.includes("npm run kernels"));
  expect(lines).toEqual([
    expect.stringMatching(/a kernel of @poeem\/indexing-layer is missing, so training takes twice as long/),
    expect.stringMatching(/^@poeem\/pq-core\/encode\.wasm is missing, so encoding items takes/),
    expect.stringMatching(/^@poeem\/pq-core\/kernel-relaxed\.wasm is missing, so searches take/),
  ]);
});
