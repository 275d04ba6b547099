/**
 * An index that is larger than the memory it is given: the same answers from pages, a bounded cache, few reads at
 * once.
 */
import { type Artifact, type Index, loadKernel, openArtifact } from "@poeem/pq-core";
import kernelModule from "@poeem/pq-core/kernel.wasm";
import { formatPointer, pointerKey } from "@poeem/pq-core/kv";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { DEFAULT_TOKENIZER, quantizeTable, textFeatures, writeQueryTower } from "@poeem/towers";
import { beforeAll, expect, it } from "vitest";
import { encodeVector } from "../src/client.ts";
import { priceOf } from "../src/http/price.ts";
import { IndexSet } from "../src/index/index-set.ts";
import { memoryDemand, planMemory } from "../src/index/memory-plan.ts";
import { openServedIndex, PAGING, type ServedIndex } from "../src/index/served-index.ts";
import { Turns } from "../src/index/turns.ts";
import { randomFloats } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { wordFacts, wordsOf } from "./word-fixture.ts";

const numItems = 100_000;
const numShopItems = 20_000;
const leastCacheBytes = 256 * 1024;
const dim = 32;
const nlist = 256;
const random = randomFloats(20261122);
const floats = (length: number) => Float32Array.from({ length }, random);
const below = (n: number) => Math.floor(((random() + 1) / 2) * n);

let artifact: Artifact;
/** The same index, all of it in memory. */
let whole: Index;
/** An index with words. */
let shop: Artifact;
const values = new Map<string, Uint8Array>();

const randomIndex = (numItems: number) => {
  const input = {
    codebook: createCodebook({
      dim,
      metric: "innerProduct",
      nlist,
      numSubQuantizers: 32,
      nbits: 4,
      byResidual: true,
      coarseCentroids: floats(nlist * dim),
      centroids: floats(dim * 16),
    }),
    assignments: Uint32Array.from({ length: numItems }, () => below(nlist)),
    codes: Uint8Array.from({ length: numItems * 32 }, () => below(16)),
    ids: Uint32Array.from({ length: numItems }, (_, i) => i * 3),
    listChunkBytes: 16 * 1024,
    itemChunkBytes: 16 * 1024,
  };
  return input;
};

/** Titles of ten words, some of them frequent; each has one of its own. */
const manyTitles = (numItems: number) =>
  Array.from(
    { length: numItems },
    (_, i) => `${Array.from({ length: 9 }, () => `w${Math.floor(3000 ** ((random() + 1) / 2))}`).join(" ")} own${i}`,
  );

beforeAll(async () => {
  artifact = await writeArtifact(randomIndex(numItems));
  const words = wordsOf(manyTitles(numShopItems), (i) => [String(i * 3)]);
  shop = await writeArtifact({ ...randomIndex(numShopItems), words, wordFacts });
  for (const { chunks, version, manifestBytes } of [artifact, shop]) {
    for (const { key, bytes } of chunks) values.set(`chunk/${key}`, bytes);
    values.set(version, manifestBytes);
  }
  whole = await openArtifact({ get: async (key) => values.get(`chunk/${key}`)! }, artifact.manifestBytes, {
    kernel: loadKernel(kernelModule),
  });
});

