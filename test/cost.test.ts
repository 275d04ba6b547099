import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type IndexSize, indexSize, monthlyCost, PRICES, type Usage } from "../bench/cost/cost.ts";
import { exampleIndex } from "../bench/cost/example.ts";
import { RequestBudget } from "../packages/publish/src/retry.ts";

describe("indexSize", () => {
  it("tells what an isolate keeps by the Worker's own plan", async () => {
    const { manifest, manifestBytes } = await exampleIndex({ items: 3000, nlist: 20 });
    const sizeWith = (sizes: Readonly<Record<string, number>>) => {
      const chunks = manifest.chunks.map((chunk) => ({ ...chunk, size: sizes[chunk.kind] ?? chunk.size }));
      return indexSize({ ...manifest, chunks }, manifestBytes);
    };
    // manifest, codebook, and a tower of 10 MB in chunks of at most 8 MiB
    const fixed = 4;
    expect(sizeWith({ items: 60e6 })).toMatchObject({
      readsCells: false,
      readsPages: true,
      coldStartKeys: fixed + manifest.chunks.filter(({ kind }) => kind === "lists").length,
    });
    expect(sizeWith({ items: 60e6, lists: 60e6 })).toMatchObject({
      readsCells: true,
      readsPages: true,
      coldStartKeys: fixed,
    });
  });

  it("is the sum of what was written", async () => {
    const shape = { items: 3000, nlist: 20, listChunkBytes: 8192, itemChunkBytes: 16_384 };
    const { manifest, manifestBytes, chunks } = await exampleIndex(shape);
    const size = indexSize(manifest, manifestBytes);
    const written = chunks.reduce((sum, { bytes }) => sum + bytes.length, manifestBytes.length);
    expect(size).toMatchObject({ items: 3000, nlist: 20, keys: chunks.length + 1, bytes: written });
    expect(size.coldStartKeys).toBe(size.keys);
    // 16 bytes of codes per item, in blocks of 32
    expect(size.listBytes).toBeGreaterThanOrEqual(3000 * 16);
    expect(size.listBytes).toBeLessThan(1.1 * 3000 * 16);
    expect(size.listChunkBytes).toBeLessThanOrEqual(8192);
    expect(size.itemChunkBytes).toBeLessThanOrEqual(16_384);
  });
});

describe("monthlyCost", () => {
  const usage: Usage = {
    searches: 0,
    publishes: 0,
    versions: 1,
    coldStarts: 0,
    isolates: 0,
    nprobe: 16,
    k: 10,
  };
  const small: IndexSize = {
    items: 5000,
    nlist: 20,
    keys: 60,
    bytes: 2_000_000,
    manifestBytes: 11_000,
    listBytes: 20_000,
    listChunkBytes: 8192,
    itemChunkBytes: 16_384,
    coldStartKeys: 60,
    readsCells: false,
    readsPages: false,
  };
  const large: IndexSize = {
    ...small,
    items: 10_000_000,
    nlist: 4096,
    keys: 5809,
    bytes: 1.3e9,
    listBytes: 40_000_000,
    listChunkBytes: 262_144,
    itemChunkBytes: 262_144,
    coldStartKeys: 5,
    readsCells: true,
    readsPages: true,
  };

  it("is the subscription alone as long as nothing exceeds what it includes", () => {
    const cost = monthlyCost(small, { ...usage, searches: 10e6, publishes: 30, coldStarts: 10_000 });
    expect(cost).toMatchObject({ storage: 0, writes: 0, reads: 0, requests: 0, cpu: 0, total: PRICES.subscription });
    expect(cost.readsPerColdStart).toBe(small.keys + 1);
  });

  it("charges by the million and the gigabyte, worked out by hand", () => {
    // 30 million requests: 20 million at $0.30; 1 ms of CPU each is what is included
    expect(monthlyCost(small, { ...usage, searches: 30e6 })).toMatchObject({ requests: 6, cpu: 0, total: 11 });
    // cells of 10 million × 4 bytes / 4096 = 9766, in 256 KiB: 16 × 1.03725 chunks and 10 pages, 16.596 million of them
    // at $0.50
    const { readsPerSearch, reads } = monthlyCost(large, { ...usage, searches: 1e6 });
    expect(readsPerSearch).toBeCloseTo(26.596, 3);
    expect(reads).toBeCloseTo(8.298, 3);
    // lists that are kept cost no reads: what is left are the pages of ten results
    const middle = { ...large, readsCells: false };
    expect(monthlyCost(middle, { ...usage, searches: 1e6 }).readsPerSearch).toBe(10);
    const { bytes, keys } = large;
    const { storage, writes } = monthlyCost(large, { ...usage, versions: 3, publishes: 1000 });
    expect(storage).toBeCloseTo(((3 * bytes) / 1e9 - 1) * 0.5, 9);
    expect(writes).toBeCloseTo(2 * ((1000 * keys) / 1e6 - 1) * 5, 9);
  });

  it("charges R2 by its own prices", () => {
    // 26.596 million reads, 10 free, at $0.36, and 1.3 GB, which are free
    expect(monthlyCost(large, { ...usage, searches: 1e6 }).totalOfR2).toBeCloseTo(5 + 16.596 * 0.36, 3);
    // 5.809 million writes, 1 free, at $4.50; they are read back, and those of three versions are listed each time:
    // 4 × 5.809 million reads, 10 free; no deletes
    const { totalOfR2 } = monthlyCost({ ...large, bytes: 10e9 }, { ...usage, versions: 3, publishes: 1000 });
    expect(totalOfR2).toBeCloseTo(5 + 20 * 0.015 + 4.809 * 4.5 + (4 * 5.809 - 10) * 0.36, 6);
  });
});

describe("docs/deploy.md", () => {
  const text = readFileSync(join(import.meta.dirname, "../docs/deploy.md"), "utf8");
  const row = (name: string) => {
    const cells = new RegExp(`^\\| ${name} *\\|(.*)\\|$`, "m").exec(text)![1]!.split("|");
    return cells.map((cell) => Number(cell.replaceAll(",", "")));
  };

  it("has the keys and the reads of a cold start of an index as it is written", async () => {
    const { manifest, manifestBytes } = await exampleIndex({ items: 100_000, nlist: 256 });
    const { keys, coldStartKeys } = indexSize(manifest, manifestBytes);
    expect([row("keys")[0], row("KV reads at a cold start")[0]]).toEqual([keys, 1 + coldStartKeys]);
    expect(text).toContain(`| ${keys} for a version of 100,000 items`);
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
