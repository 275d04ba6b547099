import { describe, expect, it } from "vitest";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { listOf } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { loadData } from "../src/data/load.ts";
import { dataFacts, describeData } from "../src/data/report.ts";
import type { Dataset, QuerySet } from "../src/data/types.ts";
import { type EventRow, load, randomWorld } from "./make-data.ts";

type Kind = "text" | "user" | "user, time" | "text, user" | "text, user, time";
type Part = "train" | "test" | "validation" | "history";

const eventsOf = (kind: Kind): PoeemConfigInput["events"] => ({
  ...(kind.includes("text") && { query: "query" }),
  ...(kind.includes("user") && { user: "user" }),
  ...(kind.includes("time") && { time: "time" }),
});
const model = { history: { as: "mean" } } as const;
const keyOf = (kind: Kind) => (row: EventRow) =>
  `${kind.includes("text") ? row.query : ""}|${kind.includes("user") ? row.user : ""}`;
const distinct = <T>(list: readonly T[]): T[] => [...new Set(list)];

/** Which part each row is in: at random, but some users are in the test alone, and some in history and test. */
function partOf(row: EventRow, at: number, kind: Kind): Part {
  const user = Number(row.user.slice(1));
  if (user % 7 === 0) return "test";
  if (user % 7 === 1 && kind.includes("user")) return at % 2 ? "history" : "test";
  return (["train", "train", "train", "test", "validation"] as const)[at % 5]!;
}

/** Each query of a set by its key: what it is to find, and what it had. */
function queriesOf({ ids }: Dataset, set: QuerySet): Map<string, { relevant: string[]; history: string[] }> {
  const names = (list: Uint32Array): string[] => Array.from(list, (item) => ids.at(item)!);
  return new Map(
    Array.from({ length: set.count }, (_, q) => [
      `${set.texts[q] ?? ""}|${set.users[q] ?? ""}`,
      { relevant: names(listOf(set.relevant, q)).sort(), history: names(listOf(set.histories, q)).sort() },
    ]),
  );
}

describe.each<Kind>(["text", "user", "user, time", "text, user", "text, user, time"])("a split of %s", (kind) => {
  const world = randomWorld(11);
  const parts = world.events.map((row, at) => partOf(row, at, kind));
  const key = keyOf(kind);
  const rowsOf = (...wanted: Part[]): EventRow[] => world.events.filter((_, at) => wanted.includes(parts[at]!));

  /** What a split of these rows has to hold, by a loop over the rows. */
  function expectGiven(dataset: Dataset): void {
    expect(distinct(rowsOf("train").map((row) => `${key(row)} ${row.item}`)).sort()).toEqual(
      [...queriesOf(dataset, dataset.train)]
        .flatMap(([name, { relevant }]) => relevant.map((item) => `${name} ${item}`))
        .sort(),
    );
    const known = { test: ["train", "history", "validation"], validation: ["train", "history"] } as const;
    for (const side of ["test", "validation"] as const) {
      const queries = queriesOf(dataset, dataset[side]);
      expect([...queries.keys()].sort()).toEqual(distinct(rowsOf(side).map(key)).sort());
      for (const [name, { relevant, history }] of queries) {
        const own = rowsOf(side).filter((row) => key(row) === name);
        expect(relevant).toEqual(distinct(own.map(({ item }) => item)).sort());
        const before = kind.includes("user") ? rowsOf(...known[side]).filter(({ user }) => user === own[0]!.user) : [];
        const had = distinct(before.map(({ item }) => item)).filter((item) => !relevant.includes(item));
        expect(history).toEqual(had.sort());
      }
    }
    expect(dataset.left).toEqual({ repeats: 0, withoutHistory: 0 });
  }

  it("by a column is what the column says, nothing left out", async () => {
    const events = world.events.map((row, at) => ({ ...row, part: parts[at] }));
    const { raw, config } = await load(
      { ...world, events },
      { events: eventsOf(kind), split: { column: "part" }, model },
    );
    expect(config.split.by).toBe("given");
    const dataset = buildDataset(raw, config);
    expectGiven(dataset);
    const facts = dataFacts(raw, dataset);
    const cold = [...queriesOf(dataset, dataset.test)].filter(
      ([, { history }]) => !kind.includes("text") && history.length === 0,
    );
    expect(facts.unknownQueries).toBe(cold.length);
    if (!kind.includes("text")) {
      expect(cold.length).toBeGreaterThan(3);
      expect(describeData(config, facts).join("\n")).toContain(`${cold.length} held-out users have no history`);
    }
    expect(facts.alsoTrained.pairs).toBeGreaterThan(0);
  });

  it("by SQL of its parts is the same, and its validation queries are drawn where it has none", async () => {
    const history = kind.includes("user") ? { history: rowsOf("history") } : {};
    const rows = { items: world.items, events: rowsOf("train"), test: rowsOf("test"), ...history };
    const { raw, config } = await load(
      { ...rows, validation: rowsOf("validation") },
      { events: eventsOf(kind), model },
    );
    expect(config.split.by).toBe("given");
    expectGiven(buildDataset(raw, config));

    const without = await load(rows, { events: eventsOf(kind), model });
    const dataset = buildDataset(without.raw, without.config);
    expect(dataset.validation.count).toBeGreaterThan(0);
    const trained = distinct(rowsOf("train").map((row) => `${key(row)} ${row.item}`));
    const kept = [dataset.train, dataset.validation].flatMap((set) =>
      [...queriesOf(dataset, set)].flatMap(([name, { relevant }]) => relevant.map((item) => `${name} ${item}`)),
    );
    expect(kept.sort()).toEqual(trained.sort());
    expect([...queriesOf(dataset, dataset.test).keys()].sort()).toEqual(distinct(rowsOf("test").map(key)).sort());
  });
});

