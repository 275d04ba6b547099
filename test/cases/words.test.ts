import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import type { Index } from "@poeem/pq-core";
import { openWords } from "@poeem/pq-core/words";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { answerQuestion, openQueryTower, type Searched } from "@poeem/towers";
import { summarizeWords } from "@poeem/training/artifact/word-summary";
import { readChangedItems } from "@poeem/training/encode/changed-items";
import { fileFacts } from "@poeem/training/inspect/file-facts";
import { wordsByStatistics } from "@poeem/training/words/item-words";
import { nonsenseWords } from "@poeem/training/words/nonsense";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { main } from "../../apps/trainer/src/cli.ts";
import { type Case, caseConfig, jsonl, PRODUCTS, queriesOf, writeCase } from "./case.ts";

/** Products with a code in their titles that no event has; the last thirty have no event at all. */
const ITEMS = PRODUCTS.map(({ n, title }) => ({ id: `A-${n}x`, title: `${title} KX-${7000 + 13 * n}-B` }));
/** A word of its own in each of the six queries of a product. */
const marksOf = (n: number): string[] => Array.from({ length: 6 }, (_, i) => `mark${"abcdef"[i]}${n}`);
const EVENTS = PRODUCTS.slice(0, 90).flatMap((product) =>
  queriesOf(product).map((query, i) => ({ query: `${query} ${marksOf(product.n)[i]}`, item: `A-${product.n}x` })),
);
const data = { items: "SELECT * FROM 'items.jsonl'", events: "SELECT * FROM 'events.jsonl'" };
const files = { "items.jsonl": jsonl(ITEMS), "events.jsonl": jsonl(EVENTS) };

async function openSearched(folder: string, delta?: string): Promise<Searched> {
  const index = await openIndexDirectory(folder, delta);
  return { index, tower: openQueryTower((await index.queryTower())!), words: await openWords(index) };
}

async function first(searched: Searched, text: string): Promise<string | undefined> {
  const found = await answerQuestion(searched, { text }, { k: 1 });
  return found && String((await searched.index.items(found.ordinals))[0]?.id);
}

/** Impacts of an item by term, of the terms asked for. */
async function impactsOf({ index, words }: Searched, id: string, terms: string[]): Promise<Record<string, number>> {
  const [ordinal] = await index.ordinals([id]);
  const lists = await words!.postings(terms);
  return Object.fromEntries(terms.map((term, i) => [term, lists[i]?.at(Uint32Array.of(ordinal!))[0] ?? 0]));
}

const run = async (...args: string[]): Promise<void> => main(["node", "poeem", ...args]);

