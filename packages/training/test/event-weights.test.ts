import { UserError } from "@poeem/offline/errors";
import { describe, expect, it } from "vitest";
import type { PoeemConfigInput } from "../src/config.ts";
import { listOf } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { dataFacts, describeData } from "../src/data/report.ts";
import type { Dataset, QuerySet } from "../src/data/types.ts";
import { type EventRow, load, randomWorld } from "./make-data.ts";

type Split = NonNullable<PoeemConfigInput["split"]>;
type Row = EventRow & { readonly weight: number };

const WEIGHTS = [3, 1, 1, 0.5, 0, -1, -2];
/** Users and items of `randomWorld` with weights; one user has none above 0. */
const worldOf = (seed: number) => {
  const { items, events } = randomWorld(seed);
  const weightOf = ({ user }: EventRow, at: number) => (user === "u7" ? -1 : WEIGHTS[(at * 5) % WEIGHTS.length]!);
  return { items, events: events.map((row, at): Row => ({ ...row, weight: weightOf(row, at) })) };
};

async function datasetOf(
  world: { items: { id: string; title: string }[]; events: Row[] },
  events: PoeemConfigInput["events"],
  split: Split,
): Promise<Dataset> {
  const { raw, config } = await load(world, {
    ...{ events: { ...events, weight: "weight" }, split, items: { text: ["title"] } },
    model: { history: { as: "mean" } },
    training: { ownSentences: false },
  });
  return buildDataset(raw, config);
}

const distinct = (list: string[]): string[] => [...new Set(list)];
const names = ({ ids }: Dataset, list: Iterable<number>): string[] => Array.from(list, (item) => ids.at(item)!);

/** Queries of a set, without what is disliked. */
const liked = (dataset: Dataset, { texts, users, relevant, histories, count }: QuerySet) =>
  Array.from({ length: count }, (_, query) => ({
    ...{ text: texts[query], user: users[query] },
    relevant: names(dataset, listOf(relevant, query)),
    history: names(dataset, listOf(histories, query)),
  }));

const pastOf = (dataset: Dataset) =>
  Array.from(dataset.eventQuery, (query, event) =>
    names(
      dataset,
      dataset.past ? listOf(dataset.past.items, dataset.past.user[query]!).subarray(0, dataset.past.length[event]) : [],
    ),
  );

const CASES: [PoeemConfigInput["events"], Split][] = [
  [{ query: "query" }, { by: "hash", testModulus: 4 }],
  [
    { query: "query", time: "time" },
    { by: "time", share: 0.2 },
  ],
  [{ user: "user" }, { by: "hash", testModulus: 4 }],
  [{ user: "user", time: "time" }, { by: "last" }],
  [
    { user: "user", time: "time" },
    { by: "time", share: 0.2 },
  ],
  [{ user: "user" }, { by: "user", testModulus: 3, share: 0.4 }],
  [
    { query: "query", user: "user" },
    { by: "hash", testModulus: 3 },
  ],
];

describe.each(CASES)("events %j that weigh, in a split %j", (events, split) => {
  it("are the same to training and evaluation without those that say what is disliked", async () => {
    const world = worldOf(5);
    const all = await datasetOf(world, events, { validation: 10, ...split });
    const others = await datasetOf({ ...world, events: world.events.filter(({ weight }) => weight >= 0) }, events, {
      validation: 10,
      ...split,
    });
    for (const set of ["train", "validation", "test"] as const)
      expect(liked(all, all[set])).toEqual(liked(others, others[set]));
    expect(all.test.count).toBeGreaterThan(5);
    expect(names(all, all.eventItem)).toEqual(names(others, others.eventItem));
    expect(all.eventWeight).toEqual(others.eventWeight);
    expect(pastOf(all)).toEqual(pastOf(others));
    expect(others.dislikes).toBeUndefined();
    expect(all.dislikes!.values.length).toBeGreaterThan(0);
  });

  it("find, and are trained on, only what weighs something", async () => {
    const world = worldOf(6);
    const all = await datasetOf(world, events, { validation: 10, ...split });
    const keyOf = ({ text, user }: { text?: string | undefined; user?: string | undefined }, item: string) =>
      [events!.query && text, events!.user && user, item].join();
    const positive = new Set(
      world.events
        .filter(({ weight }) => weight > 0)
        .map((row) => keyOf({ text: row.query, user: row.user }, row.item)),
    );
    for (const set of ["train", "validation", "test"] as const)
      for (const query of liked(all, all[set]))
        for (const item of query.relevant) expect(positive).toContain(keyOf(query, item));
    const mean = all.eventWeight!.reduce((sum, weight) => sum + weight, 0) / all.behaviour;
    expect(mean).toBeCloseTo(1, 5);
    expect(Math.min(...all.eventWeight!)).toBeGreaterThan(0);
    const ratios = [...all.eventWeight!].map((weight) => weight / Math.min(...all.eventWeight!));
    expect(distinct(ratios.map((ratio) => ratio.toFixed(3))).sort()).toEqual(["1.000", "2.000", "6.000"]);
  });
});

