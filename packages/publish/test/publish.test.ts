import { formatPointer, manifestKey, pointerKey, versionKey } from "@poeem/pq-core/kv";
import { describe, expect, it } from "vitest";
import { planPublish } from "../src/plan.ts";
import { publishInto } from "../src/publish-into.ts";
import { rollbackTo } from "../src/rollback.ts";
import { readPublished } from "../src/versions.ts";
import { checkedArtifact, keysOf, makeArtifact } from "./artifacts.ts";
import { MemoryStore } from "./memory-store.ts";

/** Writes that are not claims, in order. */
const writesOf = (store: MemoryStore): string[] => store.writes.filter((key) => !key.startsWith("claim/"));

describe("publishInto", () => {
  it("writes chunks, then the manifest, then the record, then the pointer", async () => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    const { version } = first.manifest;
    const facts = await publishInto(store, first, { clock: store.clock });
    expect(writesOf(store)).toEqual([...keysOf(first), versionKey("current", version), pointerKey()]);
    expect(facts).toMatchObject({ name: "current", version, replaced: undefined, chunksPresent: 0 });
    expect(facts.chunksWritten).toBe(keysOf(first).length);
    const publishedAt = new Date(store.now).toISOString();
    expect(store.text(pointerKey())).toBe(formatPointer({ version, manifestKey: manifestKey(version), publishedAt }));
    expect([...store.values.keys()].filter((key) => key.startsWith("claim/"))).toEqual([]);
  });

  it("writes no chunk that is there, and reads each back all the same", async () => {
    const [store, first, second] = [new MemoryStore(), await checkedArtifact(1), await checkedArtifact(2)];
    await publishInto(store, first, { clock: store.clock });
    store.writes.length = store.reads.length = 0;
    expect(await publishInto(store, first, { clock: store.clock })).toMatchObject({
      chunksWritten: 0,
      bytesWritten: 0,
    });
    expect(writesOf(store).filter((key) => key.startsWith("chunk/"))).toEqual([]);
    expect(keysOf(first).filter((key) => !store.reads.includes(key))).toEqual([]);

    const shared = keysOf(second).filter((key) => keysOf(first).includes(key));
    expect(shared.length).toBeGreaterThan(0);
    store.writes.length = store.reads.length = 0;
    const facts = await publishInto(store, second, { clock: store.clock, verify: "new" });
    expect(facts).toMatchObject({ replaced: first.manifest.version, chunksPresent: shared.length });
    expect(shared.filter((key) => store.writes.includes(key) || store.reads.includes(key))).toEqual([]);
  });

  it("replaces a chunk that an earlier run left damaged", async () => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    await publishInto(store, first, { clock: store.clock });
    const [key] = keysOf(first);
    store.values.get(key!)!.bytes[40]! ^= 1;
    expect(await publishInto(store, first, { clock: store.clock })).toMatchObject({ chunksWritten: 1 });
    expect(await publishInto(store, first, { clock: store.clock })).toMatchObject({ chunksWritten: 0 });
  });

  it("says in advance what it would write, and writes nothing then", async () => {
    const [store, first, second] = [new MemoryStore(), await checkedArtifact(1), await checkedArtifact(2)];
    await publishInto(store, first, { clock: store.clock });
    const before = store.snapshot();
    const plan = await planPublish(store, second);
    expect(store.snapshot()).toEqual(before);
    store.writes.length = 0;
    await publishInto(store, second, { clock: store.clock });
    expect(writesOf(store).filter((key) => key.startsWith("chunk/"))).toEqual(plan.write.map(({ key }) => key));
    expect([...plan.write, ...plan.present].map(({ key }) => key).sort()).toEqual(keysOf(second).sort());
  });

  it.each(["refuse", "damage", "lose"] as const)(
    "leaves the pointer alone when KV should %s any one write",
    async (failure) => {
      const [store, first, second] = [new MemoryStore(), await checkedArtifact(1), await checkedArtifact(3)];
      await publishInto(store, first, { clock: store.clock });
      const pointer = store.text(pointerKey());
      const keys = keysOf(second).filter((key) => !store.values.has(key));
      expect(keys.length).toBeGreaterThan(1);
      const messages = {
        refuse: /stopped before the pointer was written: disk full/,
        damage: /gave back other bytes for chunk\/.* after writing; the pointer stays/,
        lose: /gave back nothing for chunk\/.* after writing; the pointer stays/,
      };
      for (const bad of keys) {
        store.fail = (key) => (key === bad ? failure : undefined);
        await expect(publishInto(store, second, { clock: store.clock })).rejects.toThrow(messages[failure]);
        expect(store.text(pointerKey())).toBe(pointer);
        expect((await readPublished(store, "current")).versions).toHaveLength(1);
        for (const key of keys) store.values.delete(key);
      }
      store.fail = () => undefined;
      await publishInto(store, second, { clock: store.clock });
      expect(JSON.parse(store.text(pointerKey())!)).toMatchObject({ version: second.manifest.version });
    },
  );

  it("tells of a pointer that could not be written; a second run moves it", async () => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    store.fail = (key) => (key === pointerKey() ? "refuse" : undefined);
    await expect(publishInto(store, first, { clock: store.clock })).rejects.toThrow(
      /the pointer of current could not be written \(all chunks of .* are there.*disk full/,
    );
    store.fail = () => undefined;
    expect(await publishInto(store, first, { clock: store.clock })).toMatchObject({ chunksWritten: 0 });
  });

  it("waits for a store in which a write is seen late, and gives up in the end", async () => {
    const [store, first] = [new MemoryStore(60_000), await checkedArtifact(1)];
    const seenAt = store.now + 90_000;
    const get = store.get.bind(store);
    store.get = async (key) => (store.now < seenAt ? null : get(key));
    await publishInto(store, first, { clock: store.clock });
    expect(store.now).toBeGreaterThanOrEqual(seenAt);
    store.get = async () => null;
    await expect(publishInto(store, await checkedArtifact(2), { clock: store.clock })).rejects.toThrow(
      /gave back nothing/,
    );
  });

  it.each(["", "Books", "a/b", "a".repeat(41)])("refuses the name %j before anything is written", async (name) => {
    const store = new MemoryStore();
    await expect(publishInto(store, await checkedArtifact(1), { name })).rejects.toThrow(/"name" expected 1 to 40/);
    expect(store.writes).toEqual([]);
  });

  it("keeps indexes apart by name", async () => {
    const [store, first, second] = [new MemoryStore(), await checkedArtifact(1), await checkedArtifact(2)];
    await publishInto(store, first, { clock: store.clock });
    await publishInto(store, second, { name: "books", clock: store.clock });
    expect((await readPublished(store, "current")).pointer).toMatchObject({ version: first.manifest.version });
    expect((await readPublished(store, "books")).pointer).toMatchObject({ version: second.manifest.version });
    expect((await readPublished(store, "books")).versions).toHaveLength(1);
  });
});

