/** Versions with the same base, which share memory while one follows the other. */
import { loadKernel, openArtifact } from "@poeem/pq-core";
import kernelModule from "@poeem/pq-core/kernel.wasm";
import { chunkKey, manifestKey } from "@poeem/pq-core/kv";
import { writeDelta } from "@poeem/pq-core/write";
import { beforeEach, expect, it } from "vitest";
import { release } from "../src/index/kept-pages.ts";
import type { Load } from "../src/index/loaded-index.ts";
import { openServedIndex, PAGING, type ServedIndex } from "../src/index/served-index.ts";
import type { Store } from "../src/index/store.ts";
import { Turns } from "../src/index/turns.ts";
import { makeShop } from "./fixture.ts";

const kernel = loadKernel(kernelModule);
const { artifact } = await makeShop(7, 3_000);
const values = new Map(artifact.chunks.map(({ key, bytes }) => [chunkKey(key), bytes]));
const whole = await openArtifact({ get: async (key) => values.get(chunkKey(key))! }, artifact.manifestBytes, {
  kernel,
});
const delta = await writeDelta(whole, { remove: ["item:9"] });
for (const { key, bytes } of delta.chunks) values.set(chunkKey(key), bytes);
const loads = [artifact, delta].map(({ version, manifestBytes }): Load => {
  values.set(manifestKey(version), manifestBytes);
  return { version, manifestKey: manifestKey(version), publishedAt: "2026-11-22T10:00:00.000Z" };
});
const [first, second] = loads as [Load, Load];
const isPage = (key: string) => /\/(items|lookup|postings)-/.test(key);
const isPageOfDelta = (key: string) =>
  delta.manifest.chunks.some((chunk) => chunk.delta === true && chunkKey(chunk.key) === key);

/** Pages that were read, and what holds reads back. */
const pages: string[] = [];
let held: (key: string) => Promise<void> | undefined;
const store: Store = {
  getText: async () => null,
  async getBytes(key) {
    if (isPage(key)) pages.push(key);
    await held(key);
    return values.get(key)!.slice();
  },
};
beforeEach(() => {
  pages.length = 0;
  held = () => undefined;
});

const paging = new Turns({ ...PAGING, now: () => 0, sleep: (ms) => scheduler.wait(ms) });
const open = (load: Load, previous?: ServedIndex) =>
  openServedIndex(store, load, async ({ most }) => most, { kernel, paging }, previous);
const pagesOf = ({ kept }: ServedIndex) => [...kept.keys()].filter((key) => isPage(chunkKey(key)));

it("keep their own pages, whichever of them ends its reading ahead last", async () => {
  const a = await open(first);
  const gate = Promise.withResolvers<void>();
  held = (key) => (isPage(key) ? gate.promise : undefined);
  const slow = a.prefetch();
  held = () => undefined;
  const b = await open(second, a);
  await b.prefetch();
  const ofB = pagesOf(b);
  expect(ofB.length).toBeGreaterThan(3);
  gate.resolve();
  await slow;
  expect(pagesOf(b)).toEqual(ofB);
  // What both have is in memory once.
  for (const key of pagesOf(a)) {
    if (!b.kept.has(key)) continue;
    expect(a.kept.lend(key)!.buffer).toBe(b.kept.lend(key)!.buffer);
  }
  expect(pagesOf(a)).toHaveLength(artifact.chunks.filter(({ key }) => isPage(chunkKey(key))).length);
});

it("keep their own pages when another one gives up or loses its memory", async () => {
  const a = await open(first);
  await a.prefetch();
  pages.length = 0;
  const b = await open(second, a);
  await b.prefetch();
  expect(pages.filter((key) => !isPageOfDelta(key))).toEqual([]);
  const ofB = pagesOf(b);
  a.resize!(0);
  expect(pagesOf(a)).toEqual([]);
  expect(pagesOf(b)).toEqual(ofB);
  expect(a.free!()).toBe(true);
  expect(pagesOf(b)).toEqual(ofB);
  for (const key of ofB) expect(b.kept.lend(key)!.length).toBeGreaterThan(0);
  pages.length = 0;
  const [item] = await b.index.items(await b.index.ordinals(["item:7"]));
  expect(item!.id).toBe("item:7");
  expect(pages).toEqual([]);
});

it("take in no page that arrives when its memory is given to others", async () => {
  const a = await open(first);
  const gate = Promise.withResolvers<void>();
  held = (key) => (isPage(key) ? gate.promise : undefined);
  const reading = a.prefetch();
  a.resize!(0);
  gate.resolve();
  await reading;
  expect(pagesOf(a)).toEqual([]);
});

it("are not freed while what follows is opened, which has the same tower", async () => {
  const a = await open(first);
  const gate = Promise.withResolvers<void>();
  held = () => gate.promise;
  const opening = open(second, a);
  expect(a.free!()).toBe(false);
  gate.resolve();
  const b = await opening;
  expect(b.tower).toBe(a.tower);
  expect(a.free!()).toBe(true);
  expect(b.towerBytes.keys().next().value).toBeDefined();
  expect(b.tower!.embed({ text: "cake" })).toBeDefined();
});

it("leave no claim on pages when what follows cannot be opened", async () => {
  const a = await open(first);
  await a.prefetch();
  const page = a.kept.lend(pagesOf(a)[0]!)!;
  release(page);
  held = (read) => (isPage(read) || read === second.manifestKey ? undefined : Promise.reject(new Error("reset")));
  await expect(open(second, a)).rejects.toThrow("reset");
  expect(page.length).toBeGreaterThan(0);
  expect(a.free!()).toBe(true);
  expect(page).toHaveLength(0);
});

it("count words among what only the garbage collector frees, while none else has them", async () => {
  const a = await open(first);
  const words = artifact.manifest.chunks.filter(({ kind }) => kind === "words");
  const bytes = words.reduce((sum, { size }) => sum + size, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(a.residue).toBeGreaterThanOrEqual(a.memory.residentBytes + bytes);
  const b = await open(second, a);
  expect(a.free!()).toBe(true);
  expect(a.residue).toBe(0);
  expect(b.residue).toBeGreaterThanOrEqual(b.memory.residentBytes + bytes);
});
