import { fnv1a32 } from "@poeem/towers";
import { describe, expect, it } from "vitest";
import type { PoeemConfigInput } from "../src/config.ts";
import { listOf } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { textsFromEvents } from "../src/data/item-texts.ts";
import type { Dataset, QuerySet } from "../src/data/types.ts";
import { type EventRow, ITEM_IDS, load, randomWorld } from "./make-data.ts";

type Kind = "user" | "user, time" | "text" | "text, user" | "text, user, time";
type Split = NonNullable<PoeemConfigInput["split"]>;

const eventsOf = (kind: Kind): PoeemConfigInput["events"] => ({
  ...(kind.includes("text") ? { query: "query" } : {}),
  ...(kind.includes("user") ? { user: "user" } : {}),
  ...(kind.includes("time") ? { time: "time" } : {}),
});

async function datasetOf(seed: number, kind: Kind, split: Split, more: object = {}) {
  const world = randomWorld(seed);
  const events = { ...eventsOf(kind), ...(split.by === "time" ? { time: "time" } : {}), ...more };
  const { config, raw } = await load(world, {
    events,
    split,
    items: { text: ["title"], textFromEvents: true },
    model: { history: { as: "mean" } },
  });
  return { rows: world.events, dataset: buildDataset(raw, config), config };
}

/** What a query is called: its text, its user, or both. */
const keyOf = (kind: Kind) => (row: { query: string; user: string }) =>
  [kind.includes("text") ? row.query : "", kind.includes("user") ? row.user : ""].join("|");

function queriesOf(
  set: QuerySet,
): { key: string; user: string; text: string; relevant: string[]; history: string[] }[] {
  const names = (list: Uint32Array): string[] => Array.from(list, (item) => ITEM_IDS[item]!);
  return Array.from({ length: set.count }, (_, q) => ({
    key: `${set.texts[q] ?? ""}|${set.users[q] ?? ""}`,
    user: set.users[q] ?? "",
    text: set.texts[q] ?? "",
    relevant: names(listOf(set.relevant, q)),
    history: names(listOf(set.histories, q)),
  }));
}

/** Training events as "query item", sorted. */
function trainingPairs(dataset: Dataset): string[] {
  const keys = queriesOf(dataset.train).map(({ key }) => key);
  return Array.from(dataset.eventItem, (item, e) => `${keys[dataset.eventQuery[e]!]} ${ITEM_IDS[item]}`).sort();
}

const byTime = (rows: EventRow[]): EventRow[] =>
  rows
    .map((row, at) => ({ row, at }))
    .sort((a, b) => a.row.time - b.row.time || a.at - b.at)
    .map(({ row }) => row);
const distinct = (list: string[]): string[] => [...new Set(list)];

const CASES: [Kind, Split][] = [
  ["text", { by: "hash", testModulus: 3 }],
  ["text", { by: "time", share: 0.3 }],
  ["user", { by: "hash", testModulus: 4 }],
  ["user", { by: "last" }],
  ["user", { by: "user", testModulus: 3, share: 0.4 }],
  ["user, time", { by: "hash", testModulus: 4 }],
  ["user, time", { by: "last" }],
  ["user, time", { by: "time", share: 0.25 }],
  ["user, time", { by: "user", testModulus: 3 }],
  ["text, user", { by: "hash", testModulus: 3 }],
  ["text, user", { by: "hash", columns: ["user", "item"], testModulus: 3 }],
  ["text, user, time", { by: "time" }],
  ["text, user, time", { by: "last" }],
  ["text, user, time", { by: "user", testModulus: 4 }],
];

