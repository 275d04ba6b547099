/** What a search of an index reads whose pages tables list: whole runs, and of the rest what was asked for. */
import { describe, expect, it } from "vitest";
import { FormatError, type Index, type ReadMeter, type ReadOptions } from "../src/index.ts";
import { writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";

const N = 2000;
const codebook = randomCodebook({ dim: 8, M: 4, nbits: 4, nlist: 60 }, 1);
const encoded = randomCodes(codebook, N, 2);
const artifact = await writeArtifact({
  codebook,
  ...encoded,
  ids: Array.from({ length: N }, (_, i) => `item-${(i * 7) % N}`),
  fields: Array.from({ length: N }, (_, i) => ({ title: `title ${i}` })),
  // a tenth of the cells has "rare" items, and numbers say which cell it is
  facets: { kind: Array.from(encoded.assignments, (cell) => (cell % 10 === 0 ? "rare" : "usual")) },
  numbers: { cell: Array.from(encoded.assignments) },
  queryTower: new Uint8Array(100),
  cellsPerPage: 3,
  itemChunkBytes: 2048,
});
const open = { kernelModule: kernelModule("kernel-relaxed.wasm") };
const query = (seed: number): Float32Array => normals(8, random(seed));
const tables = artifact.manifest.chunks.filter(({ kind }) => kind === "pages");

/** How many chunks of each kind were read, by what nothing is kept of. */
async function counting() {
  const source = memorySource(artifact.chunks);
  const index = await openWhole(source, artifact.manifestBytes, { ...open, cacheBytes: 0 });
  const reads = (): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const key of source.fetched.splice(0)) {
      const kind = key.replace(/-\d+-\w+\.bin$/, "");
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  };
  return { index, reads, source };
}

it("opening reads the codebook and the tables of lists, and no page", async () => {
  const { reads } = await counting();
  expect(reads()).toEqual({ codebook: 1, pages: tables.filter(({ of }) => of === "lists").length });
});

it("a search reads a page for each run, and the ids of what it found are known then", async () => {
  const { index, reads } = await counting();
  reads();
  for (let seed = 0; seed < 20; seed++) {
    const nprobe = 1 + (seed % 5);
    const found = await index.search(query(seed), { k: 30, nprobe });
    expect(reads()).toEqual({ lists: nprobe });
    const ids = await index.ids(found.ordinals);
    expect(ids.length).toBe(30);
    expect(reads()).toEqual({});
  }
  const several = await index.search([query(1), query(2), query(3)], { k: 30, nprobe: 2 });
  expect(reads()["lists"]).toBeLessThanOrEqual(6);
  await index.ids(several.ordinals);
  expect(reads()).toEqual({});
});

it("items read a page of fields for those that lie on it, and the tables once", async () => {
  const { index, reads } = await counting();
  const { ordinals } = await index.search(query(1), { k: 40, nprobe: 2 });
  reads();
  await index.items(ordinals);
  const first = reads();
  expect(first["pages"]).toBe(1);
  expect(first["items"]).toBeLessThanOrEqual(40);
  expect(Object.keys(first).sort()).toEqual(["items", "pages"]);
  await index.items(ordinals);
  expect(reads()).toEqual({ items: first["items"] });
  // items that lie side by side are on one page
  await index.items([100, 101, 102, 103, 100]);
  const { items, lists } = reads();
  expect([items!, lists!].every((count) => count <= 2)).toBe(true);
  await index.ordinals(["item-5", "item-5", "no", "item-1999"]);
  expect(reads()).toEqual({ pages: 1, lookup: 3 });
});

