/** Rollback and prune, one at a time: which version is meant, and what stays. */
import { pointerKey, versionKey } from "@poeem/pq-core/kv";
import { describe, expect, it } from "vitest";
import { planPrune, pruneStore } from "../src/prune.ts";
import { publishInto } from "../src/publish-into.ts";
import { rollbackTo } from "../src/rollback.ts";
import { readPublished } from "../src/versions.ts";
import { checkedArtifact, keysOf } from "./artifacts.ts";
import { MemoryStore } from "./memory-store.ts";

const HOUR = 3_600_000;
const artifacts = await Promise.all(Array.from({ length: 5 }, (_, seed) => checkedArtifact(seed)));
const versionsOf = artifacts.map(({ manifest }) => manifest.version);

/** A store in which artifacts were published two hours apart, under names in turn. */
async function storeWith(seeds: readonly number[], names = ["current"], hours = 2): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const [i, seed] of seeds.entries()) {
    await publishInto(store, artifacts[seed]!, { name: names[i % names.length], clock: store.clock });
    store.now += hours * HOUR;
  }
  return store;
}

const serving = async (store: MemoryStore, name = "current"): Promise<string | undefined> =>
  (await readPublished(store, name)).pointer?.version;
const chunksOf = (store: MemoryStore): string[] =>
  [...store.values.keys()].filter((key) => key.startsWith("chunk/")).sort();
const union = (...seeds: number[]): string[] => [...new Set(seeds.flatMap((seed) => keysOf(artifacts[seed]!)))].sort();

describe("rollbackTo", () => {
  it("goes one version back each time, until there is none", async () => {
    const store = await storeWith([0, 1, 2]);
    for (const seed of [1, 0]) {
      const facts = await rollbackTo(store, "current", undefined, { clock: store.clock });
      expect(facts).toMatchObject({ version: versionsOf[seed], replaced: versionsOf[seed + 1] });
      expect(facts.chunksVerified).toBe(keysOf(artifacts[seed]!).length);
      expect(await serving(store)).toBe(versionsOf[seed]);
    }
    await expect(rollbackTo(store, "current", undefined, { clock: store.clock })).rejects.toThrow(
      `current: no version was published before ${versionsOf[0]}, which serves`,
    );
    // and forward again, by name
    await rollbackTo(store, "current", versionsOf[2], { clock: store.clock });
    expect(await serving(store)).toBe(versionsOf[2]);
  });

  it("counts a version that was published again as the newest", async () => {
    const store = await storeWith([0, 1, 0]);
    await rollbackTo(store, "current", undefined, { clock: store.clock });
    expect(await serving(store)).toBe(versionsOf[1]);
  });

  it("refuses what is not there, and says what is", async () => {
    const store = await storeWith([0, 1]);
    const before = store.snapshot();
    const roll = (name: string, version?: string) => rollbackTo(store, name, version, { clock: store.clock });
    await expect(roll("books")).rejects.toThrow("memory: no index called books was published");
    await expect(roll("current", versionsOf[1])).rejects.toThrow(`current: version ${versionsOf[1]} serves already`);
    await expect(roll("current", "nonsense")).rejects.toThrow(
      `current: expected a published version (${versionsOf[0]}, ${versionsOf[1]}), got nonsense`,
    );
    expect(store.snapshot()).toEqual(before);
  });

  it("refuses a version of which any value is missing or altered", async () => {
    const store = await storeWith([0, 1]);
    const pointer = store.text(pointerKey());
    for (const key of keysOf(artifacts[0]!)) {
      const entry = store.values.get(key)!;
      const damaged = entry.bytes.slice();
      damaged[damaged.length >> 1]! ^= 1;
      for (const replace of [
        () => store.values.delete(key),
        () => store.values.set(key, { ...entry, bytes: damaged }),
      ]) {
        replace();
        await expect(rollbackTo(store, "current", undefined, { clock: store.clock })).rejects.toThrow(
          new RegExp(`version ${versionsOf[0]} .*(is damaged|the first).*${key}`),
        );
        expect(store.text(pointerKey())).toBe(pointer);
      }
      store.values.set(key, entry);
    }
    await rollbackTo(store, "current", undefined, { clock: store.clock });
    expect(await serving(store)).toBe(versionsOf[0]);
  });
});