/** An isolate with just the memory that the index must have, or all that it can use, over a store that counts. */
function setUp({ version, manifest }: Artifact = artifact, memory: "least" | "most" = "least") {
  const reads = { now: 0, most: 0, keys: [] as string[], pauses: 0 };
  const handedOut: Uint8Array[] = [];
  const liveBytes = () => handedOut.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  const store = {
    getText: async (key: string) =>
      key === pointerKey()
        ? formatPointer({ version, manifestKey: version, publishedAt: "2026-11-22T10:00:00Z" })
        : null,
    async getBytes(key: string) {
      reads.keys.push(key);
      reads.most = Math.max(reads.most, ++reads.now);
      await scheduler.wait(0);
      reads.now--;
      // Each read has memory of its own, which is freed when the index lets go of it.
      const bytes = values.get(key)?.slice() ?? null;
      if (bytes !== null) handedOut.push(bytes);
      return bytes;
    },
  };
  const maxBytes = memoryDemand(manifest, { leastCacheBytes })[memory];
  const sleep = (ms: number) => {
    if (ms === 1) reads.pauses++;
    return scheduler.wait(ms);
  };
  const time = { now: () => 0, sleep, leaseMs: 15_000 };
  const paging = new Turns({ ...time, ...PAGING });
  const indexes = new IndexSet<ServedIndex>({
    ...time,
    store,
    open: (from, to, grant) =>
      openServedIndex(from, to, grant, { kernel: loadKernel(kernelModule), paging, leastCacheBytes }),
    maxBytes,
    refreshMs: 30_000,
    retryMs: 1_000,
  });
  const { get } = makeIsolate({}, { indexes });
  const load = async () => {
    await get("/readyz");
    Object.assign(reads, { most: 0, keys: [] });
    handedOut.length = 0;
    return indexes.current("current")!;
  };
  return { get, reads, load, liveBytes };
}

it("keeps none of its lists in memory, and reads only the chunks that the cells of a search lie in", async () => {
  const { get, reads, load } = setUp();
  const { memory, index } = await load();
  expect(memory).toMatchObject({ residentBytes: 0, keepsPages: false });
  expect(memory.cacheBytes).toBe(leastCacheBytes);
  // Nor pages, however much there is: the cache may fill up with lists, and would take their bytes once more.
  const { most } = memoryDemand(index.manifest, { leastCacheBytes });
  const larger = planMemory(index.manifest, most - 1, { leastCacheBytes }, 0);
  expect(larger.keepsPages).toBe(false);
  expect(larger.cacheBytes).toBeLessThan(most);
  const query = floats(dim);
  const { body } = await get(`/search?vector=${encodeVector(query)}&nprobe=4`);
  const expected = await whole.search(query, { nprobe: 4 });
  expect(body.codesScanned).toBe(expected.codesScanned);
  // A cell of about 6 kB lies on one chunk of 16 KiB or on two.
  expect(reads.keys.filter((key) => key.startsWith("chunk/lists")).length).toBeLessThanOrEqual(8);
  expect(new Set(reads.keys).size).toBe(reads.keys.length);
  reads.keys = [];
  await get(`/search?vector=${encodeVector(query)}&nprobe=4&k=9`);
  expect(reads.keys).toEqual([]);
});

it.each([
  [1, 10],
  [16, 100],
  [nlist, 1000],
])("answers nprobe %i, k %i as the resident index does, for one vector and for a history", async (nprobe, k) => {
  const { get, reads, load } = setUp();
  await load();
  const query = floats(dim);
  const ids = [0, 3, 150_000, 299_997];
  const vectors = await whole.vectors(await whole.ordinals(ids));
  const heads = ids.map((_, i) => vectors.subarray(i * dim, (i + 1) * dim));
  for (const [path, wanted] of [
    [`vector=${encodeVector(query)}`, await whole.search(query, { nprobe, k })],
    [`history=${ids.join()}`, await whole.search(heads, { nprobe, k, exclude: ids })],
  ] as const) {
    const { body } = await get(`/search?${path}&nprobe=${nprobe}&k=${k}`);
    const items = await whole.items(wanted.ordinals);
    expect(body.results.map(({ id }: { id: number }) => id)).toEqual(items.map(({ id }) => id));
    for (const [i, { score }] of body.results.entries()) expect(score).toBeCloseTo(wanted.scores[i]!, 4);
  }
  expect(reads.most).toBeLessThanOrEqual(6);
});

