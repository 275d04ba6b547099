/** Who reads is told of every read, may stop it, and gets nothing that is damaged: a bad page is read again. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Artifact,
  type ChunkSource,
  FormatError,
  type Index,
  type ReadMeter,
  type ReadOptions,
} from "../src/index.ts";
import { openWords, searchHybrid } from "../src/words/index.ts";
import { writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole, type WholeOptions } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";
import { randomWords, TERMS, toItemWords } from "./word-rows.ts";

const N = 900;
const codebook = randomCodebook({ dim: 16, M: 8, nbits: 4, nlist: 12 }, 1);
const FACTS = { rules: 2, dense: 1, words: 0.5 };

const rows = (n: number, seed: number, firstId: number) => ({
  ...randomCodes(codebook, n, seed),
  ids: Uint32Array.from({ length: n }, (_, i) => firstId + 3 * i),
  fields: Array.from({ length: n }, (_, i) => ({ title: `item ${i}` })),
  facets: { color: Array.from({ length: n }, (_, i) => ["red", "blue"][i % 2]!) },
  numbers: { price: Array.from({ length: n }, (_, i) => i % 7) },
  words: toItemWords(randomWords(n, seed), seed),
});

let artifact: Artifact;
let changed: Artifact;
beforeAll(async () => {
  artifact = await writeArtifact({
    codebook,
    ...rows(N, 2, 0),
    queryTower: new Uint8Array(500),
    wordFacts: FACTS,
    listChunkBytes: 1024,
    itemChunkBytes: 1024,
  });
  const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes);
  const delta = await writeDelta(index, { items: rows(60, 3, 90_001), remove: [3, 6, 9, 300] });
  changed = { ...delta, chunks: [...artifact.chunks, ...delta.chunks] };
});

const OPTIONS: Record<string, WholeOptions> = {
  resident: { kernelModule: kernelModule("kernel-relaxed.wasm") },
  "paged, without a cache": { kernelModule: kernelModule("kernel-relaxed.wasm"), residentBytes: 0, cacheBytes: 0 },
};

/** A source that tells the meter as a store does. */
function meteredSource({ chunks }: Artifact): ChunkSource & { got: ReadOptions[] } {
  const stored = memorySource(chunks);
  const got: ReadOptions[] = [];
  return {
    got,
    async get(key, options = {}) {
      got.push(options);
      options.meter?.spend();
      const bytes = await stored.get(key);
      options.meter?.got(bytes.length);
      return bytes;
    },
  };
}

class Spent extends Error {}

function meterOf(most = Infinity): ReadMeter & { reads: number; bytes: number } {
  return {
    reads: 0,
    bytes: 0,
    spend() {
      if (this.reads === most) throw new Spent();
      this.reads++;
    },
    got(bytes) {
      this.bytes += bytes;
    },
  };
}

/** All that an index is asked by a request. */
async function ask(index: Index, words: Awaited<ReturnType<typeof openWords>>): Promise<unknown[]> {
  const next = random(9);
  const query = normals(16, next);
  const found = await index.search(query, { k: 30, nprobe: 5, exclude: [0, 6] });
  const filtered = await index.search([query, normals(16, next)], { filter: { facet: "color", in: ["red"] } });
  const items = await index.items(found.ordinals);
  const asked = {
    words: [{ alternatives: [{ term: TERMS[0]!, likeness: 1 }] }],
    required: [],
    excluded: [],
    named: new Uint32Array(0),
  };
  const hybrid = await searchHybrid(index, words!, { vectors: [query] }, asked);
  const rest = [await index.ordinals(items.map(({ id }) => id)), await index.vectors(found.ordinals)];
  return [found, filtered, items, hybrid, ...rest, await index.queryTower(), await index.facets()];
}

describe.each(Object.entries(OPTIONS))("a metered view, %s", (_, options) => {
  it.each(["plain", "changed"])("answers the same and is told of every read: %s", async (which) => {
    const of = which === "plain" ? artifact : changed;
    const plain = await openWhole(memorySource(of.chunks), of.manifestBytes, options);
    const expected = await ask(plain, await openWords(plain));
    const source = meteredSource(of);
    const index = await openWhole(source, of.manifestBytes, options);
    const words = (await openWords(index))!;
    expect(source.got.every(({ meter }) => meter === undefined)).toBe(true);
    source.got.length = 0;
    const meter = meterOf();
    expect(await ask(index.metered(meter), words.metered(meter))).toEqual(expected);
    expect(source.got.length).toBeGreaterThan(3);
    expect(meter.reads).toBe(source.got.length);
    expect(meter.bytes).toBeGreaterThan(0);
    // What one view keeps in memory, all have.
    const again = meterOf();
    await ask(index.metered(again), words.metered(again));
    if (options.cacheBytes === 0) expect(again.reads).toBeLessThan(meter.reads);
    else expect(again.reads).toBe(1);
    const without = source.got.length;
    await ask(index, words);
    expect(source.got.slice(without).every(({ meter }) => meter === undefined)).toBe(true);
  });

  it("ends with what the meter throws, wherever that is, and asks no more", async () => {
    const source = meteredSource(changed);
    for (let most = 0; ; most++) {
      const index = await openWhole(source, changed.manifestBytes, options);
      const words = (await openWords(index))!;
      const meter = meterOf(most);
      const end = await ask(index.metered(meter), words.metered(meter)).then(
        () => "answered",
        (error) => error,
      );
      expect(meter.reads).toBeLessThanOrEqual(most);
      if (end === "answered") break;
      expect(end).toBeInstanceOf(Spent);
    }
  });
});

