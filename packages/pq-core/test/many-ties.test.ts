/** Items of which thousands score the same: which come first is for their ids to say, and few pages are read for it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { partsOf } from "../src/catalogue/rows.ts";
import { compareIds } from "../src/format/ids.ts";
import { Finalists } from "../src/search/finalists.ts";
import { ItemStore } from "../src/search/item-store.ts";
import type { SearchOptions } from "../src/search/options.ts";
import { OrdinalSet } from "../src/search/ordinal-set.ts";
import { writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook } from "./support.ts";

const N = 3000;
const NLIST = 40;
const codebook = randomCodebook({ dim: 8, M: 4, nbits: 4, nlist: NLIST, byResidual: false }, 1);

/** @param odd share of the items that have another code than all the rest, the others having the smallest ids */
async function alike(odd: number, areOddFirst: boolean, isDelta = false) {
  const next = random(4);
  const rows = (n: number, numbers: readonly number[]) => ({
    assignments: Uint32Array.from({ length: n }, () => Math.floor(next() * NLIST)),
    codes: Uint8Array.from({ length: n * 4 }, (_, i) => {
      const number = numbers[Math.floor(i / 4)]!;
      return number < odd * N === areOddFirst ? 3 : 5;
    }),
    ids: numbers.map((number) => `item ${String(number).padStart(5, "0")}`),
    fields: numbers.map((number) => ({ number })),
  });
  const numbers = Array.from({ length: N }, (_, i) => (i * 1237) % N);
  const artifact = await writeArtifact({ codebook, ...rows(N, numbers), listChunkBytes: 2048, itemChunkBytes: 4096 });
  const source = memorySource(artifact.chunks);
  if (!isDelta) return { source, manifestBytes: artifact.manifestBytes };
  const index = await openWhole(source, artifact.manifestBytes);
  const changed = Array.from({ length: 300 }, (_, i) => 19 * i);
  const remove = Array.from({ length: 300 }, (_, i) => `item ${String(19 * i + 1).padStart(5, "0")}`);
  const delta = await writeDelta(index, { items: rows(300, changed), remove });
  return { source: memorySource([...artifact.chunks, ...delta.chunks]), manifestBytes: delta.manifestBytes };
}

const OPTIONS = {
  resident: { kernelModule: kernelModule("kernel-relaxed.wasm"), cacheBytes: 0 },
  paged: { kernelModule: kernelModule("kernel-relaxed.wasm"), residentBytes: 0, cacheBytes: 0 },
};

describe.each(Object.entries(OPTIONS))("a catalogue of alike items, %s", (_, options) => {
  it.each([
    [false, 0, true],
    [true, 0, true],
    [false, 0.9, true],
    [false, 0.9, false],
    [true, 0.9, true],
  ] as const)("changes %s, %d of them odd, those first: %s", async (isDelta, odd, areOddFirst) => {
    const { source, manifestBytes } = await alike(odd, areOddFirst, isDelta);
    const index = await openWhole(source, manifestBytes, options);
    const { numItems } = index.manifest;
    const all = await index.items(Array.from({ length: numItems }, (_, i) => i));
    const next = random(7);
    const [a, b] = [normals(8, next), normals(8, next)];
    // The score of each item, by one search that leaves none out.
    const whole = await index.search(a, { k: numItems, nprobe: NLIST });
    const expected = Array.from(whole.ordinals, (ordinal, i) => ({ id: all[ordinal]!.id, score: whole.scores[i]! }));
    expected.sort((x, y) => y.score - x.score || compareIds(x.id, y.id));
    for (const k of [1, 40, 1000]) {
      source.fetched.length = 0;
      const found = await index.search(a, { k, nprobe: NLIST });
      const reads = source.fetched.filter((key) => /^(items|lookup)/.test(key)).length;
      expect(Array.from(found.ordinals, (ordinal) => all[ordinal]!.id)).toEqual(
        expected.slice(0, k).map(({ id }) => id),
      );
      const items = index.manifest.chunks.filter(({ kind }) => kind === "items").length;
      // Where nearly all tie, the smallest ids are on the first pages of the look-up; else both ways are gone at most.
      if (odd === 0) expect(reads).toBeLessThanOrEqual(isDelta ? 2 * k + 10 : 2 + Math.ceil((4 * k * 60) / N));
      // Those that are better tie too, and are put in order by their ids.
      else expect(reads).toBeLessThanOrEqual(3 * items + (isDelta ? k : 0));
      const merges = [
        { by: "max" },
        { by: "sumExp", temperature: 2 },
        { by: "sumExp", temperature: 2, exact: false },
      ] as const;
      for (const merge of merges) {
        // Alike items score the same by any vectors, so that ids alone order each kind.
        const { ordinals, scores } = await index.search([a, b, a], { k, nprobe: NLIST, merge });
        const ids = Array.from(ordinals, (ordinal) => all[ordinal]!.id);
        expect(ids.length).toBe(k);
        const isWrong = (i: number): boolean => scores[i] === scores[i - 1] && compareIds(ids[i - 1]!, ids[i]!) >= 0;
        expect(ids.findIndex((_, i) => i > 0 && isWrong(i))).toBe(-1);
        if (odd === 0) expect(ids).toEqual(expected.slice(0, k).map(({ id }) => id));
      }
    }
  });

  it.each([false, true])(
    "tells of codes that are gone through once more, and can be stopped; delta: %s",
    async (isDelta) => {
      const { source, manifestBytes } = await alike(0, true, isDelta);
      const index = await openWhole(source, manifestBytes, options);
      const next = random(7);
      const vectors = [normals(8, next), normals(8, next), normals(8, next)];
      const kinds: [Float32Array | Float32Array[], SearchOptions][] = [
        [vectors[0]!, {}],
        [vectors, { merge: { by: "max" } }],
        [vectors, { merge: { by: "sumExp", temperature: 2, exact: false } }],
      ];
      for (const [query, more] of kinds) {
        const search = (rescan?: (codes: number) => void) =>
          index
            .metered({ spend: () => undefined, got: () => undefined, ...(rescan && { rescan }) })
            .search(query, { k: 40, nprobe: NLIST, ...more });
        const expected = await search();
        let codes = 0;
        const counted = await search((some) => {
          codes += some;
        });
        expect(counted).toEqual(expected);
        expect(codes).toBeGreaterThan(N / 2);
        let left = 3;
        const stop = new Error("enough");
        await expect(
          search(() => {
            if (--left === 0) throw stop;
          }),
        ).rejects.toBe(stop);
        expect(await search()).toEqual(expected);
      }
    },
  );
});

