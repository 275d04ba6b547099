import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compactArtifact, writeArtifact, writeDelta } from "../src/write.ts";
import { GOLDEN, observe } from "./golden.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource } from "./support.ts";

// Refreshed by: UPDATE=1 npx vitest run --project pq-core golden
const ROOT = fileURLToPath(new URL("../fixtures", import.meta.url));
const isUpdate = process.env["UPDATE"] === "1";

describe.each(GOLDEN.map((golden) => [golden.folder, golden] as const))("fixtures/%s", (below, { input, query }) => {
  const folder = join(ROOT, below);
  const source = { get: async (key: string) => new Uint8Array(readFileSync(join(folder, key))) };

  it.runIf(isUpdate)("is written anew", async () => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const artifact = await writeArtifact(input);
    for (const { key, bytes } of artifact.chunks) writeFileSync(join(folder, key), bytes);
    writeFileSync(join(folder, "manifest.json"), artifact.manifestBytes);
    const index = await openWhole(source, artifact.manifestBytes);
    writeFileSync(join(folder, "expected.json"), `${JSON.stringify(await observe(index, query), null, 1)}\n`);
  });

  it("is what the writer writes today, byte by byte", async () => {
    const artifact = await writeArtifact(input);
    const files = readdirSync(folder).filter((file) => file.endsWith(".bin"));
    expect(files.sort()).toEqual(artifact.chunks.map(({ key }) => key).sort());
    for (const { key, bytes } of artifact.chunks)
      expect(new Uint8Array(readFileSync(join(folder, key)))).toEqual(bytes);
    expect(readFileSync(join(folder, "manifest.json"), "utf8")).toBe(new TextDecoder().decode(artifact.manifestBytes));
  });

  it.each([undefined, "kernel.wasm", "kernel-relaxed.wasm"] as const)(
    "is read as expected, kernel %s",
    async (file) => {
      const manifest = new Uint8Array(readFileSync(join(folder, "manifest.json")));
      const index = await openWhole(source, manifest, {
        kernelModule: file === undefined ? undefined : kernelModule(file),
      });
      const expected: unknown = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
      expect(JSON.parse(JSON.stringify(await observe(index, query)))).toEqual(expected);
    },
  );
});

/** Written when there was a kind `refine`: int8 codes of the original vectors, which nobody reads any more. */
const REFINE = new URL("../fixtures/v1-refine/", import.meta.url);

it.each(readdirSync(REFINE))(
  "fixtures/v1-refine/%s, which lists refine codes, is read as if it had none",
  async (name) => {
    const { query } = GOLDEN.find((golden) => golden.name === name)!;
    const read = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(`${name}/${file}`, REFINE)));
    const index = await openWhole({ get: async (key) => read(key) }, read("manifest.json"));
    expect(index.manifest.chunks.some(({ kind }) => kind === "refine")).toBe(true);
    const expected: unknown = JSON.parse(new TextDecoder().decode(read("expected.json")));
    expect(JSON.parse(JSON.stringify(await observe(index, query)))).toEqual(expected);
    const [id] = (await index.items([0])).map((item) => item.id);
    const delta = await writeDelta(index, { remove: [id!] });
    const ownChunks = new Map(delta.chunks.map(({ key, bytes }) => [key, bytes]));
    const changed = await openWhole({ get: async (key) => ownChunks.get(key) ?? read(key) }, delta.manifestBytes);
    const { manifest } = await compactArtifact(changed);
    expect(manifest.numItems).toBe(index.manifest.numItems - 1);
    expect(manifest.chunks.some(({ kind }) => kind === "refine")).toBe(false);
  },
);

it("cells are visited in another order where their spread counts", async () => {
  const { input, query } = GOLDEN.find(({ name }) => name.endsWith("-spread"))!;
  const observed = async ({ codebook, ...rows }: typeof input) => {
    const { chunks, manifestBytes } = await writeArtifact({ codebook, ...rows });
    return observe(await openWhole(memorySource(chunks), manifestBytes), query);
  };
  const { cellSpread, ...plain } = input.codebook;
  expect(cellSpread).toBeDefined();
  const [with_, without] = [await observed(input), await observed({ ...input, codebook: plain })];
  expect(with_).not.toMatchObject({ ids: (without as { ids: string[] }).ids });
});

it("no golden folder is left without a test", () => {
  expect(
    ["v1", "v2"]
      .flatMap((version) => readdirSync(join(ROOT, version)).map((file) => `${version}/${file}`))
      .filter((file) => !file.endsWith(".md"))
      .sort(),
  ).toEqual(GOLDEN.map(({ folder }) => folder).sort());
});
