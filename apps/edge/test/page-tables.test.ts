/** An index whose pages tables list, served: the answers of one whose manifest lists them, for what it costs. */
import { env } from "cloudflare:workers";
import { type Index, loadKernel, openArtifact } from "@poeem/pq-core";
import kernelModule from "@poeem/pq-core/kernel.wasm";
import { chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { writeDelta } from "@poeem/pq-core/write";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeVector } from "../src/client.ts";
import { priceOf, priceOfItem, READ_BYTE_WORK } from "../src/http/price.ts";
import type { ResolvedSearch } from "../src/http/resolve.ts";
import { IndexSet } from "../src/index/index-set.ts";
import { kvStore } from "../src/index/kv-store.ts";
import { memoryDemand, planMemory } from "../src/index/memory-plan.ts";
import { openServedIndex, PAGING, type ServedIndex } from "../src/index/served-index.ts";
import { Turns } from "../src/index/turns.ts";
import { dim, type Fixture, makeShop, nlist, publish, randomFloats } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { wordFacts } from "./word-fixture.ts";

const N = 600;
/** A run for each cell, and pages of a few items. */
const SIZES = { cellsPerPage: 1, itemChunkBytes: 1024 };
let listed: Fixture;
let tables: Fixture;
let changed: { version: string; manifestBytes: Uint8Array };

