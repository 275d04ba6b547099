import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Asked, monthlyCost, searchReads, type Usage } from "../bench/cost/cost.ts";
import { exampleIndex } from "../bench/cost/example.ts";
import { STORES, type StoreName, WORKERS } from "../bench/cost/prices.ts";
import { type IndexSize, indexSize } from "../bench/cost/size.ts";
import { vectorizeCost, vectorizeDimensions } from "../bench/cost/vectorize.ts";
import { RequestBudget } from "../packages/publish/src/retry.ts";

const IDS: Asked = { fields: false, filter: false };
const FIELDS: Asked = { fields: true, filter: false };
const FILTER: Asked = { fields: true, filter: true };

describe("indexSize", () => {
  it("tells what an isolate keeps by the Worker's own plan", async () => {
    const { manifest, manifestBytes } = await exampleIndex({ items: 3000, nlist: 20 });
    const sizeWith = (sizes: Readonly<Record<string, number>>) => {
      const chunks = manifest.chunks.map((chunk) => ({ ...chunk, size: sizes[chunk.kind] ?? chunk.size }));
      return indexSize({ ...manifest, chunks }, manifestBytes);
    };
    // manifest, codebook, filters, and a tower of 10 MB in chunks of at most 8 MiB
    const fixed = 5;
    expect(sizeWith({ items: 60e6 })).toMatchObject({
      lists: undefined,
      fields: { count: 2 },
      coldStartKeys: fixed + manifest.chunks.filter(({ kind }) => kind === "lists").length,
    });
    expect(sizeWith({ items: 60e6, lists: 60e6 })).toMatchObject({
      lists: { count: 1 },
      fields: { count: 2 },
      coldStartKeys: fixed,
    });
  });

  it("is the sum of what was written", async () => {
    const shape = { items: 3000, nlist: 20, listChunkBytes: 8192, itemChunkBytes: 16_384 };
    const { manifest, manifestBytes, written } = await exampleIndex(shape);
    const size = indexSize(manifest, manifestBytes);
    expect(size).toMatchObject({ items: 3000, runs: 20, keys: manifest.chunks.length + 1 });
    expect(size.bytes).toBe(written + manifestBytes);
    expect(size.coldStartKeys).toBe(size.keys);
    // 16 bytes of codes per item, in blocks of 32
    expect(size.listBytes).toBeGreaterThanOrEqual(3000 * 16);
    expect(size.listBytes).toBeLessThan(1.1 * 3000 * 16);
  });

  it("counts pages that tables list", async () => {
    const shape = { items: 20_000, nlist: 64, cellsPerPage: 4, itemChunkBytes: 8192 };
    const { manifest, manifestBytes, written } = await exampleIndex(shape);
    const size = indexSize(manifest, manifestBytes);
    expect(size.bytes).toBe(written + manifestBytes);
    expect(size.keys).toBeGreaterThan(10 * manifest.chunks.length);
    // a page for each run; codes and ids of 10 bytes behind offsets of 4
    expect(size).toMatchObject({ runs: 16, lists: { count: 16 }, hasIdsInLists: true });
    expect(size.listBytes / 20_000).toBeCloseTo(16 + 10 + 4, 0);
    // manifest, codebook, filters, tower in two, and tables of lists, fields and filters, but not of look-ups
    expect(size.coldStartKeys).toBe(5 + 3);
  });

  it("is nearly the same where only a part was written", async () => {
    const shape = { items: 200_000, nlist: 256, cellsPerPage: 4, itemChunkBytes: 8192 };
    const measure = async (parts: number) => {
      const { manifest, manifestBytes, written } = await exampleIndex({ ...shape, parts });
      return { ...indexSize(manifest, manifestBytes), written };
    };
    const [whole, part] = [await measure(1), await measure(16)];
    expect(part.written).toBeLessThan(0.6 * whole.written);
    const { items, runs, defaultNprobe, coldStartKeys, lists } = whole;
    expect(part).toMatchObject({ items, runs, defaultNprobe, coldStartKeys, lists: { count: lists!.count } });
    for (const name of ["keys", "bytes", "listBytes", "manifestBytes"] as const)
      expect(part[name] / whole[name], name).toBeCloseTo(1, 1);
  });
});