it("never keeps more pages than its budget, whatever is asked: those let go are freed at once", async () => {
  const { get, reads, load, liveBytes } = setUp();
  const { memory } = await load();
  for (let i = 0; i < 6; i++) {
    await get(`/search?vector=${encodeVector(floats(dim))}&nprobe=${1 + below(nlist)}&k=500`);
    // Each chunk is a header of 32 bytes longer than what counts in the cache.
    expect(liveBytes()).toBeLessThanOrEqual(memory.cacheBytes * 1.01);
    expect(liveBytes()).toBeGreaterThan(memory.cacheBytes * 0.5);
  }
  expect(reads.most).toBeLessThanOrEqual(6);
});

it("lets one of many heavy requests at a time hold pages, and light ones beside it", async () => {
  const { load } = setUp();
  const served = await load();
  const [heavy, light] = [{ bytes: 16 * 1024 * 1024 }, { bytes: 1024 * 1024 }];
  const now = { heavy: 0, light: 0 };
  const most = { heavy: 0, light: 0 };
  const ask = (kind: "heavy" | "light") =>
    served.use(
      async (meter) => {
        most[kind] = Math.max(most[kind], ++now[kind]);
        const query = floats(dim);
        const { ordinals } = await served.index.metered(meter!).search(query, { nprobe: kind === "heavy" ? 64 : 4 });
        now[kind]--;
        expect(ordinals).toEqual((await whole.search(query, { nprobe: kind === "heavy" ? 64 : 4 })).ordinals);
      },
      kind === "heavy" ? heavy : light,
    );
  await Promise.all([...Array(8).fill("heavy"), ...Array(16).fill("light")].map(ask));
  expect(most.heavy).toBe(1);
  expect(most.light).toBeGreaterThanOrEqual(4);
  expect(most.light).toBeLessThanOrEqual(8);
});

it("lets others in while a heavy request reads from a store that answers at once", async () => {
  const { get, reads, load } = setUp();
  await load();
  await get(`/search?vector=${encodeVector(floats(dim))}&nprobe=64&k=500`);
  expect(reads.pauses).toBeGreaterThanOrEqual(Math.floor(reads.keys.length / 16) - 1);
  expect(reads.pauses).toBeGreaterThan(0);
});

it("answers many requests at once right", async () => {
  const { get, reads, load } = setUp();
  await load();
  const queries = Array.from({ length: 12 }, () => floats(dim));
  const answers = await Promise.all(queries.map((query) => get(`/search?vector=${encodeVector(query)}&nprobe=64`)));
  for (const [i, { body }] of answers.entries()) {
    const { ordinals } = await whole.search(queries[i]!, { nprobe: 64 });
    expect(body.results.map(({ id }: { id: number }) => id)).toEqual((await whole.items(ordinals)).map(({ id }) => id));
  }
  expect(reads.most).toBeGreaterThan(6);
});

it("reads the postings of a text's words when they are asked for, and answers as from memory", async () => {
  const small = setUp(shop);
  const large = setUp(shop, "most");
  const { memory } = await small.load();
  expect(memory).toMatchObject({ keepsPages: false, keepsWords: true });
  expect((await large.load()).memory).toMatchObject({ keepsPages: true, keepsWords: true });
  large.reads.keys = [];
  const pages = shop.manifest.chunks.filter(({ kind }) => kind === "postings");
  expect(pages.length).toBeGreaterThan(20);
  const texts = ["own77", "w1 w2 own5", "w1 w2 w3 w4 w5 w6", '"w9" w14 -w1', "w1000 w1001 w1002", "w100x ow"];
  for (const text of texts) {
    const path = `/search?k=40&q=${encodeURIComponent(text)}`;
    const [fromPages, fromMemory] = [await small.get(path), await large.get(path)];
    expect(fromPages.status, text).toBe(200);
    expect(fromPages.body.results.length, text).toBeGreaterThan(0);
    expect(fromPages.body, text).toEqual(fromMemory.body);
  }
  const read = small.reads.keys.filter((key) => key.startsWith("chunk/postings"));
  expect(new Set(read).size).toBeGreaterThan(2);
  expect(small.reads.most).toBeLessThanOrEqual(6);
  expect(large.reads.keys).toEqual([]);
  expect(small.liveBytes()).toBeLessThanOrEqual(memory.cacheBytes * 1.01);
});

