/** What attempts to read a version leave to the next one, read from a store that counts, fails and lies. */
import { loadKernel } from "@poeem/pq-core";
import kernelModule from "@poeem/pq-core/kernel.wasm";
import { chunkKey, manifestKey } from "@poeem/pq-core/kv";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Arrivals } from "../src/index/arrivals.ts";
import type { Load } from "../src/index/loaded-index.ts";
import { openServedIndex, PAGING } from "../src/index/served-index.ts";
import type { Store } from "../src/index/store.ts";
import { Turns } from "../src/index/turns.ts";
import { makeShop } from "./fixture.ts";

const { artifact } = await makeShop(7, 3_000);
const { version, chunks } = artifact;
const values = new Map(chunks.map(({ key, bytes }) => [chunkKey(key), bytes]));
values.set(manifestKey(version), artifact.manifestBytes);
const load: Load = { version, manifestKey: manifestKey(version), publishedAt: "2026-11-22T10:00:00.000Z" };
const keysOf = (...kinds: string[]) =>
  artifact.manifest.chunks.filter(({ kind }) => kinds.includes(kind)).map(({ key }) => chunkKey(key));

/** Keys that were read, and what is done to some of them. */
const reads: string[] = [];
let damage: (key: string, bytes: Uint8Array, again: boolean) => Uint8Array | null | Promise<never>;
const store: Store = {
  getText: async () => null,
  async getBytes(key, { again = false } = {}) {
    reads.push(key);
    return damage(key, values.get(key)!.slice(), again);
  },
};
beforeEach(() => {
  reads.length = 0;
  damage = (_, bytes) => bytes;
});

const arrivals = new Arrivals(1 << 20);
const paging = new Turns({ ...PAGING, now: () => 0, sleep: (ms) => scheduler.wait(ms) });
const kernel = loadKernel(kernelModule);
const open = (kept = arrivals) =>
  openServedIndex(store, load, async ({ most }) => most, { kernel, paging, arrivals: kept });

describe("an attempt after one that failed", () => {
  it.each([
    ["is missing", (): Uint8Array | null => null],
    ["is cut", (bytes: Uint8Array) => bytes.slice(1)],
    ["has a flipped bit", (bytes: Uint8Array) => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1) as Uint8Array],
  ])("because a chunk %s reads just that one again, and the manifest", async (_, change) => {
    for (const bad of keysOf("codebook", "lists", "query-tower", "words")) {
      damage = (key, bytes) => (key === bad ? change(bytes) : bytes);
      await expect(open()).rejects.toMatchObject({ kind: change(new Uint8Array(1)) === null ? "missing" : "damaged" });
      reads.length = 0;
      damage = (_, bytes) => bytes;
      const { index } = await open();
      expect(index.version).toBe(version);
      expect(reads).toEqual([manifestKey(version), bad]);
      expect(arrivals.bytes).toBe(0);
      reads.length = 0;
    }
  });

  it("because its request was cancelled goes on where that one stopped", async () => {
    const wanted = keysOf("codebook", "lists", "query-tower", "words");
    let left = 3;
    damage = (key, bytes) => (key.includes("manifest") || left-- > 0 ? bytes : new Promise<never>(() => undefined));
    void open();
    await scheduler.wait(20);
    reads.length = 0;
    damage = (_, bytes) => bytes;
    await open();
    expect(reads).toHaveLength(1 + wanted.length - 3);
  });

  it("goes on with the pages that are read ahead", async () => {
    const { prefetch } = await open();
    const pages = keysOf("items", "lookup", "postings", "filters");
    const bad = pages.slice(0, 2);
    damage = (key, bytes) => (bad.includes(key) ? null : bytes);
    await expect(prefetch()).rejects.toThrow(`has no key "${bad[0]}"`);
    damage = (_, bytes) => bytes;
    reads.length = 0;
    await prefetch();
    expect(reads).toEqual(bad);
  });

  it("of a store that has nothing stops after a few keys", async () => {
    damage = () => null;
    const { prefetch } = await (async () => {
      damage = (_, bytes) => bytes;
      return open();
    })();
    reads.length = 0;
    damage = () => null;
    await expect(prefetch()).rejects.toThrow();
    expect(reads.length).toBeLessThanOrEqual(8);
  });
});

it("reads what came damaged once more, past the caches, and every kind of chunk heals", async () => {
  damage = (_, bytes, again) => (again ? bytes : (bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1) as Uint8Array));
  const { index, words, tower, prefetch } = await open();
  await prefetch();
  expect([index.version, words !== undefined, tower !== undefined]).toEqual([version, true, true]);
  expect(reads.length).toBe(2 * values.size);
});

it("compares each chunk with its hash once, also those that are read ahead and used", async () => {
  const digest = vi.spyOn(crypto.subtle, "digest");
  const { index, prefetch } = await open();
  await prefetch();
  const items = await index.items(Uint32Array.from({ length: 3_000 }, (_, i) => i));
  expect(items).toHaveLength(3_000);
  await index.ordinals(items.map(({ id }) => id));
  const hashed = digest.mock.calls.reduce((sum, [, bytes]) => sum + bytes.byteLength, 0);
  const all = [...values.values()].reduce((sum, { length }) => sum + length, 0);
  // Manifests are hashed twice.
  expect(hashed).toBeGreaterThan(0.9 * all);
  expect(hashed).toBeLessThan(1.2 * all);
  digest.mockRestore();
});

it("keeps no more between attempts than it may, and reads the rest when it is used", async () => {
  const [first, second] = keysOf("codebook", "lists");
  const sizeOf = (key: string | undefined) => values.get(key!)!.length;
  const small = new Arrivals(sizeOf(first) + sizeOf(second));
  damage = (key, bytes) => (key === second ? null : bytes);
  await expect(open(small)).rejects.toThrow("has no key");
  expect(small.bytes).toBe(sizeOf(first));
  reads.length = 0;
  damage = (_, bytes) => bytes;
  await open(small);
  expect(reads).not.toContain(first);
  expect(small.bytes).toBe(0);
});

it("makes room for what is wanted now among what is not", () => {
  const some = new Arrivals(10);
  const chunk = (size: number) => new Uint8Array(size);
  some.add("a", chunk(6));
  some.add("b", chunk(4));
  expect(some.makeRoom(4, new Set(["b"]))).toBe(true);
  expect([some.has("a"), some.has("b"), some.bytes]).toEqual([false, true, 4]);
  expect(some.makeRoom(7, new Set(["b"]))).toBe(false);
  expect(some.take("b")?.length).toBe(4);
  expect(some.bytes).toBe(0);
});
