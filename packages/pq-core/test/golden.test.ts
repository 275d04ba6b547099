import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { writeArtifact } from "../src/write.ts";
import { GOLDEN, observe } from "./golden.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule } from "./support.ts";

// Refreshed by: UPDATE=1 npx vitest run --project pq-core golden
const ROOT = fileURLToPath(new URL("../fixtures/v1", import.meta.url));
const isUpdate = process.env["UPDATE"] === "1";

describe.each(GOLDEN.map((golden) => [golden.name, golden] as const))("fixtures/v1/%s", (name, { input, query }) => {
  const folder = join(ROOT, name);
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

it("no golden folder is left without a test", () => {
  expect(
    readdirSync(ROOT)
      .filter((file) => !file.endsWith(".md"))
      .sort(),
  ).toEqual(GOLDEN.map(({ name }) => name).sort());
});