describe("what weighs nothing", () => {
  it("is history of its user, and what somebody dislikes is not", async () => {
    const world = worldOf(7);
    const dataset = await datasetOf(world, { user: "user", time: "time" }, { by: "time", share: 0.2, validation: 0 });
    const likes = world.events.filter(({ weight }) => weight > 0);
    const cut = likes.map(({ time }) => time).sort((a, b) => a - b)[Math.floor(0.8 * likes.length)]!;
    const before = world.events
      .map((row, at) => ({ ...row, at }))
      .filter(({ time }) => time < cut)
      .sort((a, b) => a.time - b.time || a.at - b.at);
    for (const { user, relevant, history } of liked(dataset, dataset.test)) {
      const own = before.filter((row) => row.user === user && row.weight >= 0).map(({ item }) => item);
      const had = own.filter((item, at) => !own.includes(item, at + 1));
      expect(history).toEqual(had.filter((item) => !relevant.includes(item)));
    }
    const seen = new Map<string, number>();
    pastOf(dataset).forEach((past, event) => {
      const user = dataset.train.users[dataset.eventQuery[event]!]!;
      const own = before.filter((row) => row.user === user && row.weight >= 0);
      const nth = seen.get(user) ?? 0;
      seen.set(user, nth + 1);
      const at = own.indexOf(own.filter(({ weight }) => weight > 0)[nth]!);
      expect(past).toEqual(own.slice(0, at).map(({ item }) => item));
    });
  });
});

describe("what is disliked", () => {
  it("is a list of each training query, without what was liked as well, with weights summed", async () => {
    const world = worldOf(8);
    const dataset = await datasetOf(world, { user: "user" }, { by: "hash", testModulus: 0, validation: 0 });
    const likes = world.events.filter(({ weight }) => weight > 0);
    const mean = likes.reduce((sum, { weight }) => sum + weight, 0) / likes.length;
    const dislikes = dataset.dislikes!;
    expect(dislikes.offsets).toHaveLength(dataset.train.count + 1);
    dataset.train.users.forEach((user, query) => {
      const sums = new Map<string, number>();
      for (const row of world.events) {
        if (row.user !== user || row.weight >= 0) continue;
        if (likes.some((like) => like.user === user && like.item === row.item)) continue;
        sums.set(row.item, (sums.get(row.item) ?? 0) - row.weight / mean);
      }
      const [from, to] = [dislikes.offsets[query]!, dislikes.offsets[query + 1]!];
      expect(names(dataset, dislikes.values.subarray(from, to))).toEqual([...sums.keys()]);
      [...sums.values()].forEach((sum, i) => {
        expect(dislikes.weights[from + i]).toBeCloseTo(sum, 5);
      });
    });
  });

  it.each<[PoeemConfigInput["events"], Split]>([
    [
      { user: "user", time: "time" },
      { by: "time", share: 0.2 },
    ],
    [{ user: "user" }, { by: "user", testModulus: 3, share: 0.4 }],
  ])("before a held-out query of %j, split %j, is known to it", async (events, split) => {
    const world = worldOf(9);
    const dataset = await datasetOf(world, events, { ...split, validation: 0 });
    const { test } = dataset;
    const likes = world.events.filter(({ weight }) => weight > 0);
    const cut = likes.map(({ time }) => time).sort((a, b) => a - b)[Math.floor(0.8 * likes.length)]!;
    let some = 0;
    liked(dataset, test).forEach(({ user, relevant, history }, query) => {
      const before = world.events
        .map((row, at) => ({ ...row, at }))
        .filter((row) => row.user === user && row.weight < 0 && (split.by !== "time" || row.time < cut))
        .sort((a, b) => (split.by === "time" ? a.time - b.time : 0) || a.at - b.at);
      // an item that a user is to be held out with is held out with its dislikes
      const expected = distinct(before.map(({ item }) => item)).filter(
        (item) => !relevant.includes(item) && !history.includes(item),
      );
      expect(names(dataset, listOf(test.disliked!, query))).toEqual(expected);
      some += expected.length;
    });
    expect(some).toBeGreaterThan(5);
  });
});

