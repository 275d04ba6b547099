import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { ItemIds } from "../src/index.ts";
import { writeDelta } from "../src/write.ts";
import { GOLDEN, goldenWords, observe } from "./golden.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule } from "./support.ts";
import { toItemWords } from "./word-rows.ts";

// Refreshed by: UPDATE=1 npx vitest run --project pq-core golden
const ROOT = fileURLToPath(new URL("../fixtures", import.meta.url));
const isUpdate = process.env["UPDATE"] === "1";

/**
 * Golden bases: with all but words and queries, with terms, whose range the delta leaves, with words, with queries, and
 * with all on pages in tables.
 */
const CASES = GOLDEN.filter(({ name }) => /-n(100-extras|97|300-words|40-queries|120-extras-words-pages3)$/.test(name));
const besideOf = (folder: string): string => folder.replace("/", "-delta/");

describe.each(CASES.map((golden) => [besideOf(golden.folder), golden] as const))(
  "fixtures/%s",
  (beside, { folder: below, input, query }) => {
    const folder = join(ROOT, beside);
    const base = join(ROOT, below);
    const read = (directory: string, key: string): Uint8Array => new Uint8Array(readFileSync(join(directory, key)));
    // The base's chunks lie where the base lies, as in KV.
    const source = { get: async (key: string) => read(existsSync(join(folder, key)) ? folder : base, key) };

    /** Items 3 and 4 get codes that no item of the base has, and each an id: an old one and a new one. Item 5 goes. */
    const changed = async () => {
      const index = await openWhole(source, read(base, "manifest.json"));
      const M = input.codebook.numSubQuantizers;
      const own = [input.ids[3]!, typeof input.ids[3] === "string" ? "né-new" : 4_000_000_000];
      const ids = (typeof own[0] === "string" ? own : Uint32Array.from(own as number[])) as ItemIds;
      return writeDelta(index, {
        items: {
          assignments: Uint32Array.of(1, 1),
          codes: new Uint8Array(2 * M).fill(15, M),
          ids,
          ...(input.fields === undefined ? {} : { fields: [{ title: "changed" }, { title: "new" }] }),
          ...(input.facets === undefined ? {} : { facets: { parity: ["even", "none"], rare: [[], ["twenty"]] } }),
          ...(input.numbers === undefined ? {} : { numbers: { rank: [1000, Number.NaN] } }),
          ...(input.words === undefined ? {} : { words: toItemWords([goldenWords(8), goldenWords(301)]) }),
        },
        remove: [input.ids[5]!],
      });
    };

    it.runIf(isUpdate)("is written anew", async () => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      const { chunks, manifestBytes } = await changed();
      for (const { key, bytes } of chunks) writeFileSync(join(folder, key), bytes);
      writeFileSync(join(folder, "manifest.json"), manifestBytes);
      const index = await openWhole(source, manifestBytes);
      writeFileSync(join(folder, "expected.json"), `${JSON.stringify(await observe(index, query), null, 1)}\n`);
    });

    it("is what the writer writes today, byte by byte", async () => {
      const { chunks, manifestBytes } = await changed();
      const files = readdirSync(folder).filter((file) => file.endsWith(".bin"));
      expect(files.sort()).toEqual(chunks.map(({ key }) => key).sort());
      for (const { key, bytes } of chunks) expect(read(folder, key)).toEqual(bytes);
      expect(read(folder, "manifest.json")).toEqual(manifestBytes);
    });

    it.each([undefined, "kernel.wasm", "kernel-relaxed.wasm"] as const)(
      "is read as expected, kernel %s",
      async (file) => {
        const index = await openWhole(source, read(folder, "manifest.json"), {
          kernelModule: file === undefined ? undefined : kernelModule(file),
        });
        const expected: unknown = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
        expect(JSON.parse(JSON.stringify(await observe(index, query)))).toEqual(expected);
      },
    );
  },
);
