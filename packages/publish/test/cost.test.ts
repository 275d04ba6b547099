import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { describe, expect, it, vi } from "vitest";
import { type IndexShape, indexSize, monthlyCost, PRICES, type Usage } from "../src/cost.ts";

// a busy machine is no failure
vi.setConfig({ testTimeout: 120_000 });

const shape: IndexShape = {
  items: 5000,
  dim: 16,
  nlist: 20,
  numSubQuantizers: 8,
  nbits: 4,
  idBytes: 10,
  fieldBytes: 80,
  queryTowerBytes: 300_000,
  listChunkBytes: 8192,
  itemChunkBytes: 16_384,
};

/** An artifact of that shape, written for real. */
async function write(shape: IndexShape): Promise<{ keys: number; bytes: number; manifestBytes: number }> {
  const { items: n, dim, nlist, numSubQuantizers, nbits, idBytes, fieldBytes } = shape;
  const floats = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));
  const identity = Float32Array.from({ length: dim * dim }, (_, i) => (i % (dim + 1) === 0 ? 1 : 0));
  const { chunks, manifestBytes } = await writeArtifact({
    codebook: createCodebook({
      dim,
      metric: "innerProduct",
      nlist,
      numSubQuantizers,
      nbits,
      byResidual: true,
      rotation: identity,
      coarseCentroids: floats(nlist * dim),
      centroids: floats(dim * 2 ** nbits),
    }),
    assignments: Uint32Array.from({ length: n }, (_, i) => i % nlist),
    codes: Uint8Array.from({ length: n * numSubQuantizers }, (_, i) => (i * 7) % 2 ** nbits),
    ids:
      idBytes === 0
        ? Uint32Array.from({ length: n }, (_, i) => i)
        : Array.from({ length: n }, (_, i) => String(i).padStart(idBytes, "0")),
    ...(fieldBytes === 0
      ? {}
      : { fields: Array.from({ length: n }, () => ({ t: "x".repeat(fieldBytes - '{"t":""}'.length) })) }),
    queryTower: new Uint8Array(shape.queryTowerBytes),
    listChunkBytes: shape.listChunkBytes,
    itemChunkBytes: shape.itemChunkBytes,
  });
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, manifestBytes.length);
  return { keys: chunks.length + 1, bytes, manifestBytes: manifestBytes.length };
}

describe("indexSize", () => {
  it.each<[string, Partial<IndexShape>]>([
    ["text ids and fields", {}],
    ["integer ids without fields", { idBytes: 0, fieldBytes: 0 }],
    ["codes of 8 bits", { nbits: 8 }],
    ["small pages", { listChunkBytes: 2048, itemChunkBytes: 2048 }],
    ["a tower in parts", { queryTowerBytes: 9_000_000 }],
  ])("is what is written, for %s", async (_, changes) => {
    const changed = { ...shape, ...changes };
    const [expected, size] = [await write(changed), indexSize(changed)];
    expect(size.keys).toBe(expected.keys);
    expect(Math.abs(size.bytes / expected.bytes - 1)).toBeLessThan(0.01);
    expect(Math.abs(size.manifestBytes / expected.manifestBytes - 1)).toBeLessThan(0.1);
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
    memoryBytes: 44e6,
  };
  const large = { ...shape, items: 10_000_000, nlist: 4096, listChunkBytes: 262_144, itemChunkBytes: 262_144 };

  it("is the subscription alone as long as nothing exceeds what it includes", () => {
    const cost = monthlyCost(shape, { ...usage, searches: 10e6, publishes: 30, coldStarts: 10_000 });
    expect(cost).toMatchObject({ storage: 0, writes: 0, reads: 0, requests: 0, cpu: 0, total: PRICES.subscription });
    expect(cost.readsPerColdStart).toBe(indexSize(shape).keys + 1);
  });

  it("charges by the million and the gigabyte, worked out by hand", () => {
    // 30 million requests: 20 million at $0.30; 1 ms of CPU each is what is included
    expect(monthlyCost(shape, { ...usage, searches: 30e6 })).toMatchObject({ requests: 6, cpu: 0, total: 11 });
    // cells of 10 million × 4 bytes / 4096 = 9766, in 256 KiB: 16 × 1.03725 chunks and 10 pages, 16.596 million of them at $0.50
    const { readsPerSearch, reads } = monthlyCost(large, { ...usage, searches: 1e6 });
    expect(readsPerSearch).toBeCloseTo(26.596, 3);
    expect(reads).toBeCloseTo(8.298, 3);
    const { bytes, keys } = indexSize(large);
    const { storage, writes } = monthlyCost(large, { ...usage, versions: 3, publishes: 1000 });
    expect(storage).toBeCloseTo(((3 * bytes) / 1e9 - 1) * 0.5, 9);
    expect(writes).toBeCloseTo(2 * ((1000 * keys) / 1e6 - 1) * 5, 9);
  });
});