describe.each(CASES)("a data set of %s split %o", (kind, split) => {
  it("leaks nothing", async () => {
    for (const seed of [1, 2]) {
      for (const validation of [0, 40]) {
        const { rows, dataset } = await datasetOf(seed, kind, { ...split, validation });
        const trained = new Set(trainingPairs(dataset));
        const cut = cutOf(rows, split);
        expect(dataset.train.count).toBeGreaterThan(0);
        expect(dataset.test.count).toBeGreaterThan(0);
        if (validation > 0) expect(dataset.validation.count).toBeGreaterThan(0);
        else expect(dataset.validation.count).toBe(0);
        for (const set of [dataset.validation, dataset.test]) {
          for (const query of queriesOf(set)) {
            expect(query.relevant.length).toBeGreaterThan(0);
            expect(distinct(query.relevant)).toHaveLength(query.relevant.length);
            expect(distinct(query.history)).toHaveLength(query.history.length);
            for (const item of query.relevant) {
              expect(trained).not.toContain(`${query.key} ${item}`);
              expect(query.history).not.toContain(item);
            }
            const own = rows.filter((row) => row.user === query.user);
            for (const item of query.history) expect(own.map((row) => row.item)).toContain(item);
            if (!kind.includes("time")) continue;
            const first = (item: string): number => Math.min(...own.filter((r) => r.item === item).map((r) => r.time));
            const target = Math.min(
              ...own
                .filter((r) => query.relevant.includes(r.item) && keyOf(kind)(r) === query.key && r.time >= cut)
                .map((r) => r.time),
            );
            for (const item of query.history) expect(first(item)).toBeLessThanOrEqual(target);
          }
        }
        if (split.by === "user") {
          const users = new Set(dataset.train.users);
          for (const user of [...dataset.test.users, ...dataset.validation.users]) expect(users).not.toContain(user);
        }
        if (kind === "text" && split.by === "hash") {
          const texts = textsFromEvents(dataset.ids.length, dataset.train).flatMap((text) => text.split("\n"));
          for (const text of [...dataset.test.texts, ...dataset.validation.texts]) expect(texts).not.toContain(text);
        }
      }
    }
  });

  it("gives each training event the past that a loop over the rows gives it", async () => {
    const { rows, dataset } = await datasetOf(3, kind, { ...split, validation: 10 });
    if (!kind.includes("user")) {
      expect(dataset.past).toBeUndefined();
      return;
    }
    const past = dataset.past!;
    const train = queriesOf(dataset.train);
    const trained = new Set(trainingPairs(dataset));
    const ordered = dataset.ordered ? byTime(rows) : rows;
    const cut = cutOf(rows, split);
    const mine = ordered.filter(
      (row) => trained.has(`${keyOf(kind)(row)} ${row.item}`) && (cut === -1 || row.time < cut),
    );
    const seen = new Map<string, number>();
    Array.from(dataset.eventItem).forEach((item, e) => {
      const { key, user } = train[dataset.eventQuery[e]!]!;
      const got = Array.from(listOf(past.items, past.user[dataset.eventQuery[e]!]!).subarray(0, past.length[e]!));
      // training events of one user are in order: the n-th of them is his n-th row
      const at = seen.get(user) ?? 0;
      seen.set(user, at + 1);
      const own = mine.filter((row) => row.user === user);
      expect(`${keyOf(kind)(own[at]!)} ${own[at]!.item}`).toBe(`${key} ${ITEM_IDS[item]}`);
      const before = dataset.ordered ? own.slice(0, at) : own;
      const had = before.map((row) => row.item);
      expect(got.map((i) => ITEM_IDS[i])).toEqual(dataset.ordered ? had : distinct(had));
    });
  });
});

/** Time from which on events are held out; -1 where the split is not by time. */
function cutOf(rows: EventRow[], { by, share = 0.1 }: Split): number {
  const sorted = rows.map((row) => row.time).sort((a, b) => a - b);
  return by === "time" ? sorted[Math.floor((1 - share) * sorted.length)]! : -1;
}