it("reads no more than its price for what is found by words and scored by codes", async () => {
  const texts = Array.from({ length: 40 }, (_, i) => `w${i + 1}`);
  const rows = Uint32Array.from(new Set(texts.flatMap((text) => [...textFeatures(text)]))).sort();
  const table = quantizeTable(floats(rows.length * dim), rows, dim);
  const queryTower = writeQueryTower({
    ...{ width: dim, layers: [], skip: false },
    inputs: [{ kind: "text", tokenizer: DEFAULT_TOKENIZER, table }],
  });
  // two hundred items have the same name, and lie anywhere
  const words = wordsOf(manyTitles(numShopItems), (i) => [String(i * 3), ...(i % 100 === 0 ? ["w9 w30"] : [])]);
  // some two hundred pages of lists
  const input = { ...randomIndex(numShopItems), words, wordFacts, queryTower, listChunkBytes: 2048 };
  const read = await writeArtifact(input);
  for (const { key, bytes } of read.chunks) values.set(`chunk/${key}`, bytes);
  values.set(read.version, read.manifestBytes);
  for (const [q, k] of [
    ["w9", 10],
    ["w9", 100],
    ["own77", 10],
    ["w9 w30 w31 w40", 10],
    ["w7 w31", 200],
    ["w9 w30", 10],
  ] as const) {
    const { get, reads, load } = setUp(read);
    const served = await load();
    expect(served.memory).toMatchObject({ residentBytes: 0, keepsPages: false });
    const price = (mode: "dense" | "hybrid") =>
      priceOf(served, { ...{ index: "current", q, k, mode, nprobe: 1, exclude: [], diversity: 0 } });
    const { status, body } = await get(`/search?q=${encodeURIComponent(q)}&k=${k}&nprobe=1`);
    expect([status, body.mode, body.results.length]).toEqual([200, "hybrid", k]);
    // one cell has 80 items: most of those that words find lie in others
    const lists = reads.keys.filter((key) => key.startsWith("chunk/lists")).length;
    if (q !== "own77") expect(lists).toBeGreaterThan(25);
    expect(reads.keys.length).toBeLessThanOrEqual(price("hybrid").reads);
    expect(price("hybrid").reads - price("dense").reads).toBeGreaterThanOrEqual(lists - 2);
  }
});

it("serves an index with more words than an isolate can keep by its codes, and says so", async () => {
  const { chunks, ...facts } = shop.manifest;
  const huge = chunks.map((chunk) => (chunk.kind === "words" ? { ...chunk, size: 40 << 20 } : chunk));
  const memory = planMemory({ ...facts, chunks: huge }, 2 ** 30);
  expect(memory.keepsWords).toBe(false);
  // With more memory for all indexes the limits rise, as in Node.
  expect(planMemory({ ...facts, chunks: huge }, 2 ** 30, { maxIndexBytes: 2 ** 30 }).keepsWords).toBe(true);
  // None of their bytes is asked for.
  const others = { ...facts, chunks: chunks.filter(({ kind }) => kind !== "words") };
  expect(memoryDemand({ ...facts, chunks: huge }).least - memoryDemand(others).least).toBeLessThan(1000);

  const served = { ...(await setUp(shop).load()), memory, words: undefined };
  const indexes = {
    acquire: async () => served,
    current: () => served,
    isWhole: () => true,
    refreshFailure: () => undefined,
    checkedAt: () => undefined,
  };
  const { get } = makeIsolate({}, { indexes });
  const detail = "cannot be used: this index has more words than an isolate can keep";
  for (const [path, parameter] of [
    ["/search?q=w1&mode=words", "mode"],
    ["/suggest?q=w1", "q"],
  ])
    expect(await get(path!)).toMatchObject({ status: 400, body: { errors: [{ parameter, detail }] } });
  expect((await get(`/search?vector=${encodeVector(floats(dim))}`)).body.mode).toBe("dense");
});