it("a filter reads no more of its pages than runs are visited, and none of runs without a match", async () => {
  const { index, reads } = await counting();
  await index.facets();
  expect(await index.numbers()).toEqual(["cell"]);
  const once = reads();
  expect(once["filters"]).toBe(1);
  expect(once["filter-pages"]).toBeUndefined();
  let found = 0;
  for (let seed = 0; seed < 20; seed++) {
    const nprobe = 1 + (seed % 5);
    for (const filter of [
      { facet: "kind", in: ["rare"] },
      { number: "cell", min: 12, max: 13 },
      { not: { facet: "kind", in: ["rare"] } },
    ]) {
      const { ordinals } = await index.search(query(seed), { k: 30, nprobe, filter });
      found += ordinals.length;
      const { lists = 0, "filter-pages": pages = 0, ...rest } = reads();
      expect(rest).toEqual({});
      expect(lists).toBeLessThanOrEqual(nprobe);
      expect(pages).toBeLessThanOrEqual(nprobe);
    }
  }
  expect(found).toBeGreaterThan(900);
  for (const filter of [{ facet: "kind", in: ["no"] }, { number: "cell", min: 1000 }, { or: [] }])
    for (const vectors of [query(1), [query(1), query(2)]]) {
      const { ordinals, listsProbed, codesScanned } = await index.search(vectors, { nprobe: 3, filter });
      expect([ordinals.length, listsProbed, codesScanned]).toEqual([0, 0, 0]);
      expect(reads()).toEqual({});
    }
});

it("what is excluded reads its look-up pages, and nothing else more", async () => {
  const { index, reads } = await counting();
  await index.ordinals(["item-3"]);
  reads();
  const { ordinals } = await index.search(query(1), { k: 5, nprobe: 2 });
  const exclude = await index.ids(ordinals);
  reads();
  const left = await index.search(query(1), { k: 5, nprobe: 2, exclude });
  const { lookup, ...rest } = reads();
  expect(lookup).toBeLessThanOrEqual(5);
  expect(rest).toEqual({ lists: 2 });
  expect([...left.ordinals].some((ordinal) => ordinals.includes(ordinal))).toBe(false);
});

class Spent extends Error {}

/** A view that is told of every read, and may end it. */
function metered(index: Index, most = Infinity): { view: Index; meter: ReadMeter & { reads: number } } {
  const meter = {
    reads: 0,
    spend() {
      if (this.reads === most) throw new Spent();
      this.reads++;
    },
    got: () => undefined,
  };
  return { view: index.metered(meter), meter };
}

async function ask(index: Index): Promise<unknown> {
  const filter = { facet: "kind", in: ["rare"] };
  const found = await index.search(query(5), { k: 20, nprobe: 3, filter, exclude: ["item-1", "item-2"] });
  const items = await index.items(found.ordinals);
  const ordinals = await index.ordinals(items.map(({ id }) => id));
  return [found, items, ordinals, await index.vectors(found.ordinals), await index.facets(), await index.queryTower()];
}

describe("a metered view", () => {
  const meteredSource = () => {
    const stored = memorySource(artifact.chunks);
    const got: ReadOptions[] = [];
    return {
      got,
      async get(key: string, options: ReadOptions = {}) {
        got.push(options);
        options.meter?.spend();
        return stored.get(key);
      },
    };
  };

  it("is told of every read, of tables and of the directory of filters too", async () => {
    const source = meteredSource();
    const index = await openWhole(source, artifact.manifestBytes, { ...open, cacheBytes: 0 });
    source.got.length = 0;
    const { view, meter } = metered(index);
    const answer = await ask(view);
    expect(meter.reads).toBe(source.got.length);
    expect(source.got.every((options) => options.meter === meter)).toBe(true);
    const again = metered(index);
    expect(await ask(again.view)).toEqual(answer);
    // four kinds of tables but that of lists, and the directory
    expect(meter.reads - again.meter.reads).toBe(4);
  });

  it("ends with what the meter throws, wherever that is, and the next answers", async () => {
    for (let most = 0; ; most++) {
      const index = await openWhole(meteredSource(), artifact.manifestBytes, { ...open, cacheBytes: 0 });
      const { view, meter } = metered(index, most);
      const end = await ask(view).then(
        () => "answered",
        (error) => error,
      );
      expect(meter.reads).toBeLessThanOrEqual(most);
      await expect(ask(index)).resolves.toBeDefined();
      if (end === "answered") break;
      expect(end).toBeInstanceOf(Spent);
    }
  });
});