describe("the record of versions", () => {
  it("lists versions by time with their size, and marks when one was replaced", async () => {
    const store = new MemoryStore();
    const artifacts = await Promise.all([1, 2, 3].map((seed) => makeArtifact(seed)));
    const times: string[] = [];
    for (const seed of [1, 2, 3]) {
      store.now += 1000;
      times.push(new Date(store.now).toISOString());
      await publishInto(store, await checkedArtifact(seed), { clock: store.clock });
    }
    const { versions, pointer } = await readPublished(store, "current");
    expect(versions).toEqual(
      artifacts.map(({ version, chunks, manifestBytes }, i) => ({
        version,
        manifestKey: manifestKey(version),
        publishedAt: times[i],
        items: 50,
        bytes: chunks.reduce((sum, { bytes }) => sum + bytes.length, manifestBytes.length),
        ...(i < 2 ? { lastServed: times[i + 1] } : {}),
      })),
    );
    expect(pointer).toMatchObject({ version: artifacts[2]!.version, publishedAt: times[2] });
  });

  it("writes a pointer that is newer than the one before, also where clocks differ and at a rollback", async () => {
    const store = new MemoryStore();
    const time = async () => Date.parse((await readPublished(store, "current")).pointer!.publishedAt);
    const times: number[] = [];
    for (const seed of [1, 2, 3]) {
      // Each publisher's clock is an hour behind that of the one before.
      store.now -= 3_600_000;
      await publishInto(store, await checkedArtifact(seed), { clock: store.clock });
      times.push(await time());
    }
    await rollbackTo(store, "current", (await makeArtifact(1)).version, { clock: store.clock });
    times.push(await time());
    expect(times).toEqual([times[0], times[0]! + 1, times[0]! + 2, times[0]! + 3]);
    store.now += 24 * 3_600_000;
    await publishInto(store, await checkedArtifact(2), { clock: store.clock });
    expect(await time()).toBe(store.now);

    // A pointer from the end of time keeps nobody from publishing.
    const pointer = { ...(await readPublished(store, "current")).pointer!, publishedAt: "+275760-09-13T00:00:00.000Z" };
    await store.put([{ key: pointerKey(), bytes: new TextEncoder().encode(formatPointer(pointer)) }]);
    await publishInto(store, await checkedArtifact(3), { clock: store.clock });
    expect((await readPublished(store, "current")).pointer).toMatchObject({
      version: (await makeArtifact(3)).version,
      publishedAt: pointer.publishedAt,
    });
  });

  it("knows a version that only the pointer names, and keeps it when the next one is published", async () => {
    const [store, first, second] = [new MemoryStore(), await checkedArtifact(1), await checkedArtifact(2)];
    await publishInto(store, first, { clock: store.clock });
    store.values.delete(versionKey("current", first.manifest.version));
    const before = await readPublished(store, "current");
    expect(before.versions).toMatchObject([{ version: first.manifest.version, items: 50 }]);
    store.now += 1000;
    await publishInto(store, second, { clock: store.clock });
    expect((await readPublished(store, "current")).versions.map(({ version }) => version)).toEqual([
      first.manifest.version,
      second.manifest.version,
    ]);
    expect(store.values.has(versionKey("current", first.manifest.version))).toBe(true);
  });

  it("reads no key that was never written, also of an index that is not there", async () => {
    const store = new MemoryStore();
    expect(await readPublished(store, "nobody")).toEqual({ name: "nobody", pointer: undefined, versions: [] });
    await publishInto(store, await checkedArtifact(1), { name: "nobody-else", clock: store.clock });
    expect((await readPublished(store, "nobody")).pointer).toBeUndefined();
  });
});
