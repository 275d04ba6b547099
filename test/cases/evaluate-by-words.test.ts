import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openWords } from "@poeem/pq-core/words";
import { loadConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";
import { formatEvaluation } from "@poeem/training/evaluate/print";
import { type EvaluateIndexOptions, evaluateIndex } from "@poeem/training/evaluate-index";
import { beforeAll, describe, expect, it } from "vitest";
import { type Case, caseConfig, csv, PRODUCTS, queriesOf, writeCase } from "./case.ts";

const items = csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title]));
/** Every query has a word that no other has: "once7". */
const QUERIES = PRODUCTS.flatMap((product) => queriesOf(product).map((query) => [query, product] as const)).map(
  ([query, { n }], i) => ({ query: `${query} ${letters(i)}`, item: `A${n}` }),
);
/** A number as letters, no two alike. */
function letters(number: number): string {
  const digits = Array.from(String(number), (digit) => "bcdfghjklm"[Number(digit)]!);
  return `once${digits.join("")}`;
}
const data = { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" };

describe("the evaluation of an index that has words", () => {
  let shop: Case;
  const evaluate = (options: Partial<EvaluateIndexOptions> = {}) =>
    evaluateIndex({ config: shop.config, index: shop.index, queries: 6000, backend: "auto", ...options });
  beforeAll(async () => {
    const events = csv(["query", "item"], ...QUERIES.map(({ query, item }) => [query, item]));
    shop = await writeCase({ "items.csv": items, "events.csv": events }, caseConfig(data, { index: { nprobe: 2 } }));
    await shop.train();
  });

  it("has rows by codes, by words and by both, with slips, unfinished, and of BM25F", async () => {
    const result = await evaluate({ report: true });
    expect(result.rows.map(({ name, nprobe }) => [name, nprobe])).toEqual([
      ["dense brute force", null],
      ["index", 1],
      ["index (default nprobe)", 2],
      ["index", 4],
      ["words", null],
      ["hybrid", 1],
      ["hybrid (default nprobe)", 2],
      ["hybrid", 4],
      ["hybrid, one edit", 2],
      ["hybrid, last word cut to 60 %", 2],
      ["popularity", null],
      ["BM25F", null],
      ["BM25 (MiniSearch)", null],
      ["TF-IDF", null],
    ]);
    const of = (name: string) => result.rows.find((row) => row.name === name)!;
    const hybrid = of("hybrid (default nprobe)");
    // titles are words that the items have
    expect(of("words").recallAt10).toBeGreaterThan(0.8);
    expect(hybrid.recallAt10).toBeGreaterThan(0.8);
    expect(of("BM25F").recallAt10).toBeGreaterThan(0.8);
    expect(hybrid.bytesPerItem).toBeCloseTo(of("words").bytesPerItem! + of("index").bytesPerItem!, 9);
    // every query ends with a long word: each has a slip somewhere, and each can be cut
    for (const name of ["hybrid, one edit", "hybrid, last word cut to 60 %"]) {
      const { queries, kind, cleanRecallAt10, overlapAt10, recallAt10Unnamed } = of(name);
      expect({ queries, kind, cleanRecallAt10, overlapAt10, recallAt10Unnamed }).toEqual({
        ...{ queries: result.queries, kind: "spoiled", overlapAt10: null, recallAt10Unnamed: null },
        cleanRecallAt10: hybrid.recallAt10,
      });
    }
    const words = (await openWords(await openIndexDirectory(shop.index)))!;
    expect(result.weights).toEqual({ dense: words.facts.dense, words: words.facts.words });
    const table = formatEvaluation(result);
    expect(table).toMatch(/\| ranking .*\| +recall@10 .*\| overlap@10 \| unnamed \| queries \| +clean \|/);
    expect(table).toMatch(/\| hybrid, one edit .*\| +–/);
    expect(await evaluate()).toEqual({ ...result, seconds: expect.any(Number) });
  });

  it("does not know the words of held-out queries", async () => {
    const words = (await openWords(await openIndexDirectory(shop.index)))!;
    const { config, directory } = await loadConfig(shop.config);
    const { test, validation } = buildDataset(await loadData(config, directory), config);
    const marks = [...test.texts, ...validation.texts].map((text) => text.split(" ").at(-1)!);
    const { heldOut } = await evaluate({ dense: false, nprobe: [1] });
    expect(heldOut).toBeGreaterThan(20);
    expect(test.texts).toHaveLength(heldOut);
    expect(marks.filter((mark) => words.count(mark) > 0)).toEqual([]);
    const others = QUERIES.map((_, i) => letters(i)).filter((mark) => !marks.includes(mark));
    expect(others.filter((mark) => words.count(mark) === 0)).toEqual([]);
    expect(others.length).toBeGreaterThan(QUERIES.length / 2);
  });

  it("cuts lists where it is told", async () => {
    const usual = await evaluate({ nprobe: [4] });
    const result = await evaluate({ nprobe: [4], cutoffs: [50, 7, 20, 7] });
    expect(result.cutoffs).toEqual([7, 20, 50]);
    const [head = ""] = formatEvaluation(result).match(/^\| ranking.*$/m) ?? [];
    const names = ["recall", "ndcg", "precision", "capped recall", "hit"];
    expect(
      head
        .split("|")
        .map((cell) => cell.trim())
        .slice(5, -4),
    ).toEqual([...names.flatMap((name) => [`${name}@7`, "@20", "@50"]), "overlap@10"]);
    for (const [i, row] of result.rows.entries()) {
      expect(row.ndcgAt50).toBe(usual.rows[i]!.ndcgAt50);
      expect(row.margin95["recallAt7"]).toBeGreaterThanOrEqual(0);
      expect(row["recallAt7"]).toBeLessThanOrEqual(row.recallAt10);
    }
    for (const cutoffs of [[0], [10, 1001], [1.5]])
      await expect(evaluate({ cutoffs })).rejects.toMatchObject({ parameter: "cutoffs" });
  });

  it("leaves out dense brute force, and then does not need the vectors of the items", async () => {
    const afterwards = evaluate({ dense: false, afterwards: true });
    await expect(afterwards).rejects.toThrow(/--afterwards .* --no-dense/);
    const usual = await evaluate();
    await rm(join(shop.index, "model", "item-vectors.f32"));
    await expect(evaluate()).rejects.toThrow(/item-vectors\.f32/);
    const without = await evaluate({ dense: false, report: true });
    const expected = usual.rows.filter(({ kind }) => kind !== "dense").map((row) => ({ ...row, overlapAt10: null }));
    expect(without.rows).toEqual(expected);
    expect(formatEvaluation(without)).not.toContain("brute force");
  });
});

it("asks a history, a context and a text together, words and all", async () => {
  const events = csv(
    ["user", "query", "item", "time", "device"],
    ...QUERIES.map(({ query, item }, i) => {
      const time = String((i * 301) % QUERIES.length);
      return [`u${i % 40}`, query, item, time, i % 3 ? "phone" : "desk"];
    }),
  );
  const config = caseConfig(data, {
    events: { query: "query", user: "user", time: "time", context: ["device"] },
    model: { history: { as: "mean" } },
    split: { by: "time" },
  });
  const shop = await writeCase({ "items.csv": items, "events.csv": events }, config);
  await shop.train();
  const { rows, queries } = await evaluateIndex({
    ...{ config: shop.config, index: shop.index, queries: 6000, backend: "auto", nprobe: [4] },
  });
  expect(queries).toBeGreaterThan(20);
  const of = (wanted: string) => rows.find(({ name }) => name.startsWith(wanted))!;
  expect(of("hybrid").recallAt10).toBeGreaterThan(0.5);
  expect(of("words").recallAt10).toBeGreaterThan(0.5);
  expect(of("BM25F").recallAt10).toBeGreaterThan(0.5);
});

it("has no rows by words where queries are histories alone", async () => {
  const events = csv(
    ["user", "item", "time"],
    ...Array.from({ length: 900 }, (_, i) => [`u${i % 60}`, `A${(i * 7 + Math.floor(i / 60)) % 120}`, String(i)]),
  );
  const config = caseConfig(data, { events: { user: "user", time: "time" }, split: { by: "time" } });
  const shop = await writeCase({ "items.csv": items, "events.csv": events }, config);
  await shop.train();
  const { rows, weights } = await evaluateIndex({
    ...{ config: shop.config, index: shop.index, queries: 6000, backend: "auto", dense: false },
  });
  expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(["index", "baseline"]));
  expect(weights).toBeUndefined();
});