it("says what the events weigh", async () => {
  const { raw, config } = await load(worldOf(10), {
    ...{ events: { user: "user", weight: "weight" }, split: { by: "last" }, model: { history: { as: "mean" } } },
    training: { dislikes: 0.2 },
  });
  const dataset = buildDataset(raw, config);
  const facts = dataFacts(raw, dataset);
  const of = (wanted: (weight: number) => boolean): number => raw.events.weight!.filter(wanted).length;
  const trainedDislikes = dataset.dislikes!.values.length;
  const counts = { known: of((weight) => weight === 0), dislikes: of((weight) => weight < 0), trainedDislikes };
  expect(facts.weights).toEqual({ least: 0.5, most: 3, ...counts });
  expect(describeData(config, facts)).toContain(
    `weights of events: 0.5 to 3 where something is liked; ${counts.known} events of 0 (known, not trained on); ` +
      `${counts.dislikes} dislikes (${trainedDislikes} trained away from, with training.dislikes 0.2)`,
  );
});

describe("weights that cannot be", () => {
  const items = [{ id: "a" }, { id: "b" }];
  const refused: [string, readonly unknown[], string][] = [
    ["missing", [1, null], "data.events: 1 row with no weight (row 2: null)"],
    ["texts", ["high", "low"], "data.events: expected numbers in column weight (events.weight), got type VARCHAR; "],
    ["true or false", [true, false], 'SQL that would do: "weight"::INTEGER AS "weight"'],
    ["times", [1, 1753000000], 'data.events: 1 row with a weight beyond ±1,000,000 (row 2: "1753000000")'],
    ["none above 0", [0, -1], "data.events: expected at least one event with weight above 0, got none"],
  ];
  it.each(refused)("are refused: %s", async (_, weights, message) => {
    const events = weights.map((weight, at) => ({ query: "q", item: at === 0 ? "a" : "b", weight }));
    const loading = load({ items, events }, { events: { weight: "weight" } });
    await expect(loading).rejects.toThrow(UserError);
    await expect(loading).rejects.toThrow(message);
  });

  it.each(["'nan'", "'infinity'", "'-infinity'"])("are refused: %s", async (value) => {
    const sql = `SELECT 'a' AS item, 'q' AS query, 1::DOUBLE AS weight UNION ALL SELECT 'b', 'q', ${value}::DOUBLE`;
    const loading = load(
      { items },
      { data: { items: "SELECT * FROM 'items.jsonl'", events: sql }, events: { weight: "weight" } },
    );
    const what = value === "'nan'" ? "no weight" : "a weight beyond ±1,000,000";
    await expect(loading).rejects.toThrow(`data.events: 1 row with ${what} (row 2: `);
  });

  it("change what is trained on, so that the hash of the data is another", async () => {
    const hashes = [2, 3].map(async (weight) => {
      const events = [1, weight].map((one) => ({ query: "q", item: "a", weight: one }));
      return (await load({ items, events }, { events: { weight: "weight" } })).raw.hashes;
    });
    const [one, other] = await Promise.all(hashes);
    expect(other!.events).not.toBe(one!.events);
    expect(other!.eventsInAnyOrder).not.toBe(one!.eventsInAnyOrder);
    expect(other!.items).toBe(one!.items);
  });
});
