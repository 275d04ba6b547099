import { describe, expect, it } from "vitest";
import { type PoeemConfig, type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { listOf } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { textsFromColumns } from "../src/data/item-texts.ts";
import type { LoadedData } from "../src/data/load.ts";
import { dataFacts, describeData } from "../src/data/report.ts";
import { ITEM_IDS, load } from "./make-data.ts";

const items = Array.from({ length: 5 }, (_, i) => ({ id: `i${i}`, title: `Item ${i}` }));
const users = { user: "user", time: "time" };
const events = Array.from({ length: 12 }, (_, i) => ({ user: `u${i % 3}`, item: `i${i % 5}`, time: i }));

describe("what is wrong with data is said once, with counts and the first rows", () => {
  it.each<[string, Parameters<typeof load>[0], PoeemConfigInput["events"], string]>([
    [
      "ids that are missing, empty and repeated",
      {
        items: [...items, { id: null, title: "x" }, { id: "", title: "y" }, items[0]!, items[0]!, items[2]!, items[3]!],
        events,
      },
      users,
      'data.items: 2 rows with no id (row 6: null, row 7: ""); ' +
        '4 rows with repeated id (row 8: "i0", row 9: "i0", row 10: "i2", …)',
    ],
    [
      "users and times that are missing",
      {
        items,
        events: [
          ...events,
          { user: null, item: "i1", time: 3 },
          { user: "u1", item: "i1", time: null },
          { item: "i2" },
        ],
      },
      users,
      "data.events: 2 rows with no user (row 13: null, row 15: null); 2 rows with no time (row 14: null, row 15: null)",
    ],
    [
      "columns that are missing",
      { items, events: events.map(({ item }) => ({ item, who: "u" })) },
      users,
      "data.events: expected columns user, time; got item, who",
    ],
    [
      "a time that is a text",
      { items, events: events.map((event) => ({ ...event, time: "soon" })) },
      users,
      "data.events: expected numbers, dates or timestamps in column time (events.time), got type VARCHAR; " +
        'SQL that would do: strptime("time", FORMAT) AS "time", with the FORMAT of all its values',
    ],
    [
      "several users a row",
      { items, events: events.map((event) => ({ ...event, user: ["u1", "u2"] })) },
      users,
      "data.events: expected one value per row in column user (events.user), got type VARCHAR[]; " +
        'SQL that would do: "user"[1] AS "user"',
    ],
    [
      "no known item",
      { items, events: events.map((event) => ({ ...event, item: 7 })) },
      users,
      "data.events: expected at least one event of a known item, got 12 rows and none: " +
        'item ids such as "i0" (VARCHAR), event items such as "7" (BIGINT)',
    ],
  ])("%s", async (_, rows, columns, message) => {
    const failed = await load(rows, { events: columns }).catch((error: Error) => error.message);
    expect(failed).toBe(message);
  });

  it.each<[string, string]>([
    ["items", "SELECT * FROM 'items.jsonl' WHERE id = 'nobody'"],
    ["events", "SELECT * FROM 'events.jsonl' WHERE item = 'nobody'"],
  ])("no rows of %s", async (name, sql) => {
    const data = { items: "FROM 'items.jsonl'", events: "FROM 'events.jsonl'", [name]: sql };
    await expect(load({ items, events }, { data, events: users })).rejects.toThrow(
      `data.${name}: expected at least one row, got none`,
    );
  });

  it("unknown items: left out, counted and reported, or an error when strict", async () => {
    const strays = ["x", "y", "x", "z"].map((item, i) => ({ user: "u9", item, time: i }));
    const rows = { items, events: [events[0]!, ...strays, ...events.slice(1)] };
    const split = { by: "last", validation: 0 } as const;
    const { config, raw } = await load(rows, { events: users, split });
    const clean = await load({ items, events }, { events: users, split });
    const examples = [
      { row: 2, value: "x" },
      { row: 3, value: "y" },
      { row: 4, value: "x" },
    ];
    const sides = 'item ids such as "i0" (VARCHAR), event items such as "x" (VARCHAR)';
    expect(raw.report).toEqual({ items: 5, events: 12, unknownItems: { count: 4, examples }, notes: [sides] });
    const dataset = buildDataset(raw, config);
    expect(dataset.train.users).toEqual(["u0", "u1", "u2"]);
    expect(dataset.eventItem).toEqual(buildDataset(clean.raw, clean.config).eventItem);
    const facts = dataFacts(raw, dataset);
    expect(facts).toMatchObject({ trainingEvents: dataset.eventItem.length, trainingQueries: 3, testQueries: 3 });
    expect(describeData(config, facts)).toContain(sides);
    expect(describeData(config, facts)).toContain(
      'left out 4 events of unknown items (row 2: "x", row 3: "y", row 4: "x"); --strict makes them an error',
    );
    await expect(load(rows, { events: users }, { strict: true })).rejects.toThrow(
      `data.events: 4 rows with an unknown item (row 2: "x", row 3: "y", row 4: "x", …); ${sides}`,
    );
  });

  it("takes dates and timestamps as times, and ids of either type", async () => {
    const dated = events.map((event, i) => ({ ...event, item: i % 5, time: `2026-01-${30 - i} 10:00:00` }));
    const { raw } = await load(
      { items: items.map((item, i) => ({ ...item, id: String(i) })), events: dated },
      {
        data: { items: "FROM 'items.jsonl'", events: "SELECT user, item, time::TIMESTAMP AS time FROM 'events.jsonl'" },
        events: users,
        split: { by: "time" },
      },
    );
    const first = raw.events.user!.numbers.indexOf(1);
    expect(raw.ids.at(raw.events.item[0]!)).toBe("4");
    expect(first).toBe(4);
    expect(raw.events.time![0]).toBe(Date.UTC(2026, 0, 21, 10) / 1000);
  });
});

describe("features of items", () => {
  const rows = {
    items: [
      { id: "a", title: "A", tags: ["x", "y", "x"], kind: "k", size: 1, price: 10 },
      { id: "b", title: "B", tags: [], kind: null, size: 3, price: 10 },
      { id: "c", title: "C", tags: ["y", null], kind: "k", size: null, price: 10 },
      { id: "d", title: "D", tags: null, kind: "x", size: 5, price: 10 },
    ],
    events: Array.from({ length: 8 }, (_, i) => ({ query: `q${i}`, item: "abcd"[i % 4]! })),
  };
  const columns = {
    categories: ["tags", "kind"],
    inputs: ["size", "price"],
    text: ["title", "tags"],
    facets: ["tags"],
  };

  it("have several categories, each once an item, of the same name apart by column", async () => {
    const { config, raw } = await load(rows, { items: columns, split: { testModulus: 0, validation: 0 } });
    const { itemCategories, categoryNames } = buildDataset(raw, config);
    expect(rows.items.map((_, item) => [...listOf(itemCategories, item)])).toEqual([[0, 1, 2], [], [1, 2], [3]]);
    expect(categoryNames).toEqual(["tags\tx", "tags\ty", "kind\tk", "kind\tx"]);
    expect(textsFromColumns(raw, columns.text)[0]).toBe("A\nx\ny\nx");
  });

  it("have numbers with mean 0 and deviation 1, a missing one at the mean", async () => {
    const { config, raw } = await load(rows, { items: columns, split: { testModulus: 0, validation: 0 } });
    const { itemNumbers } = buildDataset(raw, config);
    // sizes 1, 3, 5: mean 3, deviation sqrt(8 / 3); all prices are one
    const one = Math.fround(2 / Math.sqrt(8 / 3));
    expect(itemNumbers).toEqual({
      columns: [
        { name: "size", mean: 3, deviation: Math.sqrt(8 / 3) },
        { name: "price", mean: 10, deviation: 1 },
      ],
      values: Float32Array.from([-one, 0, 0, 0, 0, 0, one, 0]),
    });
  });

  it.each<[unknown, string]>([
    [true, 'expected numbers in column size (KEY), got type BOOLEAN; SQL that would do: "size"::INTEGER AS "size"'],
    ["much", '1 row with no number in column size (KEY) (row 1: "much")'],
    [[1], 'expected numbers in column size (KEY), got type BIGINT[]; SQL that would do: "size"[1] AS "size"'],
  ])("refuse %o where a number is expected", async (size, message) => {
    const wrong = { items: [{ id: "a", title: "A", size }], events: [{ query: "q", item: "a" }] };
    for (const key of ["inputs", "numbers"]) {
      const failed = await load(wrong, { items: { [key]: ["size"] } }).catch((error: Error) => error.message);
      expect(failed).toBe(`data.items: ${message.replace("KEY", `items.${key}`)}`);
    }
  });
});

describe("a config that cannot be split", () => {
  const base = { name: "t", data: { items: "a", events: "b" }, items: {} };
  it.each<[PoeemConfigInput["split"], PoeemConfigInput["events"], RegExp]>([
    [{ by: "time" }, {}, /split\.by "time" expected events\.time to name a column, got none/],
    [{ by: "hash" }, { halfLife: 0.1 }, /events\.halfLife expected events\.time to name a column, got none/],
    [{ by: "last" }, {}, /split\.by "last" expected events\.user to name a column/],
    [{ by: "user" }, { query: "query" }, /split\.by "user" expected events\.user/],
    [
      { by: "last", columns: ["user"] },
      { user: "user" },
      /split\.columns is for a split by hash, got split\.by "last"/,
    ],
    [{ validation: 5000 }, {}, /split\.validation/],
    [{ share: 2 }, {}, /split\.share/],
  ])("%o of %o", (split, columns, message) => {
    expect(() => resolveConfig({ ...base, split, events: columns }, "where")).toThrow(message);
  });

  it("has a text column by default, and none when there is a user column", () => {
    expect(resolveConfig(base, "where").events).toMatchObject({ query: "query", item: "item" });
    expect(resolveConfig({ ...base, events: { user: "u" } }, "where").events.query).toBeUndefined();
  });

  it("says so when all events are at one time, or all queries are held out", async () => {
    const still = events.map((event) => ({ ...event, time: 5 }));
    const { config, raw } = await load({ items, events: still }, { events: users, split: { by: "time" } });
    expect(() => buildDataset(raw, config)).toThrow(/split: expected times to split by, got 5 in more than 90 %/);
    const all = await load({ items, events }, { events: users, split: { testModulus: 1 } });
    expect(() => buildDataset(all.raw, all.config)).toThrow(/expected events left to train on, got none/);
  });

  it("says before the training that it leaves nothing to evaluate, with what would", async () => {
    const line = (rows: { config: PoeemConfig; raw: LoadedData }) =>
      describeData(rows.config, dataFacts(rows.raw, buildDataset(rows.raw, rows.config))).find((one) =>
        one.startsWith("nothing to evaluate later: the split holds out no query"),
      );
    for (const count of [2, 5, 10, 20, 50]) {
      const few = Array.from({ length: count }, (_, e) => ({ query: `words ${e}`, item: ITEM_IDS[e % 30]! }));
      const rows = { items: ITEM_IDS.map((id) => ({ id, title: id })), events: few };
      const loaded = await load(rows);
      const { test } = buildDataset(loaded.raw, loaded.config);
      const cure = '(split.by "hash"): a split.testModulus below 10 holds out more, or another split.by';
      if (test.count === 0) expect(line(loaded)).toContain(cure);
      else expect(line(loaded)).toBeUndefined();
    }
    const off = await load({ items, events }, { events: users, split: { testModulus: 0 } });
    expect(line(off)).toContain('(split.by "hash"): split.testModulus is 0');
  });
});