const usage: Usage = { searches: 0, publishes: 0, versions: 1, coldStarts: 0, isolates: 0, k: 10 };
const small: IndexSize = {
  items: 5000,
  runs: 20,
  defaultNprobe: 8,
  keys: 60,
  bytes: 2_000_000,
  manifestBytes: 11_000,
  listBytes: 20_000,
  coldStartKeys: 60,
  lists: undefined,
  fields: undefined,
  filters: undefined,
  hasIdsInLists: false,
};
/** Of 256 runs, with a page each. */
const large: IndexSize = {
  ...small,
  items: 10_000_000,
  runs: 256,
  keys: 2000,
  bytes: 1.3e9,
  coldStartKeys: 9,
  lists: { count: 256, bytes: 1_000_000 },
  fields: { count: 1600, bytes: 500_000 },
  filters: { count: 86, bytes: 200_000 },
  hasIdsInLists: true,
};

describe("searchReads", () => {
  it("is a page for each run, each result and each page of filters", () => {
    expect(searchReads(large, usage, IDS)).toMatchObject({ lists: 8, fields: 0, filters: 0, all: 8, bytes: 8e6 });
    expect(searchReads(large, usage, FIELDS)).toMatchObject({ all: 18, bytes: 13e6 });
    expect(searchReads(large, usage, FILTER)).toMatchObject({ all: 26, bytes: 14.6e6 });
    expect(searchReads(large, { ...usage, nprobe: 32 }, IDS).all).toBe(32);
    // no more than there are
    expect(searchReads({ ...large, runs: 3, lists: { count: 3, bytes: 1 } }, usage, IDS).all).toBe(3);
    // runs of two pages each
    expect(searchReads({ ...large, lists: { count: 512, bytes: 1 } }, usage, IDS).all).toBe(16);
  });

  it("takes ids from the pages of fields where codes have none", () => {
    expect(searchReads(small, usage, FILTER).all).toBe(0);
    expect(searchReads({ ...small, fields: { count: 100, bytes: 1000 } }, usage, IDS)).toMatchObject({ all: 10 });
    // 4096 cells in 1024 chunks: a cell is a quarter of one and reaches into the next
    const cells = { ...small, runs: 4096, lists: { count: 1024, bytes: 1 } };
    expect(searchReads(cells, { ...usage, nprobe: 16 }, IDS).lists).toBe(16 * 1.25);
  });
});