it("a page, a table or a directory that comes damaged once is read again, twice is an error and not kept", async () => {
  const whole = await ask(await openWhole(memorySource(artifact.chunks), artifact.manifestBytes, open));
  const stored = memorySource(artifact.chunks);
  for (const times of [1, 2]) {
    const left = new Map<string, number>();
    const source = {
      async get(key: string) {
        const bytes = (await stored.get(key)).slice();
        const more = left.get(key) ?? times;
        left.set(key, more - 1);
        if (more > 0) bytes[bytes.length >> 1]! ^= 4;
        return bytes;
      },
    };
    for (let failed = 0; ; failed++) {
      expect(failed).toBeLessThan(60);
      try {
        const index = await openWhole(source, artifact.manifestBytes, { ...open, cacheBytes: 0 });
        expect(await ask(index)).toEqual(whole);
        if (times === 1) expect(failed).toBe(0);
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }
  }
});

it("of filter pages in memory nothing is kept beside them: what they say is read from them each time", async () => {
  const stored = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes.slice()]));
  const pages = new Set<Uint8Array>();
  const source = {
    async get(key: string) {
      const bytes = stored.get(key)!;
      if (key.startsWith("filter-pages")) pages.add(bytes);
      return bytes;
    },
  };
  const index = await openWhole(source, artifact.manifestBytes, { ...open, cacheBytes: 1 << 20 });
  const filter = { number: "cell", min: 0 };
  const before = await index.search(query(1), { k: 50, nprobe: 3, filter });
  expect([before.ordinals.length > 0, pages.size > 0]).toEqual([true, true]);
  // its numbers are the last section: other ones, in the same memory
  for (const bytes of pages) {
    const end = 32 + new DataView(bytes.buffer).getUint32(20, true);
    const lanes = new DataView(bytes.buffer).getUint32(16, true);
    new Float64Array(bytes.buffer, end - 8 * lanes, lanes).fill(-1);
  }
  expect((await index.search(query(1), { k: 50, nprobe: 3, filter })).ordinals.length).toBe(0);
});

it.each([1, 3])("items of equal score, as duplicates have, are read once: %i vectors", async (numVectors) => {
  const n = 900;
  const coarse = randomCodebook({ dim: 8, M: 4, nbits: 4, nlist: 60, byResidual: false }, 1);
  // every code is that of 150 items in many cells, and the order of ids is not that of ordinals
  const { assignments, codes } = randomCodes(coarse, n, 2);
  const alike = codes.map((_, i) => codes[4 * (Math.floor(i / 4) % 6) + (i % 4)]!);
  const ids = Array.from({ length: n }, (_, i) => `item-${(i * 7) % n}`);
  const input = { codebook: coarse, assignments, codes: alike, ids };
  const written = await writeArtifact({ ...input, cellsPerPage: 3 });
  const source = memorySource(written.chunks);
  const index = await openWhole(source, written.manifestBytes, { ...open, cacheBytes: 0 });
  const whole = await writeArtifact({ ...input, cellsPerPage: 0 });
  const listed = await openWhole(memorySource(whole.chunks), whole.manifestBytes);
  for (const k of [10, 100, 160]) {
    const queries = Array.from({ length: numVectors }, (_, h) => query(k + h));
    source.fetched.length = 0;
    const { ordinals } = await index.search(queries, { k, nprobe: "all" });
    expect(source.fetched.length).toBe(new Set(source.fetched).size);
    expect([...ordinals]).toEqual([...(await listed.search(queries, { k, nprobe: "all" })).ordinals]);
  }
});