describe("what a column of a split may say", () => {
  const { items } = randomWorld(1);
  const rowsWith = (values: readonly unknown[]): object[] =>
    values.map((part, i) => ({ query: `q${i}`, user: "u", item: `i${i}`, part }));

  it.each<[string, readonly unknown[]]>([
    ["words in any case", ["TRAIN", " Test ", "train", "valid", "dev", "Validation", "test"]],
    ["0 and 1", [0, 1, 0, 1]],
    ["0 and 1 as DOUBLE", [0.0, 1, "0.0", "1.0", "1."]],
    ["words and numbers", [0, "test", 1, "train"]],
    ["words between blanks", ["test\t", "\u00a0train", "test\n"]],
    ["booleans", [false, true, true]],
    ["history", ["train", "history", "Fold-In", "test"]],
  ])("%s", async (_, values) => {
    const events = { query: "query", user: "user" };
    const { raw, config } = await load(
      { items, events: rowsWith(values) },
      { events, split: { column: "part" }, model },
    );
    const dataset = buildDataset(raw, config);
    const said = values.map((value) => String(value).trim().toLowerCase().replace(/\.0?$/, ""));
    const count = (...names: string[]): number => said.filter((value) => names.includes(value)).length;
    expect(dataset.train.count).toBe(count("train", "0", "false"));
    expect(dataset.test.count).toBe(count("test", "1", "true"));
    expect(dataset.validation.count).toBe(count("validation", "valid", "dev"));
  });

  it.each<[string, readonly unknown[], RegExp]>([
    ["another word", ["train", "holdout", "test"], /1 row with none of train, .* in part \(row 2: "holdout"\)/],
    ["nothing", ["train", null, "test"], /\(row 2: null\)/],
    ["an empty text", ["train", "test", ""], /\(row 3: ""\)/],
    ["another number", [0, 1, 2], /\(row 3: "2"\)/],
    ["a history where there are no users", ["train", "history", "test"], /\(row 2: "history"\)/],
  ])("is not %s", async (_, values, message) => {
    const loading = load({ items, events: rowsWith(values) }, { split: { column: "part" } });
    await expect(loading).rejects.toThrow(message);
  });
});

it.each([
  ["DOUBLE", "[0, 1]::DOUBLE[]"],
  ["DECIMAL(3,1)", "[0, 1]::DECIMAL(3,1)[]"],
  ["BOOLEAN", "[false, true]"],
  ["JSON", `['"train"', '"test"']::JSON[]`],
  ["mixed JSON", `['0', '"test"']::JSON[]`],
  ["VARCHAR", "['train', e'test\\t']"],
])("a column of type %s may give the split", async (_, values) => {
  const data = {
    items: "SELECT 'i' AS id UNION ALL SELECT 'j'",
    events: `SELECT unnest(['q', 'r']) AS query, 'i' AS item, unnest(${values}) AS part`,
  };
  const config = resolveConfig({ name: "t", data, items: {}, split: { column: "part" } }, "test");
  const { train, test } = buildDataset(await loadData(config, "."), config);
  expect([train.texts, test.texts]).toEqual([["q"], ["r"]]);
});