describe("monthlyCost", () => {
  const cost = (size: IndexSize, month: Partial<Usage>, asked = IDS, store: StoreName = "kv", cached = {}) =>
    monthlyCost(size, { ...usage, ...month }, { store, asked, cached });

  it("is the subscription alone as long as nothing exceeds what it includes", () => {
    const none = { storage: 0, writes: 0, reads: 0, requests: 0, cpu: 0, total: WORKERS.subscription };
    for (const store of Object.keys(STORES) as StoreName[])
      expect(cost(small, { searches: 10e6, publishes: 30, coldStarts: 10_000 }, FILTER, store)).toEqual(none);
  });

  it("charges by the million and the gigabyte, worked out by hand", () => {
    // 30 million requests: 20 million at $0.30; 1 ms of CPU each is what is included
    expect(cost(small, { searches: 30e6 })).toMatchObject({ requests: 6, cpu: 0, total: 11 });
    // 16 million reads, 10 free, at $0.50; 36 and 52 million
    expect(cost(large, { searches: 2e6 }).reads).toBeCloseTo(3, 9);
    expect(cost(large, { searches: 2e6 }, FIELDS).reads).toBeCloseTo(13, 9);
    expect(cost(large, { searches: 2e6 }, FILTER).reads).toBeCloseTo(21, 9);
    // 1 ms, 8 MB hashed at 1.6 MiB a ms, and 8/256 of 10 million codes at 2 ns: 6.39 ms of 2 million searches
    const cpuMs = 2e6 * (1 + 8e6 / (1.6 * 1024 * 1024) + 312_500 / 500_000);
    expect(cpuMs / 2e6).toBeCloseTo(6.39, 2);
    expect(cost(large, { searches: 10e6 }).cpu).toBeCloseTo(((5 * cpuMs - 30e6) / 1e6) * 0.02, 9);
    // 12 million cold starts of 9 keys and the pointer; a pointer each half minute
    expect(cost(large, { coldStarts: 12e6 }).reads).toBeCloseTo((120 - 10) * 0.5, 9);
    expect(cost(large, { isolates: 1000 }).reads).toBeCloseTo((86.4 - 10) * 0.5, 9);
    const { storage, writes, reads } = cost(large, { versions: 3, publishes: 1000 });
    expect(storage).toBeCloseTo((3.9 - 1) * 0.5, 9);
    // 2 million keys written and deleted, a million of each free
    expect(writes).toBeCloseTo(2 * 5, 9);
    expect(reads).toBe(0);
  });

  it("charges R2 by its own prices", () => {
    // 16 million reads, 10 free, at $0.36, and 1.3 GB, which are free
    expect(cost(large, { searches: 2e6 }, IDS, "r2")).toMatchObject({ storage: 0, reads: 6 * 0.36 });
    // 2 million writes, 1 free, at $4.50; they are read back, and those of three versions are listed each time: 4 × 2
    // million reads, which are free; no deletes
    const month = { versions: 3, publishes: 1000 };
    const { storage, writes, reads } = cost({ ...large, bytes: 10e9 }, month, IDS, "r2");
    expect([storage, writes, reads]).toEqual([20 * 0.015, 4.5, 0]);
    // 12 million more
    expect(cost(large, { ...month, searches: 1.5e6 }, IDS, "r2").reads).toBeCloseTo((8 + 12 - 10) * 0.36, 9);
  });

  it("bills answers of the cache as requests, and values of the cache as nothing", () => {
    const searches = 20e6;
    const half = cost(large, { searches }, IDS, "kv", { answers: 0.5 });
    // 80 of 160 million reads
    expect(half).toMatchObject({ requests: 3, reads: 70 * 0.5 });
    expect(half.cpu).toBe(cost(large, { searches: 10e6 }).cpu);
    // KV bills what its caches answer, too
    expect(cost(large, { searches }, IDS, "kv", { values: 0.5 }).reads).toBe(150 * 0.5);
    const values = cost(large, { searches }, IDS, "r2", { values: 0.5 });
    expect(values.reads).toBeCloseTo(70 * 0.36, 9);
    expect(values.cpu).toBe(cost(large, { searches }).cpu);
    // but pointers come from no cache
    const polled = { searches, isolates: 1000 };
    expect(cost(large, polled, IDS, "r2", { values: 1 }).reads).toBeCloseTo((86.4 - 10) * 0.36, 9);
  });
});

describe("vectorizeCost", () => {
  it("is Cloudflare's formula, by its own examples", () => {
    // its pages leave out the subscription and what is included
    const published = (stored: number, searches: number, dim: number) => {
      const dims = vectorizeDimensions({ stored, searches, dim });
      return ((dims.queried * 0.01) / 1e6 + (dims.stored * 0.05) / 100e6).toFixed(2);
    };
    expect(published(10_000, 30_000, 768)).toBe("0.31");
    expect(published(500_000, 1_000_000, 1536)).toBe("23.42");
  });

  it("asks as many indexes as the vectors need", () => {
    // one index takes ten million, so a search of a hundred million is a query of ten
    expect(vectorizeDimensions({ stored: 100e6, searches: 1e6, dim: 2 })).toEqual({ queried: 220e6, stored: 200e6 });
    expect(vectorizeDimensions({ stored: 10e6, searches: 1e6, dim: 2 })).toEqual({ queried: 22e6, stored: 20e6 });
  });

  it("leaves out what is included", () => {
    expect(vectorizeCost({ stored: 1000, searches: 10_000, dim: 64 })).toBe(WORKERS.subscription);
    // 20 million × 64 queried less 50 million, 640 million stored less 10 million
    const cost = vectorizeCost({ stored: 10e6, searches: 10e6, dim: 64 });
    expect(cost).toBeCloseTo(5 + 1230 * 0.01 + (630 / 100) * 0.05, 9);
    // and a Worker before it: 30 million requests, 30 million ms of CPU
    const busy = vectorizeCost({ stored: 1, searches: 30e6, dim: 1 });
    expect(busy).toBeCloseTo(5 + 20 * 0.3, 4);
  });
});