describe("pruneStore", () => {
  it("keeps the newest versions and exactly their chunks", async () => {
    const store = await storeWith([0, 1, 2, 3]);
    expect(chunksOf(store)).toEqual(union(0, 1, 2, 3));
    const plan = await planPrune(store, 2, store.clock);
    expect(chunksOf(store)).toEqual(union(0, 1, 2, 3));
    expect(await pruneStore(store, 2, store.clock)).toEqual(plan);
    expect(plan).toMatchObject({
      kept: 2,
      drop: [1, 0].map((seed) => ({ name: "current", version: versionsOf[seed] })),
    });
    expect(chunksOf(store)).toEqual(union(2, 3));
    expect(plan.bytes).toBeGreaterThan(0);
    expect((await readPublished(store, "current")).versions.map(({ version }) => version)).toEqual(
      versionsOf.slice(2, 4),
    );
    expect(await pruneStore(store, 2, store.clock)).toMatchObject({ drop: [], chunks: [], kept: 2 });
    await rollbackTo(store, "current", undefined, { clock: store.clock });
    expect(await serving(store)).toBe(versionsOf[2]);
  });

  it("keeps the serving version, however old it is", async () => {
    const store = await storeWith([0, 1, 2, 3, 4]);
    await rollbackTo(store, "current", versionsOf[0], { clock: store.clock });
    store.now += 2 * HOUR;
    await pruneStore(store, 2, store.clock);
    // 4 served until the rollback two hours ago; 4 and 3 are the newest
    expect(chunksOf(store)).toEqual(union(0, 3, 4));
  });

  it("keeps what readers may still use: versions that were published or served within the hour", async () => {
    const store = await storeWith([0, 1, 2, 3], ["current"], 0.4);
    // published 1.6, 1.2, 0.8 and 0.4 hours ago; version 1 served until 0.8 hours ago
    await pruneStore(store, 2, store.clock);
    expect(chunksOf(store)).toEqual(union(1, 2, 3));
    store.now += 2 * HOUR;
    await rollbackTo(store, "current", versionsOf[1], { clock: store.clock });
    await publishInto(store, artifacts[4]!, { clock: store.clock });
    await pruneStore(store, 2, store.clock);
    // by age 1 would go, but it served a moment ago
    expect(chunksOf(store)).toEqual(union(1, 3, 4));
  });

  it("keeps what any index uses, under whatever name", async () => {
    const store = await storeWith([0, 1, 2, 3, 4], ["current", "books"]);
    // current has 0, 2, 4 and books has 1, 3
    await pruneStore(store, 2, store.clock);
    expect(chunksOf(store)).toEqual(union(1, 2, 3, 4));
    await publishInto(store, artifacts[2]!, { name: "books", clock: store.clock });
    store.now += 2 * HOUR;
    await pruneStore(store, 2, store.clock);
    expect(chunksOf(store)).toEqual(union(2, 3, 4));
  });

  it("leaves young chunks that no version uses yet, and takes them when they are old", async () => {
    const store = await storeWith([0, 1, 2]);
    store.fail = (key) => (key === keysOf(artifacts[3]!).at(-1) ? "refuse" : undefined);
    await expect(publishInto(store, artifacts[3]!, { clock: store.clock })).rejects.toThrow("disk full");
    store.fail = () => undefined;
    const left = keysOf(artifacts[3]!).filter((key) => store.values.has(key) && !union(0, 1, 2).includes(key));
    expect(left.length).toBeGreaterThan(0);
    store.now += 0.9 * HOUR;
    await pruneStore(store, 2, store.clock);
    expect(left.filter((key) => store.values.has(key))).toEqual(left);
    store.now += 0.2 * HOUR;
    await pruneStore(store, 2, store.clock);
    expect(chunksOf(store)).toEqual(union(1, 2));
  });

  it("refuses to guess when a version that stays cannot be read", async () => {
    for (const damage of ["lost", "cut"]) {
      const store = await storeWith([0, 1, 2, 3]);
      const key = keysOf(artifacts[3]!).at(-1)!;
      const entry = store.values.get(key)!;
      if (damage === "lost") store.values.delete(key);
      else store.values.set(key, { ...entry, bytes: entry.bytes.slice(0, 99) });
      const before = store.snapshot();
      await expect(pruneStore(store, 2, store.clock)).rejects.toThrow(/version .* is damaged: chunk\/manifest-/);
      expect(store.snapshot()).toEqual(before);
    }
  });

  it("refuses a record that it cannot read", async () => {
    const store = await storeWith([0, 1, 2, 3]);
    const key = versionKey("current", versionsOf[0]!);
    store.values.set(key, { ...store.values.get(key)!, metadata: { publishedAt: "2026" } });
    const before = store.snapshot();
    await expect(pruneStore(store, 2, store.clock)).rejects.toThrow(
      /record version\/current\/.* is damaged: manifestKey expected text/,
    );
    expect(store.snapshot()).toEqual(before);
  });

  it("finishes what a prune that was stopped in the middle began", async () => {
    const store = await storeWith([0, 1, 2, 3]);
    const total = (await planPrune(store, 2, store.clock)).chunks.length;
    for (let stop = 1; stop < total + 2; stop++) {
      const copy = new MemoryStore();
      copy.now = store.now;
      for (const [key, value] of store.values) copy.values.set(key, value);
      for (const key of store.known) copy.known.add(key);
      let deletes = 0;
      copy.before = async (operation) => {
        if (operation.startsWith("delete") && deletes++ === stop) throw new Error("killed");
      };
      await expect(pruneStore(copy, 2, copy.clock)).rejects.toThrow("killed");
      expect(chunksOf(copy)).toEqual(expect.arrayContaining(union(2, 3)));
      copy.before = async () => undefined;
      await pruneStore(copy, 2, copy.clock);
      expect(chunksOf(copy)).toEqual(union(2, 3));
    }
  });

  it("stops when it stood still for so long that its claim may have expired", async () => {
    const store = await storeWith([0, 1, 2, 3]);
    store.before = async (operation) => {
      if (operation === "list chunk/") store.now += 1000 * 1400;
    };
    await expect(pruneStore(store, 2, store.clock)).rejects.toThrow(
      /the prune stood still for 23 minutes; run it again/,
    );
    expect(chunksOf(store)).toEqual(union(0, 1, 2, 3));
  });

  it("keeps a version that is replaced while it looks", async () => {
    const store = await storeWith([0, 1, 2, 3]);
    await rollbackTo(store, "current", versionsOf[0], { clock: store.clock });
    store.now += 2 * HOUR;
    // 0 serves, and is old enough to go as soon as it does not
    const steps: Record<string, () => void> = {};
    const reached = (step: string): Promise<void> => new Promise((resolve) => (steps[step] = resolve));
    const [marking, released, published] = [reached("marking"), reached("released"), reached("published")];
    let isPruning = false;
    let looks = 0;
    store.before = async (operation) => {
      if (operation === `put ${versionKey("current", versionsOf[0]!)}`) {
        steps["marking"]!();
        await released;
      }
      // the prune has listed the versions, and goes on to the pointer
      if (isPruning && operation === `list ${pointerKey()}` && ++looks === 2) {
        steps["released"]!();
        await published;
      }
    };
    const publishing = publishInto(store, artifacts[4]!, { clock: store.clock }).then(() => steps["published"]!());
    await marking;
    isPruning = true;
    await pruneStore(store, 2, store.clock);
    await publishing;
    expect(looks).toBe(2);
    expect(chunksOf(store)).toEqual(union(0, 3, 4));
  });

  it("keeps chunks and record of a version that someone is bringing back", async () => {
    for (const bringBack of [
      (store: MemoryStore) => rollbackTo(store, "current", versionsOf[0], { clock: store.clock }),
      (store: MemoryStore) => publishInto(store, artifacts[0]!, { clock: store.clock }),
    ]) {
      const store = await storeWith([0, 1, 2, 3]);
      let [begun, release] = [(): void => undefined, (): void => undefined];
      const held = new Promise<void>((resolve) => (release = resolve));
      const reading = new Promise<void>((resolve) => (begun = resolve));
      store.before = async (operation) => {
        if (operation !== `get ${keysOf(artifacts[0]!)[0]}`) return;
        begun();
        await held;
      };
      const bringing = bringBack(store);
      await reading;
      expect((await pruneStore(store, 2, store.clock)).drop).toEqual([{ name: "current", version: versionsOf[1] }]);
      release();
      await bringing;
      expect(await serving(store)).toBe(versionsOf[0]);
      expect(chunksOf(store)).toEqual(union(0, 2, 3));
      expect(store.values.has(versionKey("current", versionsOf[0]!))).toBe(true);
    }
  });

  it("has a publish wait for it, as long as it takes", async () => {
    const store = await storeWith([0, 1, 2, 3]);
    let [begun, release] = [(): void => undefined, (): void => undefined];
    const held = new Promise<void>((resolve) => (release = resolve));
    const deleting = new Promise<void>((resolve) => (begun = resolve));
    store.before = async (operation) => {
      if (!operation.startsWith(`delete ${versionKey("current")}`)) return;
      begun();
      await held;
    };
    const pruning = pruneStore(store, 2, store.clock);
    // it has decided: a publish that claimed before would have been spared
    await deleting;
    const started = store.now;
    let waits = 0;
    const clock = {
      now: () => store.now,
      sleep: async (ms: number) => {
        store.now += ms;
        if (++waits === 3) release();
        await new Promise((wake) => setImmediate(wake));
      },
    };
    await publishInto(store, artifacts[0]!, { clock });
    await pruning;
    expect(store.now - started).toBeGreaterThanOrEqual(15_000);
    expect(await serving(store)).toBe(versionsOf[0]);
    expect(chunksOf(store)).toEqual(union(0, 2, 3));
  });
});