it("measures an index that was made without events, on queries that are given", async () => {
  // "-lamps" says what to leave out, and nothing else: it finds nothing, and is no error
  const rows = [...QUERIES.slice(0, 89).map(({ query, item }) => [query, item]), ["-lamps", "A1"]];
  const asked = csv(["query", "item"], ...rows);
  const config = caseConfig({ items: "SELECT * FROM 'items.csv'", test: "SELECT * FROM 'test.csv'" });
  const shop = await writeCase({ "items.csv": items, "test.csv": asked }, config);
  await shop.train();
  const result = await evaluateIndex({
    ...{ config: shop.config, index: shop.index, queries: 6000, backend: "auto", nprobe: [4] },
  });
  expect(result.queries).toBe(90);
  for (const wanted of ["words", "hybrid", "BM25F", "hybrid, last"])
    expect(result.rows.find(({ name }) => name.startsWith(wanted))?.recallAt10, wanted).toBeGreaterThan(0.8);
});

it("takes queries that only say what to leave out for what they are, in training as well", async () => {
  const rows = [
    ...QUERIES.slice(0, 300).map(({ query, item }) => [query, item]),
    ...PRODUCTS.map(({ n }) => [`-${letters(n)}`, `A${n}`]),
  ];
  const config = caseConfig(data);
  const shop = await writeCase({ "items.csv": items, "events.csv": csv(["query", "item"], ...rows) }, config);
  await shop.train();
  const { rows: measured } = await evaluateIndex({
    ...{ config: shop.config, index: shop.index, queries: 6000, backend: "auto", nprobe: [4], dense: false },
  });
  expect(measured.find(({ name }) => name === "words")?.recallAt10).toBeLessThan(1);
});