describe("docs/deploy.md", () => {
  const text = readFileSync(join(import.meta.dirname, "../docs/deploy.md"), "utf8");
  /** Numbers of the row of a name, in the first table behind a heading. */
  const row = (name: string, head = "items") => {
    const table = text.slice(text.search(new RegExp(`^\\| ${head} *\\|`, "m")));
    const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const cells = new RegExp(`^\\| ${escaped} *\\|(.*)\\|$`, "m").exec(table)![1]!.split("|");
    return cells.map((cell) => Number(cell.replaceAll(/[,$]|[A-Za-z].*/g, "")));
  };
  const MONTHS = [1e6, 10e6];
  const headOf = (searches: number) => `${searches / 1e6} M searches a month`;

  it("has the keys and the reads of a cold start of an index as it is written", async () => {
    const { manifest, manifestBytes } = await exampleIndex({ items: 100_000, nlist: 256 });
    const { keys, coldStartKeys } = indexSize(manifest, manifestBytes);
    expect([row("keys")[0], row("reads at a cold start")[0]]).toEqual([keys, 1 + coldStartKeys]);
    expect(text).toContain(`| ${keys} for a version of 100,000 items`);
    expect(text).toContain(`${1 + coldStartKeys} for each cold start with 100,000 items`);
  });

  it("has the prices of ten million items, but for pages at the end of parts", async () => {
    const { manifest, manifestBytes } = await exampleIndex({ items: 10_000_000, nlist: 4096, parts: 16 });
    const size = indexSize(manifest, manifestBytes);
    const month = { publishes: 30, versions: 3, coldStarts: 10_000, isolates: 100, k: 10 };
    const cases = { "ids alone": IDS, "with fields": FIELDS, "with fields and a filter": FILTER };
    for (const searches of MONTHS)
      for (const store of Object.keys(STORES) as StoreName[])
        for (const [name, asked] of Object.entries(cases)) {
          const said = row(`${store.toUpperCase()}: ${name}`, headOf(searches))[2]!;
          expect(said / monthlyCost(size, { ...month, searches }, { store, asked }).total).toBeCloseTo(1, 2);
        }
  });

  it("has the prices of Vectorize", () => {
    for (const searches of MONTHS)
      for (const dim of [64, 768]) {
        const said = row(`Vectorize, ${dim} dimensions`, headOf(searches));
        for (const [i, stored] of [1e5, 1e6, 1e7, 1e8].entries()) {
          const cost = vectorizeCost({ stored, searches, dim });
          expect(said[i]).toBe(Number(cost.toFixed(cost < 100 ? 2 : 0)));
        }
      }
  });

  it("has the minutes that ten million items wait for requests", async () => {
    let now = 0;
    const sleep = async (ms: number) => {
      now += ms;
    };
    const budget = new RequestBudget({ now: () => now, sleep }, 1100, 300_000);
    const keys = row("keys")[2]!;
    // each is read back; the rest is writing, and listing what is there
    for (let i = 0; i < keys + 100; i++) await budget.take();
    expect(text).toMatch(new RegExp(`${keys.toLocaleString("en-US")} keys,\\s+takes ${now / 60_000} minutes`));
  });
});