describe("an index with words", () => {
  let made: Case;
  let searched: Searched;
  beforeAll(async () => {
    made = await writeCase(files, caseConfig(data, { split: { testModulus: 6, validation: 20 } }));
    await made.train();
    searched = await openSearched(made.index);
  });

  it("finds a code, a title and an id first, whether or not an event has it", async () => {
    for (const { id, title } of [ITEMS[3]!, ITEMS[95]!, ITEMS[119]!]) {
      const code = title.split(" ").at(-1)!;
      for (const text of [title, title.toUpperCase(), code, code.replaceAll("-", " "), code.replaceAll("-", ""), id])
        expect([text, await first(searched, text)]).toEqual([text, id]);
    }
  });

  it("says what was chosen, and from what", async () => {
    const { words, training } = searched.index.manifest;
    // fewer than four events for each item
    expect(words).toMatchObject({ rules: 1, dense: 0.25, words: 1 });
    const weight = "weight of codes beside words 0.25: fewer than 100 validation queries";
    expect(made.said.filter((line) => line.startsWith(weight))).toHaveLength(1);
    const isNearSaid = made.said.some((line) => line.startsWith("the confidence of results counts words alone: "));
    expect(isNearSaid).toBe(words!.near === undefined);
    expect((training as { words: object }).words).toMatchObject({
      columns: [{ column: "title", weight: 1 }],
      queries: { weight: 1 },
    });
    const report = await readFile(join(made.index, "report.html"), "utf8");
    expect(report).toContain("What words add");
    expect(report).toContain("bytes of postings per item");
  });

  it("has no word of a query that is held out", async () => {
    const marks = PRODUCTS.slice(0, 90).flatMap(({ n }) => marksOf(n));
    const unknown = marks.filter((mark) => searched.words!.count(mark) === 0);
    const facts = JSON.parse(await readFile(join(made.index, "model/data-facts.json"), "utf8"));
    expect(facts.testQueries).toBeGreaterThan(50);
    expect(unknown).toHaveLength(facts.testQueries + facts.validationQueries);
  });

  it("can be asked for nonsense, in which no word is known or like a known one", async () => {
    const { index, words } = searched;
    const terms = [...words!.completions("", words!.numTerms)];
    const made = nonsenseWords(words!, terms, 200, new Random(5));
    expect(made).toHaveLength(200);
    expect(made).toEqual(nonsenseWords(words!, terms, 200, new Random(5)));
    for (const text of made)
      expect(await answerQuestion({ index, words, tower: undefined }, { text }, { mode: "words" })).toBeUndefined();
  });

  it("is inspected without sorting its terms", async () => {
    const completions = vi.spyOn(Object.getPrototypeOf(searched.words), "completions");
    expect(await summarizeWords(searched.index)).toMatchObject({ postings: searched.words!.numPostings });
    expect(completions).not.toHaveBeenCalled();
    completions.mockRestore();
  });

  it("is inspected as a whole and by its chunks", async () => {
    const { chunks } = searched.index.manifest;
    const directory = chunks.find(({ kind }) => kind === "words")!;
    const facts = await fileFacts(join(made.index, directory.key));
    const words = facts["words"] as Record<string, number>;
    expect(words["terms"]).toBe(searched.words!.numTerms);
    expect(words["postings"]).toBeGreaterThan(120 * 4);
    const lists = chunks.filter(({ kind }) => kind === "postings");
    const bytes = lists.reduce((sum, { size }) => sum + size, 0);
    expect(words["postingBytesPerItem"]).toBe(bytes / ITEMS.length);
    expect((await fileFacts(join(made.index, lists[0]!.key)))["count"]).toBeGreaterThan(0);
  });

  it("gives new and changed items words by the statistics of the training", async () => {
    const [kept, changed] = [ITEMS[7]!, ITEMS[8]!];
    const items = join(made.folder, "new.jsonl");
    const title = "velvet sofa ZZ-5517";
    await writeFile(items, jsonl([kept, { ...changed, title }, { id: "new", title: changed.title }]));
    const out = join(made.folder, "changes");
    await run("encode", "--index", made.index, "--items", items, "--out", out);
    const after = await openSearched(made.index, out);
    const terms = [...kept.title.toLowerCase().split(/[ -]/), "buy", "online", ...marksOf(7)];
    expect(await impactsOf(after, kept.id, terms)).toEqual(await impactsOf(searched, kept.id, terms));
    const own = await impactsOf(after, changed.id, ["velvet", "zz5517", "kx"]);
    expect(own).toEqual({ velvet: expect.toSatisfy((impact) => impact > 0), zz5517: own["velvet"], kx: 0 });
    // the queries of its events still lead to it
    const asked = await impactsOf(after, changed.id, marksOf(8));
    expect(asked).toEqual(await impactsOf(searched, changed.id, marksOf(8)));
    expect(Object.values(asked).filter((impact) => impact > 0).length).toBeGreaterThan(1);
    expect(await first(after, title)).toBe(changed.id);
    expect(await first(after, "zz5517")).toBe(changed.id);
    expect(await first(after, "new")).toBe("new");
    expect(await first(after, changed.title)).toBe("new");
    const compacted = join(made.folder, "compacted");
    await run("compact", "--index", made.index, "--delta", out, "--out", compacted);
    const whole = await openSearched(compacted);
    expect(await impactsOf(whole, changed.id, ["velvet", "zz5517", "kx"])).toEqual(own);
    expect(await first(whole, "zz5517")).toBe(changed.id);
  });

  it("says when a changed item loses the queries that led to it", async () => {
    const bare = join(made.folder, "bare");
    await cp(made.index, bare, { recursive: true });
    await rm(join(bare, "model/item-tower.bin"));
    const vectors = join(made.folder, "two.f32");
    await writeFile(vectors, new Float32Array(2 * 16).fill(0.25));
    const items = join(made.folder, "two.jsonl");
    const lines = async (index: string, ids: string[]) => {
      await writeFile(items, jsonl(ids.map((id) => ({ id, title: "velvet sofa" }))));
      const said: string[] = [];
      await readChangedItems(await openIndexDirectory(index), { index, items, vectors }, (line) => said.push(line));
      return said;
    };
    const [changed, other] = [ITEMS[8]!.id, ITEMS[9]!.id];
    expect(await lines(made.index, [changed, other])).toEqual([]);
    expect(await lines(bare, ["new", "newer"])).toEqual([]);
    expect(await lines(bare, ["new", changed])).toEqual([
      "without model/item-tower.bin, 1 changed item loses the words of its training queries",
    ]);
    expect(await lines(bare, [other, changed])).toEqual([
      "without model/item-tower.bin, 2 changed items lose the words of their training queries",
    ]);
  });
});

