/** `poeem search` of an index that has words: modes, what a text may say, and what is printed of it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import {
  DEFAULT_TOKENIZER,
  type HistoryWeights,
  type QueryTowerWeights,
  quantizeTable,
  TERM_RULES,
  type TextWeights,
  textFeatures,
  writeQueryTower,
} from "@poeem/towers";
import type { ItemTable } from "@poeem/training/data/types";
import { wordsOfCatalogue } from "@poeem/training/words/item-words";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { main, program } from "../src/cli.ts";

const dim = 4;
const random = new Random(5);
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());
const TITLES = ["red jacket", "blue jacket", "red lamp", "desk lamp AB-1234-X", "green chair", "red chair", "sofa"];
const ids = TITLES.map((_, i) => `item-${i}`);
/** Words that the tower knows; no other has a vector. */
const known = Uint32Array.from(new Set([...textFeatures("red jacket lamp")])).sort();
const text: TextWeights = {
  kind: "text",
  tokenizer: DEFAULT_TOKENIZER,
  table: quantizeTable(numbers(known.length * dim), known, dim),
};
const mean: HistoryWeights = { kind: "history", form: "mean", length: 5, scale: 1 };
const tower: QueryTowerWeights = { width: dim, inputs: [text, mean], layers: [], skip: false };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-search-words-"));
  const shape = { dim, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false } as const;
  const codebook = createCodebook({ ...shape, centroids: numbers(16 * dim) });
  const items: ItemTable = {
    count: ids.length,
    texts: new Map([["title", TITLES]]),
    numbers: new Map(),
    vectors: new Map(),
    fields: new Map([["title", { column: "title", kind: "text" }]]),
  };
  const artifact = {
    codebook,
    ...encode(codebook, numbers(ids.length * dim)),
    ids,
    fields: TITLES.map((title) => ({ title })),
    queryTower: writeQueryTower(tower),
  };
  const { words } = wordsOfCatalogue({ ids, items }, ["title"]);
  const wordFacts = { rules: TERM_RULES, dense: 1, words: 2, near: [0, 5] } as const;
  await writeIndexDirectory(join(folder, "index"), await writeArtifact({ ...artifact, words, wordFacts }));
  await writeIndexDirectory(join(folder, "codes"), await writeArtifact(artifact));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function printed(args: readonly string[], index = "index"): Promise<{ stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  const keep = (stream: "stdout" | "stderr") =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      said[stream] += text;
      return true;
    });
  const spies = [keep("stdout"), keep("stderr")];
  try {
    await program().parseAsync(["node", "poeem", "search", "--index", join(folder, index), ...args]);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return said;
}

interface Answer {
  readonly mode: string;
  readonly results: readonly {
    readonly id: string;
    readonly score: number;
    readonly confidence: number | null;
    readonly matched: readonly string[];
  }[];
}
const search = async (args: readonly string[], index?: string): Promise<Answer> =>
  JSON.parse((await printed([...args, "--k", "7", "--json"], index)).stdout);
const idsOf = ({ results }: Answer): string[] => results.map(({ id }) => id);