it("the first by id are those of a sort, wherever they lie, each page read once or twice", async () => {
  const ids = fc.constantFrom("u32" as const, "string" as const);
  const cases = fc.record({ ids, cells: fc.constantFrom(1, 7, 40), share: fc.constantFrom(0.001, 0.1, 1) });
  const where = fc.constantFrom("anywhere", "largest ids", "smallest ids");
  await fc.assert(
    fc.asyncProperty(cases, where, fc.integer({ min: 1, max: 400 }), fc.nat(), async (given, place, most, seed) => {
      const next = random(seed);
      const n = 3000;
      const numbers = Uint32Array.from({ length: n }, (_, i) => 3 * i + 1).sort(() => next() - 0.5);
      const artifact = await writeArtifact({
        codebook,
        assignments: Uint32Array.from({ length: n }, () => Math.floor(next() * given.cells)),
        codes: new Uint8Array(n * 4),
        ids: given.ids === "u32" ? numbers : Array.from(numbers, (number) => `😀${number}`),
        itemChunkBytes: 1024,
      });
      const source = memorySource(artifact.chunks);
      const { base } = partsOf(await openWhole(source, artifact.manifestBytes, { cacheBytes: 0 }));
      const read = await base.ids(Array.from({ length: n }, (_, i) => i));
      const byId = Array.from(read.keys()).sort((x, y) => compareIds(read[x]!, read[y]!));
      const numTied = Math.max(2, Math.round(given.share * n));
      const tied =
        place === "smallest ids"
          ? byId.slice(0, numTied)
          : place === "largest ids"
            ? byId.slice(-numTied)
            : byId.filter(() => next() < given.share);
      if (tied.length === 0) return;
      const set = new OrdinalSet();
      for (const ordinal of tied.toSorted(() => next() - 0.5)) set.add(ordinal);
      const wanted = Math.min(most, tied.length);
      source.fetched.length = 0;
      const { manifest, parts } = base;
      const first = await new ItemStore(manifest).first(parts.cache, parts.offsets, set, wanted);
      expect([...first]).toEqual(tied.slice(0, wanted));
      const pages = manifest.chunks.filter(({ kind }) => kind === "items").length;
      expect(source.fetched.length).toBeLessThanOrEqual(2 * Math.min(pages, tied.length));
      if (given.cells === 1) expect(source.fetched).toEqual([]);
    }),
    { seed: 20261129, numRuns: 25 },
  );
});

it("finalists are the best of a sort, and all that tie with the last, in whatever order they come", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 40 }), fc.constantFrom(2, 30, 5000), (seed, size, n) => {
      const next = random(seed);
      const scores = Float32Array.from({ length: n }, () => Math.floor(next() * 4));
      const order = Array.from(scores.keys()).sort(() => next() - 0.5);
      const finalists = new Finalists(size);
      // Some come one by one, the rest as lists of their own.
      const parts = [new Finalists(size), new Finalists(size)];
      for (const [i, ordinal] of order.entries()) (parts[i % 3] ?? finalists).push(scores[ordinal]!, ordinal);
      for (const part of parts) finalists.add(part.take());
      const { ordinals, scores: found, tied } = finalists.take();
      const sorted = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
      expect([...ordinals]).toEqual(sorted.slice(0, size));
      expect([...found]).toEqual(sorted.slice(0, size).map((ordinal) => scores[ordinal]));
      const last = scores[sorted[size - 1]!];
      const others = sorted.slice(size).filter((ordinal) => scores[ordinal] === last);
      expect([...(tied?.slices(100) ?? [])].flatMap((slice) => [...slice])).toEqual(size === 0 ? [] : others);
    }),
    { seed: 20261130, numRuns: 40 },
  );
});