const random = randomFloats(29);
const below = (n: number) => Math.floor(((random() + 1) / 2) * n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
const vector = () => encodeVector(Float32Array.from({ length: dim }, random));

beforeAll(async () => {
  listed = await makeShop(71, N, "mixture", wordFacts, { itemChunkBytes: 1024 });
  tables = await makeShop(71, N, "mixture", wordFacts, SIZES);
  await publish(env.INDEX, listed, undefined, "listed");
  await publish(env.INDEX, tables);
});

const open = ({ artifact }: Fixture): Promise<Index> => {
  const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
  const source = { get: async (key: string) => chunks.get(key)! };
  return openArtifact(source, artifact.manifestBytes, { kernel: loadKernel(kernelModule) });
};

/** A path for all cells, with anything else that a search can have. */
function anySearch(): string {
  const parts = [
    pick([
      () => `vector=${encodeURIComponent(vector())}`,
      () => `like=item:${below(N)}`,
      () => `history=${Array.from({ length: 1 + below(6) }, () => `item:${below(N)}`).join()}`,
      () => `q=${pick(["red jacket", "lamp", "AB-1077-X", "white"])}&mode=${pick(["hybrid", "words"])}`,
      () => `q=${pick(["birthday cake", "a"])}&mode=dense`,
    ])(),
    `k=${1 + below(60)}`,
    pick(["", "&filter=set:even", '&filter=year>=2010 AND tag:"by 3"', "&filter=NOT set:odd", "&filter=set:none"]),
    pick(["", "", "&exclude=item:1,item:2,item:33"]),
    pick(["", "", "&fields=set", "&fields="]),
    pick(["", "", "", "&diversity=0.5"]),
  ];
  return `/search?${parts.join("&").replace(/&+/g, "&")}`;
}

it("is of version 2, with pages of every kind", () => {
  const kinds = tables.artifact.manifest.chunks.flatMap(({ of, pages }) => (of ? [[of, pages!] as const] : []));
  expect(tables.artifact.manifest.formatVersion).toBe(2);
  expect(kinds.map(([of]) => of)).toEqual(["lists", "items", "lookup", "filter-pages"]);
  for (const [, pages] of kinds) expect(pages).toBeGreaterThan(2);
});

it("answers what an index answers whose manifest lists its pages", async () => {
  const { get } = makeIsolate();
  for (let i = 0; i < 150; i++) {
    const path = `${anySearch()}&nprobe=${nlist}`;
    const { status, body } = await get(path);
    const expected = await get(`${path}&index=listed`);
    expect([status, expected.status], path).toEqual([200, 200]);
    expect(body.results, path).toEqual(expected.body.results);
  }
  const facets = await get("/facets");
  expect({ ...facets.body, indexVersion: "" }).toEqual({
    ...(await get("/facets?index=listed")).body,
    indexVersion: "",
  });
  for (const path of ["/items/item:7", "/suggest?q=red%20ja", "/items/none"]) {
    const index = path.includes("?") ? "&index=listed" : "?index=listed";
    const [own, other] = [await get(path), await get(path + index)];
    expect(own.status, path).toBe(other.status);
    if (own.status === 200)
      expect({ ...own.body, indexVersion: "" }, path).toEqual({ ...other.body, indexVersion: "" });
  }
});

it("of some runs visits no more, and says so", async () => {
  const { get } = makeIsolate();
  await get(`/search?vector=${encodeURIComponent(vector())}`);
  const { body: version } = await get("/version");
  expect(version.index.memory).toEqual({ lists: "read", pages: "read", filters: true, words: true });
  for (const nprobe of [1, 2, 5]) {
    const { body } = await get(`/search?vector=${encodeURIComponent(vector())}&nprobe=${nprobe}`);
    expect(body.listsProbed).toBe(nprobe);
    expect(body.results.length).toBe(10);
  }
});

/** An index set over KV that counts, which keeps no more pages than it must. */
function counting() {
  const keys: string[] = [];
  const kv = {
    get(key: string, options: never) {
      keys.push(key);
      return env.INDEX.get(key, options);
    },
  } as unknown as Parameters<typeof kvStore>[0];
  const time = { now: () => 0, sleep: (ms: number) => scheduler.wait(ms), leaseMs: 15_000 };
  const indexes = new IndexSet<ServedIndex>({
    ...{ ...time, store: kvStore(kv, 1000) },
    open: (from, to, grant) =>
      openServedIndex(from, to, grant, {
        ...{ kernel: loadKernel(kernelModule), paging: new Turns({ ...time, ...PAGING }) },
      }),
    maxBytes: 40 << 20,
    ...{ refreshMs: 30_000, retryMs: 1_000 },
  });
  const { get } = makeIsolate({}, { indexes });
  const load = async () => {
    await get("/readyz");
    // filters are read behind the answer
    await get("/facets");
    keys.length = 0;
    const served = indexes.current("current")!;
    served.index.limitPages(0);
    return served;
  };
  return { get, load, keys };
}

describe("its price", () => {
  it("is no less than what it reads, cold and warm", async () => {
    let most = 0;
    let sum = 0;
    for (let i = 0; i < 30; i++) {
      const { get, load, keys } = counting();
      const served = await load();
      const query = pick<() => Partial<ResolvedSearch>>([
        () => ({ vector: Float32Array.from({ length: dim }, random) }),
        () => ({ like: `item:${below(N)}` }),
        () => ({ history: Array.from({ length: 1 + below(6) }, () => `item:${below(N)}`) }),
        () => ({ q: pick(["red jacket", "lamp", "white"]), mode: pick(["hybrid", "words", "dense"]) }),
      ])();
      const request = {
        ...{ index: "current", k: pick([1, 10, 60]), nprobe: 1 + below(nlist), mode: "dense" },
        ...{ exclude: pick([[], ["item:1", "item:2", "item:33"]]), diversity: pick([0, 0, 0.5]) },
        ...pick<Partial<ResolvedSearch>>([{}, { filter: { facet: "set", in: ["even"] } }]),
        ...pick<Partial<ResolvedSearch>>([{}, { fields: [] }, { fields: ["set"] }]),
        ...query,
      } as ResolvedSearch;
      const path = toPath(request);
      for (let turn = 0; turn < 2; turn++) {
        keys.length = 0;
        const { status, body } = await get(path);
        expect([status, body.detail], path).toEqual([200, undefined]);
        const { reads } = priceOf(served, request);
        // results lie anywhere here, and not near each other as those of a trained index
        // what was read is there for a moment, and not read again for the same request
        const distinct = [...new Set(keys)];
        const fields = distinct.filter((key) => key.startsWith("chunk/items")).length;
        const lie = Math.max(0, fields - Math.max(1, Math.round(request.k ** 0.7)));
        expect(distinct.length - lie, `${path} ${distinct.join(" ")}`).toBeLessThanOrEqual(reads);
        most = Math.max(most, keys.length);
        sum += reads;
      }
    }
    expect(most).toBeGreaterThan(20);
    expect(sum).toBeGreaterThan(0);
  });

  it("of an item has the page of its id", async () => {
    const { get, load, keys } = counting();
    const served = await load();
    expect((await get("/items/item:77")).status).toBe(200);
    expect(keys.map((key) => key.replace(/^chunk\/(.+)-\d+-\w+\.bin$/, "$1")).sort()).toEqual(
      ["items", "lists", "lookup", "pages", "pages"].sort(),
    );
    expect(priceOfItem(served).reads).toBe(5);
  });

  it("of ids alone has no fields, and none are read", async () => {
    const { get, load, keys } = counting();
    const served = await load();
    const request = { index: "current", k: 40, nprobe: 2, mode: "dense", exclude: [], diversity: 0 } as ResolvedSearch;
    const alone = { ...request, vector: Float32Array.from({ length: dim }, random), fields: [] as string[] };
    const { body } = await get(toPath(alone));
    expect(body.results.length).toBe(40);
    for (const { title, fields } of body.results) expect([title, fields]).toEqual([null, {}]);
    expect(keys.every((key) => key.startsWith("chunk/lists"))).toBe(true);
    expect(keys.length).toBe(2);
    const { fields: _, ...all } = alone;
    expect(priceOf(served, all).reads).toBeGreaterThan(priceOf(served, alone).reads);
  });
});

function toPath({ index: _, vector, history, filter, exclude, fields, ...rest }: ResolvedSearch): string {
  const parts = Object.entries(rest).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  if (vector) parts.push(`vector=${encodeURIComponent(encodeVector(vector as Float32Array))}`);
  if (history) parts.push(`history=${history.join()}`);
  if (filter) parts.push("filter=set:even");
  if (exclude.length > 0) parts.push(`exclude=${exclude.join()}`);
  if (fields) parts.push(`fields=${fields.join()}`);
  return `/search?${parts.filter((part) => part !== "mode=dense" || rest.q !== undefined).join("&")}`;
}

describe("its memory", () => {
  it("has filters and words, but never its lists; tables count", () => {
    const { manifest } = tables.artifact;
    const of = (budget: number) => planMemory(manifest, budget, { maxIndexBytes: 2 ** 31 });
    for (const budget of [2 ** 20, 2 ** 24, 2 ** 30])
      expect(of(budget)).toMatchObject({ residentBytes: 0, keepsPages: false, keepsFilters: true, keepsWords: true });
    expect(of(2 ** 24).cacheBytes).toBeGreaterThan(2 ** 23);
    const without = { ...manifest, chunks: manifest.chunks.filter(({ kind }) => kind !== "pages") };
    const limits = { leastCacheBytes: 0 };
    expect(memoryDemand(manifest, limits).least).toBeGreaterThan(memoryDemand(without, limits).least);
  });

  it("keeps the filters of a catalogue whose columns would not fit, since it knows their values alone", () => {
    // a hundred million items: 800 MB of a number on its pages, 3 MB of what is known of all
    const { manifest } = tables.artifact;
    const chunks = manifest.chunks.map((chunk) =>
      chunk.kind === "filters"
        ? { ...chunk, size: 3 << 20 }
        : chunk.of === "filter-pages"
          ? { ...chunk, pages: 800, bytes: 800 << 20, largest: 1 << 20 }
          : chunk,
    );
    const { keepsFilters, residentBytes } = planMemory({ ...manifest, numItems: 1e8, chunks }, 30 << 20);
    expect([keepsFilters, residentBytes]).toEqual([true, 0]);
    const listed = manifest.chunks.map((chunk) => (chunk.kind === "filters" ? { ...chunk, size: 803 << 20 } : chunk));
    expect(planMemory({ ...manifest, chunks: listed }, 30 << 20).keepsFilters).toBe(false);
  });

  it("counts filter pages, of which a manifest can have a million, and the tables of each kind", () => {
    const { manifest } = tables.artifact;
    const table = manifest.chunks.find(({ of }) => of === "filter-pages")!;
    const withTables = (n: number, size: number) => ({
      ...manifest,
      chunks: [
        ...manifest.chunks,
        ...Array.from({ length: n }, () => ({ ...table, size, pages: 2048, bytes: 2048 * 64, largest: 64 })),
      ],
    });
    expect(planMemory(withTables(20, 90_000), 2 ** 30).keepsFilters).toBe(true);
    expect(planMemory(withTables(500, 90_000), 2 ** 30).keepsFilters).toBe(false);
    const least = (n: number, size: number) => memoryDemand(withTables(n, size), { leastCacheBytes: 0 }).least;
    // of a kind no more than it keeps, or one that is larger
    expect(least(400, 90_000) - least(400, 0)).toBeLessThan(9 << 20);
    expect(least(400, 90_000) - least(400, 0)).toBeGreaterThan(6 << 20);
    expect(least(2, 8 << 20) - least(2, 0)).toBeGreaterThan(8 << 20);
  });

  it("is not asked for its lists once more, however much there is", async () => {
    const reads: string[] = [];
    const kv = {
      get(key: string, options: never) {
        if (!key.startsWith("index/")) reads.push(key);
        return env.INDEX.get(key, options);
      },
    } as unknown as Parameters<typeof kvStore>[0];
    const { get, refresh } = makeIsolate({}, {}, 40 << 20, { kv });
    await get(`/search?vector=${encodeURIComponent(vector())}`);
    await refresh();
    reads.length = 0;
    for (let i = 0; i < 3; i++) await refresh();
    expect(reads.filter((key) => key.startsWith("chunk/") || key.startsWith("manifest/"))).toEqual([]);
  });
});

describe("changes beside it", () => {
  beforeAll(async () => {
    const index = await open(tables);
    const [seven] = await index.ordinals(["item:7"]);
    const delta = await writeDelta(index, {
      items: {
        ...(await index.codes([seven!, seven!])),
        ids: ["new:one", "item:5"],
        fields: ["new:one", "item:5"].map((id) => ({ title: `${id} fresh` })),
        facets: { set: ["fresh", "even"], tag: [undefined, undefined] },
        numbers: { year: [2026, 2026] },
        words: wordsOfFresh(),
      },
      remove: ["item:9"],
    });
    for (const { key, bytes } of delta.chunks) await env.INDEX.put(chunkKey(key), bytes);
    await env.INDEX.put(manifestKey(delta.version), delta.manifestBytes);
    changed = delta;
  });

  const publishChanges = () =>
    env.INDEX.put(
      pointerKey(),
      formatPointer({
        version: changed.version,
        manifestKey: manifestKey(changed.version),
        publishedAt: "2026-11-22T11:00:00.000Z",
      }),
    );

  it("are seen within one refresh, read nothing of it again, and are filtered with it", async () => {
    const { get, refresh } = makeIsolate();
    const ids = async (path: string): Promise<string[]> =>
      (await get(`/search?${path}&k=1000&nprobe=${nlist}`)).body.results.map(({ id }: { id: string }) => id);
    const text = `vector=${encodeURIComponent(vector())}`;
    expect(await ids(text)).toContain("item:9");
    expect(await ids(`${text}&filter=set:even`)).toContain("item:8");
    await publishChanges();
    await refresh();
    expect((await get("/version")).body.index.version).toBe(changed.version);
    const all = await ids(text);
    expect(all.length).toBe(N);
    expect(all).toContain("new:one");
    expect(all).not.toContain("item:9");
    expect(await ids(`${text}&filter=set:fresh`)).toEqual(["new:one"]);
    const even = await ids(`${text}&filter=set:even`);
    expect(even).toContain("item:5");
    expect(even.length).toBe(N / 2 + 1);
    expect(await ids(`${text}&filter=year>2025`)).toEqual(expect.arrayContaining(["new:one", "item:5"]));
    expect(await ids("like=item:7&filter=set:fresh")).toEqual(["new:one"]);
    expect(await ids("like=new:one")).toEqual(expect.arrayContaining(["item:5", "item:7"]));
    expect(await ids("history=new:one,item:12")).not.toContain("new:one");
    expect(await ids("q=fresh&mode=words")).toEqual(["item:5", "new:one"]);
    const { body } = await get("/facets");
    expect(JSON.stringify(body)).toContain("fresh");
    expect((await get("/items/new:one")).status).toBe(200);
    expect((await get("/items/item:9")).status).toBe(404);
  });
});

describe("facets of changes that took items away from many filter pages", () => {
  it("have the price of these pages until they were counted, and are refused where that is too much", async () => {
    const many = await makeShop(72, 8000, "mixture", undefined, SIZES);
    const pages = many.artifact.manifest.chunks.find(({ of }) => of === "filter-pages")!.pages!;
    expect(pages).toBeGreaterThan(10);
    await publish(env.INDEX, many, undefined, "many");
    const remove = Array.from({ length: 800 }, (_, i) => `item:${i * 10}`);
    const delta = await writeDelta(await open(many), { remove });
    for (const { key, bytes } of delta.chunks) await env.INDEX.put(chunkKey(key), bytes);
    await env.INDEX.put(manifestKey(delta.version), delta.manifestBytes);
    const to = { version: delta.version, manifestKey: manifestKey(delta.version) };
    await env.INDEX.put(pointerKey("many"), formatPointer({ ...to, publishedAt: "2026-11-23T11:00:00.000Z" }));
    const refused = await makeIsolate({ LIMITS: "reads=10" }).get("/facets?index=many");
    expect([refused.status, refused.body.type]).toEqual([400, "urn:poeem-edge:problem:too-expensive"]);
    expect(refused.body.detail).toMatch(/reads of the index/);
    const { get, keys } = counting();
    expect((await get("/facets?index=many")).status).toBe(200);
    expect(keys.filter((key) => key.includes("filter-pages")).length).toBe(pages);
    keys.length = 0;
    expect((await get("/facets?index=many")).status).toBe(200);
    expect(keys.filter((key) => key.startsWith("chunk/"))).toEqual([]);
  });
});

function wordsOfFresh() {
  return {
    terms: ["fresh"],
    offsets: Uint32Array.of(0, 1, 2),
    numbers: Uint32Array.of(0, 0),
    impacts: Uint8Array.of(9, 9),
    nameOffsets: new Uint32Array(3),
    names: new Uint32Array(0),
  };
}

it("its price grows with what lies on filter pages, whose items are all looked at", async () => {
  const { load } = counting();
  const served = await load();
  const of = (filter: object | undefined, scale = 1) => {
    const chunks = served.index.manifest.chunks.map((chunk) =>
      chunk.of === "filter-pages" ? { ...chunk, bytes: chunk.bytes! * scale, largest: chunk.largest! * scale } : chunk,
    );
    const manifest = { ...served.index.manifest, chunks };
    const index = { manifest, mostCodes: (nprobe: number) => served.index.mostCodes(nprobe) } as unknown as Index;
    const request = { index: "current", k: 10, nprobe: 2, mode: "dense", exclude: [], diversity: 0, filter };
    return priceOf({ ...served, index, memory: { ...served.memory } }, request as unknown as ResolvedSearch);
  };
  const filter = { facet: "set", in: ["even"] };
  const [none, one, large] = [of(undefined), of(filter), of(filter, 100)];
  expect(one.work).toBeGreaterThan(none.work);
  const { readBytes } = large;
  // more than its bytes alone: values are gone by
  expect(large.work - one.work).toBeGreaterThan((readBytes - one.readBytes) * READ_BYTE_WORK * 1.3);
});