describe("poeem search of an index with words", () => {
  it("ranks a text by words and codes, by codes, or by words: both is the weighted sum of the others", async () => {
    const query = ["-q", "red lamp"];
    const usual = await search(query);
    const hybrid = await search([...query, "--mode", "hybrid"]);
    const dense = await search([...query, "--mode", "dense"]);
    const words = await search([...query, "--mode", "words"]);
    expect([usual, hybrid, dense, words].map(({ mode }) => mode)).toEqual(["hybrid", "hybrid", "dense", "words"]);
    expect(usual).toEqual(hybrid);
    // a title comes first, and by words no item comes without one of them
    expect(idsOf(usual)[0]).toBe("item-2");
    expect(idsOf(words)[0]).toBe("item-2");
    expect(idsOf(words).toSorted()).toEqual(["item-0", "item-2", "item-3", "item-5"]);
    expect(idsOf(usual)).toHaveLength(7);
    const scoreOf = ({ results }: Answer, id: string): number => results.find((one) => one.id === id)?.score ?? 0;
    for (const { id, score } of usual.results.slice(1))
      expect(score).toBeCloseTo(scoreOf(dense, id) + 2 * scoreOf(words, id), 4);
  });

  it("says which words a result was found by, and how sure it is", async () => {
    const { results } = await search(["-q", "red lamp", "--mode", "words"]);
    expect(results[0]).toMatchObject({ id: "item-2", matched: expect.arrayContaining(["red", "lamp"]), confidence: 1 });
    for (const { matched, confidence } of results) {
      expect(matched.length).toBeGreaterThan(0);
      expect(confidence).toBeGreaterThan(0);
    }
    const { stdout } = await printed(["-q", "red chair"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^ +\d+\.\d{4} +100 % {2}item-5 {2}red chair {2}\[(red, chair|chair, red)\]$/);
    expect(lines.find((line) => line.includes("item-6"))).toMatch(/^ +-?\d+\.\d{4} +\d+ % {2}item-6 {2}sofa$/);
  });

  it("finds an item by its code, in whatever spelling, and by words that the model does not know", async () => {
    for (const code of ["AB-1234-X", "ab1234x", "ab 1234 x"])
      expect(idsOf(await search(["-q", code]))[0], code).toBe("item-3");
    const { results } = await search(["-q", "sofa"]);
    expect(results[0]).toMatchObject({ id: "item-6", matched: ["sofa"] });
  });

  it("requires words in quotes and leaves out those with a minus", async () => {
    expect(idsOf(await search(["-q", '"lamp" red'])).toSorted()).toEqual(["item-2", "item-3"]);
    const without = idsOf(await search(["-q", "lamp -red", "--mode", "words"]));
    expect(without[0]).toBe("item-3");
    for (const id of ["item-0", "item-2", "item-5"]) expect(without).not.toContain(id);
    const none = await printed(["-q", '"sofa" "lamp" red']);
    expect(none).toEqual({ stdout: "", stderr: expect.stringMatching(/^no item found/) });
  });

  it("reads a history with a text where the model reads both, and leaves its items out", async () => {
    const both = await search(["-q", "red chair", "--history", "item-5"]);
    expect(both.mode).toBe("hybrid");
    expect(idsOf(both)).not.toContain("item-5");
    expect(idsOf(both)).toContain("item-4");
    const alone = await search(["--history", "item-5"]);
    expect(alone).toMatchObject({ mode: "dense", results: { length: 6 } });
    for (const { matched } of alone.results) expect(matched).toEqual([]);
  });

  it("says so when nothing is known of a text", async () => {
    await expect(printed(["-q", "zzzzqqqq"])).rejects.toThrow('no word of "zzzzqqqq" is known to this index');
  });

  it("refuses a text of nothing, with a history too", async () => {
    for (const given of [
      ["-q", ""],
      ["-q", " ", "--history", "item-5"],
    ])
      await expect(printed(given)).rejects.toMatchObject({ parameter: "text", detail: "expected some text, got none" });
  });

  it("answers as before where the index has no words", async () => {
    const { mode, results } = await search(["-q", "red lamp"], "codes");
    expect(mode).toBe("dense");
    expect(results).toHaveLength(7);
    for (const { matched, confidence } of results) expect([matched, confidence]).toEqual([[], null]);
    const { stdout } = await printed(["-q", "red lamp"], "codes");
    for (const line of stdout.trimEnd().split("\n")) expect(line).toMatch(/^ +-?\d+\.\d{4} {2}item-\d {2}\S.*[^\]]$/);
  });
});

describe("a mode that cannot be", () => {
  it.each<[string, readonly string[], string, string]>([
    ["is none of the three", ["-q", "red", "--mode", "fast"], "index", "hybrid, dense, words"],
    ["needs words that the index lacks", ["-q", "red", "--mode", "words"], "codes", "--mode"],
    ["needs a text", ["--history", "item-1", "--mode", "hybrid"], "index", "--mode"],
    ["would not read a history", ["-q", "red", "--history", "item-1", "--mode", "words"], "index", "read no history"],
  ])("%s: one line names it", async (_, args, index, part) => {
    let shown = "";
    const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      shown += text;
      return true;
    });
    await main(["node", "poeem", "search", "--index", join(folder, index), ...args]);
    spy.mockRestore();
    expect(process.exitCode).toBe(1);
    process.exitCode = undefined;
    expect(shown).toMatch(/^poeem: [^\n]*\n$/);
    expect(shown).toContain(part);
  });

  it("is one of words for a file of vectors", async () => {
    const file = join(folder, "queries.f32");
    await writeFile(file, numbers(dim));
    await expect(printed(["--vectors", file, "--mode", "words"])).rejects.toThrow(UserError);
    expect((await printed(["--vectors", file, "--mode", "dense", "--k", "2"])).stdout).toMatch(/^item-\d,item-\d\n$/);
  });
});