it("weighs codes beside words by validation queries that nobody asked in training", async () => {
  const events = EVENTS.filter((_, i) => i % 6 < 4);
  const validation = PRODUCTS.map(({ n, title }) => ({ query: `${title} wanted`, item: `A-${n}x` }));
  const made = await writeCase(
    {
      ...files,
      "events.jsonl": jsonl(events),
      // the first ten are trained on, in another spelling
      "validation.jsonl": jsonl([...events.slice(0, 10).map((e) => ({ ...e, query: `${e.query}!` })), ...validation]),
      "test.jsonl": jsonl(EVENTS.slice(4, 5)),
    },
    caseConfig(
      { ...data, validation: "SELECT * FROM 'validation.jsonl'", test: "SELECT * FROM 'test.jsonl'" },
      { model: { maxGram: 0 } },
    ),
  );
  await made.train();
  const { words: facts } = (await openIndexDirectory(made.index)).manifest;
  const { words } = JSON.parse(await readFile(join(made.index, "model/training-log.json"), "utf8"));
  expect(words).toMatchObject({ queries: 120, dense: facts!.dense, words: facts!.words });
  expect(words.tried).toHaveLength(8);
  const quality = words.tried.map((one: Record<string, number>) => one["recallAt10"]! + one["ndcgAt10"]!);
  const own = words.tried.findIndex((one: object) => "dense" in one && one.dense === facts!.dense);
  expect(quality[own]).toBe(Math.max(...quality));
  expect(made.said.filter((line) => line.includes("chosen from 120 validation queries"))).toHaveLength(1);
  // without 3-grams the tower has nothing to say of nonsense
  expect(facts!.near).toEqual([0, expect.toSatisfy((usual) => usual > 0 && usual <= 1.001)]);
  expect(await readFile(join(made.index, "report.html"), "utf8")).toContain("Codes beside words");
});

const trained = async (changed: Parameters<typeof caseConfig>[1], own: typeof files = files) => {
  const made = await writeCase(own, caseConfig(data, { split: { testModulus: 0, validation: 0 }, ...changed }));
  await made.train();
  return { said: made.said, index: await openIndexDirectory(made.index) };
};
const hasWords = ({ manifest }: Index): boolean =>
  manifest.words !== undefined && manifest.chunks.some(({ kind }) => kind === "words");

it("index.words switches words off", async () => {
  expect(hasWords((await trained({ index: { words: false } })).index)).toBe(false);
});

it("histories have words only where they are asked for", async () => {
  const rows = PRODUCTS.flatMap(({ n }) => Array.from({ length: 4 }, (_, i) => [`u${n}`, `A-${(n + 7 * i) % 120}x`]));
  const own = { ...files, "events.jsonl": jsonl(rows.map(([user, item]) => ({ user, item }))) };
  const events = { user: "user" };
  expect(hasWords((await trained({ events }, own)).index)).toBe(false);
  const { index, said } = await trained({ events, index: { words: true } }, own);
  expect(hasWords(index)).toBe(true);
  expect(index.manifest.words).toEqual({ rules: 1, dense: 1, words: 1 });
  expect(said.filter((line) => line.includes("got 0"))).toHaveLength(1);
});

it("items that are an id and a vector are found by their id, and a line says that they have no words", async () => {
  const folder = await mkdtemp(join(tmpdir(), "poeem-words-"));
  const ids = ["A-1", "A-2"];
  const codebook = createCodebook({
    ...{ dim: 4, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false },
    coarseCentroids: new Float32Array(0),
    centroids: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
  });
  const words = wordsByStatistics({ ids }, { columns: [] });
  const wordFacts = { rules: 1, dense: 1, words: 1 };
  const codes = { assignments: new Uint32Array(2), codes: Uint8Array.of(1, 2, 3, 4) };
  await writeIndexDirectory(join(folder, "index"), await writeArtifact({ codebook, ids, ...codes, words, wordFacts }));
  const vectors = join(folder, "new.f32");
  await writeFile(vectors, new Float32Array(4).fill(0.25));
  const out = join(folder, "changes");
  const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  await run("encode", "--index", join(folder, "index"), "--ids", "B-77", "--vectors", vectors, "--out", out);
  const lines = said.mock.calls.map(([line]) => String(line));
  said.mockRestore();
  expect(lines[0]).toBe("--ids: these items have no texts, so of words they are found by their ids alone\n");
  const index = await openIndexDirectory(join(folder, "index"), out);
  const after = { index, tower: undefined, words: await openWords(index) };
  expect(await first(after, "b77")).toBe("B-77");
  expect(await first(after, "a1")).toBe("A-1");
});

it("without a text column or a title there is nothing to make words of, and a line says so", async () => {
  const own = { ...files, "items.jsonl": jsonl(ITEMS.map(({ id, title }) => ({ id, kind: title.split(" ")[0] }))) };
  const { index, said } = await trained({ items: { text: [], categories: ["kind"] } }, own);
  expect(hasWords(index)).toBe(false);
  expect(said).toContain("the index has no words to search by: expected items.text or a title, got neither");
});
