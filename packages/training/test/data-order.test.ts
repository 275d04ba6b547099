import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import type { PoeemConfigInput } from "../src/config.ts";
import { dataDifference } from "../src/data/hash.ts";
import { CheckpointStore } from "../src/train/checkpoint.ts";
import { load, randomWorld } from "./make-data.ts";

const shuffled = <T>(rows: readonly T[], seed: number): T[] =>
  Array.from(new Random(seed).permutation(rows.length), (row) => rows[row]!);

type Events = PoeemConfigInput["events"];
const USERS: Events = { user: "user", time: "time" };

/** The same rows as they are, and in another order. */
async function twice(events: Events, rows = randomWorld(5)) {
  const read = async (world: typeof rows) => (await load(world, { events })).raw;
  return Promise.all([read(rows), read({ items: shuffled(rows.items, 1), events: shuffled(rows.events, 2) })]);
}

describe("the order of rows", () => {
  it.each<[string, Events]>([
    ["texts", {}],
    ["texts and contexts", { context: ["device"] }],
    ["texts and times", { time: "time" }],
    ["users and times, one after the other", USERS],
  ])("says nothing: %s", async (_, events) => {
    const world = randomWorld(5);
    const rows = { ...world, events: world.events.map((event, e) => ({ ...event, time: e })) };
    const [one, other] = await twice(events, rows);
    expect([...one.ids]).toEqual(rows.items.map(({ id }) => id).sort());
    expect(other).toEqual(one);
  });

  it.each<[string, Events]>([
    ["users without times", { user: "user" }],
    ["users with several events at a time", USERS],
  ])("says what was first: %s", async (_, events) => {
    const [one, other] = await twice(events);
    expect(other.hash).not.toBe(one.hash);
    expect(dataDifference(one.hashes, other.hashes)).toBe(
      "data.events gives the same rows in another order, and an ORDER BY in it would settle that",
    );
  });

  it("another row is no other order", async () => {
    const world = randomWorld(5);
    const { raw: one } = await load(world, { events: USERS });
    const [first, ...rest] = world.events;
    const moved = { ...world, events: [{ ...first!, item: first!.item === "i1" ? "i2" : "i1" }, ...rest] };
    const { raw: other } = await load(moved, { events: USERS });
    expect(dataDifference(one.hashes, other.hashes)).toBe("data.events gives other rows");
    const { raw: more } = await load(
      { ...world, items: [...world.items, { id: "new", title: "x" }] },
      { events: USERS },
    );
    expect(dataDifference(one.hashes, more.hashes)).toBe("data.items gives other rows");
    expect(dataDifference(one.hashes, one.hashes)).toBeUndefined();
  });

  it("--resume says which SQL gives another order", async () => {
    const [one, other] = await twice({ user: "user" });
    const directory = await mkdtemp(join(tmpdir(), "poeem-order-"));
    const store = ({ hash, hashes }: typeof one): CheckpointStore =>
      new CheckpointStore(directory, { config: {}, dataHash: hash, dataHashes: hashes, backend: "", code: {} }, 0);
    await store(one).prepare();
    await store(one).save(1, {}, {});
    expect((await store(one).latest(() => undefined))?.step).toBe(1);
    await expect(store(other).latest(() => undefined)).rejects.toThrow(
      `--resume: the checkpoint in ${directory} was made with other data: data.events gives the same rows in another ` +
        "order, and an ORDER BY in it would settle that",
    );
    const named = ({ hash, hashes }: typeof one): CheckpointStore =>
      new CheckpointStore(
        directory,
        { config: { data: { events: "", test: "" } }, dataHash: hash, dataHashes: hashes, backend: "", code: {} },
        0,
      );
    await named(one).save(1, {}, {});
    await expect(named(other).latest(() => undefined)).rejects.toThrow(
      "data.events or data.test gives the same rows in another order",
    );
  });
});
