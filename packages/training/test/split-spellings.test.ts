import { Random } from "@poeem/indexing-layer";
import { fnv1a32, normalForm } from "@poeem/towers";
import { describe, expect, it } from "vitest";
import type { PoeemConfigInput } from "../src/config.ts";
import { listOf } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { dataFacts, describeData } from "../src/data/report.ts";
import type { Dataset, QuerySet } from "../src/data/types.ts";
import { type EventRow, load, randomWorld } from "./make-data.ts";

const SPELLINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.replace(" ", "  "),
  (text) => ` ${text}`,
  (text) => `${text}!`,
  (text) => text.replace(" ", "-"),
  (text) => `“${text}”`,
];

type Kind = "text" | "text, user" | "text, user, time" | "user" | "user, time";

async function datasetOf(seed: number, kind: Kind, split: PoeemConfigInput["split"]) {
  const random = new Random(seed + 100);
  const world = randomWorld(seed);
  const events = world.events.map((row) => ({
    ...row,
    query: SPELLINGS[random.integer(SPELLINGS.length)]!(row.query),
    part: ["train", "Test", "validation", " train "][random.integer(4)]!,
  }));
  const { config, raw } = await load(
    { items: world.items, events },
    {
      events: {
        ...(kind.includes("text") && { query: "query" }),
        ...(kind.includes("user") && { user: "user" }),
        ...(kind.includes("time") && { time: "time" }),
      },
      split: split ?? {},
      items: { text: ["title"], textFromEvents: kind.includes("text") },
      model: { history: { as: "mean" } },
    },
  );
  const dataset = buildDataset(raw, config);
  return { rows: events as EventRow[], config, dataset, facts: dataFacts(raw, dataset) };
}

const formsOf = ({ texts }: QuerySet): Set<string> => new Set(texts.map(normalForm));

/** Query and item of each pair to find; the query by user where there are users, else by the form of its text. */
function pairsOf({ ids }: Dataset, set: QuerySet): string[] {
  return Array.from({ length: set.count }, (_, q) =>
    Array.from(listOf(set.relevant, q), (item) => `${set.users[q] ?? normalForm(set.texts[q]!)} ${ids.at(item)}`),
  ).flat();
}

/** What `alsoTrained` is by its definition, from the query sets. */
function alsoTrained(dataset: Dataset, ownValidation = false): Dataset["alsoTrained"] {
  const { train, validation, test } = dataset;
  const training = ownValidation ? [train] : [train, validation];
  const forms = new Set(training.flatMap((set) => [...formsOf(set)]));
  const pairs = new Set(training.flatMap((set) => pairsOf(dataset, set)));
  return {
    queries: test.texts.length > 0 ? test.texts.filter((text) => forms.has(normalForm(text))).length : null,
    pairs: pairsOf(dataset, test).filter((pair) => pairs.has(pair)).length,
  };
}