/** Every chunk comes damaged, as often as is said; counts what was asked for again. */
function damagingSource({ chunks }: Artifact, times: number): ChunkSource & { again: string[] } {
  const stored = memorySource(chunks);
  const left = new Map<string, number>();
  const again: string[] = [];
  return {
    again,
    async get(key, options) {
      if (options?.again) again.push(key);
      const bytes = (await stored.get(key)).slice();
      const more = left.get(key) ?? times;
      left.set(key, more - 1);
      if (more <= 0) return bytes;
      bytes[bytes.length >> 1]! ^= 4;
      return more % 2 === 0 ? bytes : bytes.subarray(0, bytes.length - 16);
    },
  };
}

describe("a damaged chunk of any kind", () => {
  it.each(Object.entries(OPTIONS))("is read again, and what comes then is used: %s", async (_, options) => {
    const plain = await openWhole(memorySource(changed.chunks), changed.manifestBytes, options);
    const source = damagingSource(changed, 1);
    const index = await openWhole(source, changed.manifestBytes, options);
    expect(await ask(index, await openWords(index))).toEqual(await ask(plain, await openWords(plain)));
    const kinds = new Set(source.again.map((key) => key.split("-")[0]));
    expect([...kinds].sort()).toEqual(
      ["codebook", "delta", "filters", "items", "lists", "lookup", "postings", "query", "words"].sort(),
    );
    expect(new Set(source.again).size).toBe(source.again.length);
  });

  it("that comes damaged twice is an error, is not kept, and is whole again when the store is", async () => {
    const stored = memorySource(artifact.chunks);
    let isDamaged = false;
    let reads = 0;
    const released = new Set<ArrayBufferLike>();
    const source: ChunkSource = {
      async get(key) {
        reads++;
        const bytes = (await stored.get(key)).slice();
        if (isDamaged) bytes[40]! ^= 1;
        return bytes;
      },
      release: ({ buffer }) => void released.add(buffer),
    };
    const index = await openWhole(source, artifact.manifestBytes, { residentBytes: 0 });
    isDamaged = true;
    for (let i = 0; i < 2; i++) {
      const before = [reads, released.size] as const;
      await expect(index.items([1])).rejects.toThrow(FormatError);
      expect(reads - before[0]).toBe(2);
      expect(released.size - before[1]).toBe(2);
    }
    isDamaged = false;
    expect((await index.items([1])).length).toBe(1);
  });

  it("is not read again where the store itself fails", async () => {
    const stored = memorySource(artifact.chunks);
    let isFailing = false;
    let reads = 0;
    const source = {
      get(key: string) {
        reads++;
        return isFailing ? Promise.reject(new Spent()) : stored.get(key);
      },
    };
    const index = await openWhole(source, artifact.manifestBytes);
    isFailing = true;
    reads = 0;
    await expect(index.items([1])).rejects.toThrow(Spent);
    expect(reads).toBe(1);
  });
});

describe("the most codes that a query scans", () => {
  it.each(["plain", "changed"])("are those of the largest cells: %s", async (which) => {
    const of = which === "plain" ? artifact : changed;
    const index = await openWhole(memorySource(of.chunks), of.manifestBytes);
    let before = 0;
    for (let nprobe = 1; nprobe <= codebook.nlist + 2; nprobe++) {
      const most = index.mostCodes(nprobe);
      for (let seed = 0; seed < 20; seed++) {
        const { codesScanned } = await index.search(normals(16, random(seed)), { nprobe });
        expect(codesScanned).toBeLessThanOrEqual(most);
      }
      expect(most).toBeGreaterThanOrEqual(before);
      expect(index.metered(meterOf()).mostCodes(nprobe)).toBe(most);
      before = most;
    }
    const { codesScanned } = await index.search(normals(16, random(1)), { nprobe: codebook.nlist });
    expect(index.mostCodes(codebook.nlist)).toBe(codesScanned);
    expect(index.mostCodes(1)).toBeLessThan(codesScanned / 2);
  });

  it("are all in an index without cells", async () => {
    const flat = randomCodebook({ dim: 8, M: 4, nbits: 4, nlist: 0 }, 5);
    const ids = Uint32Array.from({ length: 70 }, (_, i) => i);
    const { chunks, manifestBytes } = await writeArtifact({ codebook: flat, ...randomCodes(flat, 70, 6), ids });
    const index = await openWhole(memorySource(chunks), manifestBytes);
    expect([1, 2, 99].map((nprobe) => index.mostCodes(nprobe))).toEqual([70, 70, 70]);
  });
});

it("the pages of a base, of what is beside it and of the version before have one budget", async () => {
  const cacheBytes = 6000;
  const stored = memorySource(changed.chunks);
  const live = new Set<ArrayBufferLike>();
  const source: ChunkSource = {
    async get(key) {
      const bytes = (await stored.get(key)).slice();
      live.add(bytes.buffer);
      return bytes;
    },
    release: ({ buffer }) => void live.delete(buffer),
  };
  const options = { ...OPTIONS["resident"], cacheBytes };
  const before = await openWhole(source, artifact.manifestBytes, options);
  const index = await openWhole(source, changed.manifestBytes, { ...options, previous: before });
  const atFirst = live.size;
  const pages = () => [...live].slice(atFirst).reduce((sum, { byteLength }) => sum + byteLength, 0);
  for (let turn = 0; turn < 3; turn++) {
    await before.items(Array.from({ length: N }, (_, i) => i));
    await index.items(Array.from({ length: index.manifest.numItems }, (_, i) => i));
    await index.ordinals([90_001, 90_004, 12, 15]);
    expect(pages()).toBeLessThanOrEqual(cacheBytes + 32 * 8);
    expect(pages()).toBeGreaterThan(cacheBytes / 2);
  }
});