describe("SQL of parts", () => {
  const { items } = randomWorld(1);
  const events = [
    { query: "a", item: "i1" },
    { query: "b", item: "i2" },
  ];

  it.each<[string, object[], RegExp]>([
    ["a missing column", [{ text: "a", item: "i1" }], /^data\.test: expected column query; got text, item/],
    ["a missing query", [...events, { query: "", item: "i1" }], /^data\.test: 1 row with no query \(row 3: ""\)/],
    ["no rows", [], /^data\.test: /],
  ])("%s is an error of the part's own", async (_, test, message) => {
    await expect(load({ items, events, test })).rejects.toThrow(message);
  });

  it("unknown items are shown by part and row, and counted together", async () => {
    const rows = {
      items,
      events: [...events, { query: "c", item: "x" }],
      test: [{ query: "c", item: "y" }, ...events],
    };
    const { raw, config } = await load(rows);
    expect(raw.report.unknownItems).toEqual({
      count: 2,
      examples: [
        { row: 3, value: "x" },
        { source: "data.test", row: 1, value: "y" },
      ],
    });
    const said = describeData(config, dataFacts(raw, buildDataset(raw, config)));
    expect(said.join("\n")).toContain('left out 2 events of unknown items (row 3: "x", data.test row 1: "y")');
  });

  it("a part may have ids of another type", async () => {
    const numbered = items.map((_, i) => ({ id: i, title: `item ${i}` }));
    const rows = { items: numbered, events: [{ query: "a", item: 1 }], test: [{ query: "b", item: "2" }] };
    const { raw, config } = await load(rows);
    expect(raw.report.unknownItems.count).toBe(0);
    const dataset = buildDataset(raw, config);
    expect([...queriesOf(dataset, dataset.test).values()]).toEqual([{ relevant: ["2"], history: [] }]);
  });

  it("a part may have dates where another has times", async () => {
    const timed = (time: string): object[] => ["i1", "i2"].map((item) => ({ user: "u", item, time }));
    const rows = { items, events: timed("2026-01-02"), test: timed("2026-01-01 10:00:00") };
    const { raw } = await load(rows, { events: { user: "user", time: "time" } });
    expect(raw.events.part!.values).toEqual(["test", "train"]);
    expect(Array.from(raw.events.part!.numbers)).toEqual([0, 0, 1, 1]);
  });

  it("times of another kind are refused", async () => {
    const timed = (time: unknown): object[] => [{ user: "u", item: "i1", time }];
    const rows = { items, events: timed(7), test: timed("2026-01-01") };
    await expect(load(rows, { events: { user: "user", time: "time" } })).rejects.toThrow(
      /^data\.test: expected type BIGINT in column time, as in data\.events, got DATE/,
    );
  });
});

describe("keys that contradict each other", () => {
  const data = { items: "x", events: "y" };
  it.each<[object, RegExp]>([
    [{ data, split: { by: "given" } }, /split\.by "given" expected split\.column or data\.test, got neither/],
    [{ data: { ...data, test: "z" }, split: { column: "c" } }, /expected split\.column or data\.test, got both/],
    [{ data: { ...data, test: "z" }, split: { by: "hash" } }, /data\.test is for a split that is given, got .*"hash"/],
    [{ data, split: { by: "last", column: "c" }, events: { user: "u" } }, /split\.column is for a split that is given/],
    [{ data: { ...data, validation: "z" } }, /data\.validation expected data\.test beside it, got none/],
    [{ data: { ...data, test: "z", history: "h" } }, /data\.history expected events\.user to name a column/],
    [{ data: { ...data, test: "z" }, split: { columns: ["q"] } }, /split\.columns is for a split by hash/],
  ])("%j are refused", (keys, message) => {
    expect(() => resolveConfig({ name: "t", items: {}, ...keys }, "c")).toThrow(message);
  });
});