describe("queries in many spellings", () => {
  it.each<[Kind, PoeemConfigInput["split"]]>([
    ["text", undefined],
    ["text", { testModulus: 3 }],
    ["text, user", undefined],
    ["text, user, time", { testModulus: 4 }],
    ["text, user", { columns: ["query"] }],
  ])("of %s are on one side, split %o", async (kind, split) => {
    for (const seed of [1, 2, 3]) {
      const { rows, dataset, facts } = await datasetOf(seed, kind, split);
      const { testModulus = 10 } = split ?? {};
      const trained = formsOf(dataset.train);
      for (const set of [dataset.test, dataset.validation]) {
        expect(set.count).toBeGreaterThan(0);
        expect([...formsOf(set)].filter((form) => trained.has(form))).toEqual([]);
      }
      expect([...formsOf(dataset.test)].filter((form) => formsOf(dataset.validation).has(form))).toEqual([]);
      expect(facts.alsoTrained.queries).toBe(0);
      expect(facts.alsoTrained).toEqual(alsoTrained(dataset));
      if (kind === "text") expect(facts.alsoTrained.pairs).toBe(0);
      // as they are spelled, most would have been trained on
      const isTest = (text: string): boolean => fnv1a32(text) % testModulus === 0;
      const others = new Set(rows.filter(({ query }) => !isTest(query)).map(({ query }) => normalForm(query)));
      expect(rows.some(({ query }) => isTest(query) && others.has(normalForm(query)))).toBe(true);
      // each spelling stays a query of its own, as it stands in the file
      const expected = rows.map(({ query }) => query).filter((query) => isTest(normalForm(query)));
      expect(new Set(dataset.test.texts)).toEqual(new Set(expected));
    }
  });

  it("of a pair of query and item are on one side where the split is by both", async () => {
    const { dataset } = await datasetOf(4, "text", { columns: ["query", "item"], testModulus: 3 });
    expect(dataset.test.count).toBeGreaterThan(0);
    expect(dataset.alsoTrained.pairs).toBe(0);
    expect(dataset.alsoTrained.queries).toBeGreaterThan(0);
    expect(dataset.left.repeats).toBe(0);
    expect(dataset.alsoTrained).toEqual(alsoTrained(dataset));
  });

  it("users and items are hashed as they are", async () => {
    const { rows, dataset } = await datasetOf(5, "user", { validation: 0 });
    const isTest = (row: EventRow): boolean => fnv1a32(`${row.user}\t${row.item}`) % 10 === 0;
    const known = new Set(rows.filter((row) => !isTest(row)).map(({ user }) => user));
    const expected = rows.filter((row) => isTest(row) && known.has(row.user)).map((r) => `${r.user} ${r.item}`);
    expect(new Set(pairsOf(dataset, dataset.test))).toEqual(new Set(expected));
    expect(dataset.alsoTrained).toEqual({ queries: null, pairs: 0 });
  });
});

describe("what is held out and trained on too", () => {
  it.each<[Kind, PoeemConfigInput["split"]]>([
    ["text, user, time", { by: "time" }],
    ["text, user", { columns: ["user", "item"] }],
    ["text, user", { by: "user", testModulus: 4 }],
    ["text, user, time", { by: "last" }],
    ["text", { column: "part" }],
    ["user, time", { column: "part" }],
    ["text, user", { by: "given", column: "part" }],
    ["user", { by: "last" }],
  ])("is counted of %s, split %o", async (kind, split) => {
    const { config, dataset, facts } = await datasetOf(6, kind, split);
    expect(dataset.test.count).toBeGreaterThan(0);
    expect(facts.alsoTrained).toEqual(alsoTrained(dataset, split?.column !== undefined));
    if (kind.includes("text")) expect(facts.alsoTrained.queries).toBeGreaterThan(0);
    if (split?.column) expect(facts.alsoTrained.pairs).toBeGreaterThan(0);
    else if (!kind.includes("text")) expect(facts.alsoTrained.pairs).toBe(0);
    const said = describeData(config, facts).find((line) => line.startsWith("also in training"));
    expect(said).toContain(`${facts.alsoTrained.pairs} of ${facts.testPairs} held-out pairs`);
    if (kind.includes("text")) expect(said).toContain(`${facts.alsoTrained.queries} of ${facts.testQueries} held-out`);
  });

  it("is left out where the same query, in another spelling, led to the same item before", async () => {
    const { rows, dataset } = await datasetOf(7, "text", {
      by: "hash",
      columns: ["device"],
      testModulus: 2,
      validation: 0,
    });
    const isTest = (row: EventRow): boolean => fnv1a32(row.device ?? "") % 2 === 0;
    const pairOf = (row: EventRow): string => `${normalForm(row.query)} ${row.item}`;
    const trained = new Set(rows.filter((row) => !isTest(row)).map(pairOf));
    const repeats = rows.filter((row) => isTest(row) && trained.has(pairOf(row)));
    expect(repeats.length).toBeGreaterThan(0);
    expect(dataset.left.repeats).toBe(repeats.length);
    expect(dataset.alsoTrained.pairs).toBe(0);
  });
});