describe("what each split holds out", () => {
  const none = { validation: 0 };
  /** Held-out pairs of query and item, sorted. */
  const heldOut = (dataset: Dataset): string[] =>
    queriesOf(dataset.test)
      .flatMap(({ key, relevant }) => relevant.map((item) => `${key} ${item}`))
      .sort();
  const pairs = (rows: EventRow[], kind: Kind): string[] => rows.map((row) => `${keyOf(kind)(row)} ${row.item}`).sort();

  it("by hash: exactly the pairs of user and item whose hash is a multiple of the modulus", async () => {
    const { rows, dataset } = await datasetOf(4, "user", { by: "hash", testModulus: 5, ...none });
    const isTest = (row: EventRow): boolean => fnv1a32(`${row.user}\t${row.item}`) % 5 === 0;
    expect(trainingPairs(dataset)).toEqual(
      pairs(
        rows.filter((row) => !isTest(row)),
        "user",
      ),
    );
    const known = new Set(rows.filter((row) => !isTest(row)).map((row) => row.user));
    const expected = rows.filter((row) => isTest(row) && known.has(row.user));
    expect(heldOut(dataset)).toEqual(distinct(pairs(expected, "user")));
    expect(dataset.left.withoutHistory).toBe(
      distinct(rows.filter((row) => isTest(row) && !known.has(row.user)).map((row) => row.user)).length,
    );
    for (const query of queriesOf(dataset.test)) {
      const history = rows.filter((row) => row.user === query.user && !isTest(row)).map((row) => row.item);
      expect(query.history).toEqual(distinct(history));
    }
  });

  it("by hash of other columns: one that is a text, one that may be null", async () => {
    const columns = ["device", "query"];
    const { rows, dataset } = await datasetOf(5, "user", { by: "hash", columns, testModulus: 3, ...none });
    const isTest = (row: EventRow): boolean => fnv1a32(`${row.device ?? ""}\t${row.query}`) % 3 === 0;
    expect(trainingPairs(dataset)).toEqual(
      pairs(
        rows.filter((row) => !isTest(row)),
        "user",
      ),
    );
    const trained = new Set(trainingPairs(dataset));
    const repeats = pairs(rows.filter(isTest), "user").filter((pair) => trained.has(pair));
    expect(dataset.left.repeats).toBe(repeats.length);
  });

  it("last: the item that each user came to last", async () => {
    for (const kind of ["user", "user, time"] as const) {
      const { rows, dataset } = await datasetOf(6, kind, { by: "last", ...none });
      const ordered = kind === "user" ? rows : byTime(rows);
      const expected = distinct(rows.map((row) => row.user)).flatMap((user) => {
        const items = distinct(ordered.filter((row) => row.user === user).map((row) => row.item));
        return items.length > 1 ? [`|${user} ${items.at(-1)}`] : [];
      });
      expect(heldOut(dataset)).toEqual(expected.sort());
    }
  });

  it("time: what happened from a moment on", async () => {
    const { rows, dataset } = await datasetOf(7, "user, time", { by: "time", share: 0.2, ...none });
    const cut = cutOf(rows, { by: "time", share: 0.2 });
    expect(trainingPairs(dataset)).toEqual(
      pairs(
        rows.filter((row) => row.time < cut),
        "user",
      ),
    );
    const late = rows.filter((row) => row.time >= cut);
    expect(late.length / rows.length).toBeGreaterThan(0.19);
    const trained = new Set(trainingPairs(dataset));
    const users = new Set(dataset.train.users);
    const fresh = late.filter((row) => !trained.has(`|${row.user} ${row.item}`));
    expect(dataset.left.repeats).toBe(late.length - fresh.length);
    expect(heldOut(dataset)).toEqual(
      distinct(
        pairs(
          fresh.filter((row) => users.has(row.user)),
          "user",
        ),
      ),
    );
  });

  it("user: every event of the users whose hash is a multiple of the modulus", async () => {
    const { rows, dataset } = await datasetOf(8, "user, time", { by: "user", testModulus: 3, share: 0.4, ...none });
    const isTest = (row: EventRow): boolean => fnv1a32(row.user) % 3 === 0;
    expect(trainingPairs(dataset)).toEqual(
      pairs(
        rows.filter((row) => !isTest(row)),
        "user",
      ),
    );
    for (const query of queriesOf(dataset.test)) {
      const own = byTime(rows).filter((row) => row.user === query.user);
      const had = own.map((row) => row.item);
      const items = distinct(had);
      expect(query.relevant).toEqual(items.slice(items.length - query.relevant.length));
      // what they come back to counts where it comes last
      const before = had.slice(0, had.indexOf(query.relevant[0]!));
      expect(query.history).toEqual(before.filter((item, at) => !before.includes(item, at + 1)));
      expect(query.relevant).toHaveLength(Math.min(items.length - 1, Math.max(1, Math.round(0.4 * items.length))));
    }
  });

  it("validation: the same queries each time, at most a twentieth of them; the test set is unchanged", async () => {
    const split = { by: "hash", testModulus: 3 } as const;
    const [without, few, many, again] = await Promise.all(
      [0, 2, 1000, 1000].map(async (validation) => (await datasetOf(9, "text", { ...split, validation })).dataset),
    );
    expect(few!.validation.count).toBe(2);
    expect(many!.validation.count).toBe(Math.floor(without!.train.count / 20));
    expect(many!.validation.texts).toEqual(again!.validation.texts);
    expect(many!.validation.texts).toEqual(expect.arrayContaining([...few!.validation.texts]));
    for (const dataset of [few!, many!]) {
      expect(heldOut(dataset)).toEqual(heldOut(without!));
      expect(dataset.train.count + dataset.validation.count).toBe(without!.train.count);
    }
  });

  it("contexts: a held-out query of each, rows only for what was trained on", async () => {
    const { rows, dataset } = await datasetOf(
      10,
      "user",
      { by: "hash", testModulus: 4, ...none },
      { context: ["device"] },
    );
    expect([...dataset.contextNames].sort()).toEqual(["device\tdesk", "device\tphone"]);
    const isTest = (row: EventRow): boolean => fnv1a32(`${row.user}\t${row.item}`) % 4 === 0;
    const users = new Set(rows.filter((row) => !isTest(row)).map((row) => row.user));
    const expected = rows.filter((row) => isTest(row) && users.has(row.user));
    const got = queriesOf(dataset.test).flatMap(({ user, relevant }, q) => {
      const [row] = listOf(dataset.test.contexts, q);
      const device = row === undefined ? null : dataset.contextNames[row]!.split("\t")[1]!;
      return relevant.map((item) => `${user} ${device} ${item}`);
    });
    expect(got.sort()).toEqual(distinct(expected.map(({ user, device, item }) => `${user} ${device} ${item}`)).sort());
    const devices = Array.from({ length: dataset.eventItem.length }, (_, e) => {
      const [row] = listOf(dataset.eventContext!, e);
      return row === undefined ? null : dataset.contextNames[row]!.split("\t")[1]!;
    });
    expect(devices.sort()).toEqual(
      rows
        .filter((row) => !isTest(row))
        .map((row) => row.device)
        .sort(),
    );
  });
});
