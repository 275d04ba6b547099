/** Versions whose manifest lists tables of pages: what these list is published, verified and pruned like the rest. */
import { type Artifact, listChunks, openArtifact, scalarKernel } from "@poeem/pq-core";
import { chunkKey, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { writeDelta } from "@poeem/pq-core/write";
import { expect, it } from "vitest";
import { planPublish } from "../src/plan.ts";
import { pruneStore } from "../src/prune.ts";
import { publishInto } from "../src/publish-into.ts";
import type { CheckedArtifact } from "../src/read-artifact.ts";
import { rollbackTo } from "../src/rollback.ts";
import { readPublished } from "../src/versions.ts";
import { checked, checkedArtifact, makeArtifact } from "./artifacts.ts";
import { MemoryStore } from "./memory-store.ts";

const HOUR = 3_600_000;
const N = 300;
const paged = {
  cellsPerPage: 1,
  fields: Array.from({ length: N }, (_, i) => ({ title: `title ${i}` })),
  facets: { even: Array.from({ length: N }, (_, i) => (i % 2 === 0 ? "yes" : "no")) },
  numbers: {},
};
const [first, second] = await Promise.all([checkedArtifact(0, N, paged), checkedArtifact(1, N, paged)]);
const listed = await checkedArtifact(2, N);

/** Full keys of everything in a version, pages too. */
async function keysOf({ manifest, read }: CheckedArtifact): Promise<string[]> {
  const chunks = await listChunks(manifest, { get: read });
  return [...chunks.map(({ key }) => chunkKey(key)), manifestKey(manifest.version)];
}

const keysIn = (store: MemoryStore): string[] =>
  [...store.values.keys()].filter((key) => /^(chunk|manifest)\//.test(key)).sort();

async function openFrom(store: MemoryStore, { manifestBytes }: CheckedArtifact) {
  const get = async (key: string) => store.values.get(chunkKey(key))!.bytes;
  return openArtifact({ get }, manifestBytes, { kernel: scalarKernel });
}

it("publishes every page, and counts them", async () => {
  const store = new MemoryStore();
  expect(first.manifest.formatVersion).toBe(2);
  const keys = await keysOf(first);
  expect(keys.length).toBeGreaterThan(first.manifest.chunks.length + 8);
  const plan = await planPublish(store, first);
  expect(plan.write.map(({ key }) => key)).toEqual(keys);
  const facts = await publishInto(store, first, { clock: store.clock });
  expect(facts.chunksWritten).toBe(keys.length);
  expect(keysIn(store)).toEqual(keys.toSorted());
  for (const key of keys) expect(store.reads).toContain(key);
  const { versions } = await readPublished(store, "current");
  const bytes = keys.reduce((sum, key) => sum + store.values.get(key)!.bytes.length, 0);
  expect(versions).toMatchObject([{ version: first.manifest.version, bytes }]);
  const index = await openFrom(store, first);
  expect((await index.items([0, N - 1])).map(({ fields }) => fields)).not.toContain(undefined);
});

it("writes of a second version only what the first has not", async () => {
  const store = new MemoryStore();
  await publishInto(store, first, { clock: store.clock });
  const own = (await keysOf(second)).filter((key) => !store.values.has(key));
  store.writes.length = store.reads.length = 0;
  const facts = await publishInto(store, second, { clock: store.clock, verify: "new" });
  expect(facts.chunksWritten).toBe(own.length);
  expect(store.writes.filter((key) => /^(chunk|manifest)\//.test(key))).toEqual(own);
  const shared = (await keysOf(second)).filter((key) => !own.includes(key));
  expect(shared.length).toBeGreaterThan(5);
  // tables of the first are read, to know what it has
  expect(shared.filter((key) => store.reads.includes(key) && !key.includes("/pages-"))).toEqual([]);
});

it("reads all back where the tables of the serving version cannot be read", async () => {
  const store = new MemoryStore();
  await publishInto(store, first, { clock: store.clock });
  const table = (await keysOf(first)).find((key) => key.includes("/pages-0000"))!;
  store.values.get(table)!.bytes[40]! ^= 1;
  store.reads.length = 0;
  await publishInto(store, second, { clock: store.clock, verify: "new" });
  for (const key of await keysOf(second)) expect(store.reads).toContain(key);
  expect((await readPublished(store, "current")).pointer?.version).toBe(second.manifest.version);
});

it("rolls back to a version that is whole, and to none of which a page or a table is missing or altered", async () => {
  const store = new MemoryStore();
  for (const artifact of [first, second]) await publishInto(store, artifact, { clock: store.clock });
  const pointer = store.text(pointerKey());
  for (const key of await keysOf(first)) {
    const entry = store.values.get(key)!;
    const damaged = entry.bytes.slice();
    damaged[damaged.length >> 1]! ^= 1;
    for (const replace of [() => store.values.delete(key), () => store.values.set(key, { ...entry, bytes: damaged })]) {
      replace();
      const rolling = rollbackTo(store, "current", undefined, { clock: store.clock });
      await expect(rolling).rejects.toThrow(key.split("/").at(-1)!);
      await expect(rolling).rejects.toMatchObject({ name: "UserError" });
      expect(store.text(pointerKey())).toBe(pointer);
    }
    store.values.set(key, entry);
  }
  const facts = await rollbackTo(store, "current", undefined, { clock: store.clock });
  expect(facts).toMatchObject({ version: first.manifest.version, chunksVerified: (await keysOf(first)).length });
});

it("prunes the pages of versions that go, and none of those that stay", async () => {
  const store = new MemoryStore();
  for (const artifact of [first, listed, second]) {
    await publishInto(store, artifact, { clock: store.clock });
    store.now += 2 * HOUR;
  }
  await pruneStore(store, 2, store.clock);
  const left = [...new Set([...(await keysOf(listed)), ...(await keysOf(second))])].sort();
  expect(keysIn(store)).toEqual(left);
  await pruneStore(store, 1, store.clock);
  expect(keysIn(store)).toEqual((await keysOf(second)).sort());
  expect((await openFrom(store, second)).manifest.version).toBe(second.manifest.version);
});

it("prunes nothing where the tables of a version that stays cannot be read", async () => {
  const store = new MemoryStore();
  for (const artifact of [first, second]) {
    await publishInto(store, artifact, { clock: store.clock });
    store.now += 2 * HOUR;
  }
  const table = (await keysOf(second)).find((key) => key.includes("/pages-0001"))!;
  const entry = store.values.get(table)!;
  for (const bytes of [undefined, entry.bytes.slice(16), entry.bytes.map((byte, i) => (i === 50 ? byte ^ 1 : byte))]) {
    if (bytes === undefined) store.values.delete(table);
    else store.values.set(table, { ...entry, bytes });
    const before = keysIn(store);
    const pruning = pruneStore(store, 1, store.clock);
    await expect(pruning).rejects.toThrow(/pages-0001/);
    await expect(pruning).rejects.toMatchObject({ name: "UserError" });
    expect(keysIn(store)).toEqual(before);
  }
});

it("changes beside such a version share its pages", async () => {
  const base = await makeArtifact(3, N, paged);
  const chunks = new Map(base.chunks.map(({ key, bytes }) => [key, bytes]));
  const source = { get: async (key: string) => chunks.get(key)! };
  const index = await openArtifact(source, base.manifestBytes, { kernel: scalarKernel });
  const delta = await writeDelta(index, { remove: ["item-1"] });
  const changed: Artifact = { ...delta, chunks: [...base.chunks, ...delta.chunks] };
  const store = new MemoryStore();
  await publishInto(store, checked(base), { clock: store.clock });
  store.now += 2 * HOUR;
  const facts = await publishInto(store, checked(changed), { clock: store.clock });
  expect(facts.chunksWritten).toBe(delta.chunks.length + 1);
  store.now += 2 * HOUR;
  await pruneStore(store, 1, store.clock);
  expect(keysIn(store)).toEqual((await keysOf(checked(changed))).sort());
  const served = await openFrom(store, checked(changed));
  expect([...(await served.ordinals(["item-1", "item-0"]))]).toEqual([-1, 0]);
});
