/**
 * An index whose pages tables list, beside one of the same items whose manifest lists them: the same answers, and of
 * some runs what brute force finds in exactly these.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Index, Merge } from "../src/index.ts";
import { writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { filtersOf, itemsOf, type PagedShape, queryOf, runsInOrder, shapes, withUnknown } from "./paged-items.ts";
import { kernelModule, memorySource } from "./support.ts";

const KERNELS = {
  scalar: undefined,
  simd: kernelModule("kernel.wasm"),
  relaxed: kernelModule("kernel-relaxed.wasm"),
};
const RUNS = { seed: 20261130, numRuns: 80 };

/** By the manifest's list of pages, read by the scalar kernel; and by tables. */
async function openBoth(shape: PagedShape, kernel: WebAssembly.Module | undefined) {
  const input = itemsOf(shape);
  const listed = await writeArtifact({ ...input, cellsPerPage: 0 });
  const paged = await writeArtifact({ ...input, cellsPerPage: shape.cellsPerPage });
  expect([listed.manifest.formatVersion, paged.manifest.formatVersion]).toEqual([1, 2]);
  const cacheBytes = shape.seed % 2 === 0 ? 0 : 8192;
  return {
    input,
    listed: await openWhole(memorySource(listed.chunks), listed.manifestBytes),
    paged: await openWhole(memorySource(paged.chunks), paged.manifestBytes, { kernelModule: kernel, cacheBytes }),
  };
}

const ordinalsOf = ({ manifest }: Index): number[] => Array.from({ length: manifest.numItems }, (_, i) => i);

async function readAll(index: Index, idType: PagedShape["idType"]): Promise<object> {
  const all = ordinalsOf(index).reverse();
  const ids = await index.ids(all);
  return {
    ids,
    items: await index.items(all),
    ordinals: await index.ordinals(withUnknown(ids, idType)),
    vectors: await index.vectors(all),
    codes: await index.codes(all),
    facets: await index.facets(),
    numbers: await index.numbers(),
    cellSizes: index.cellSizes,
  };
}

/** The places of each run's items. */
async function runOfItems(index: Index, cellsPerPage: number): Promise<number[]> {
  const { assignments } = await index.codes(ordinalsOf(index));
  return Array.from(assignments, (cell) => Math.floor(cell / cellsPerPage));
}

const MERGES: readonly Merge[] = [
  { by: "max" },
  { by: "sumExp", temperature: 2 },
  { by: "sumExp", temperature: 0.5, exact: false },
];

describe.each(Object.entries(KERNELS))("an index of pages in tables, %s", (_, kernel) => {
  it("has the items of one whose manifest lists its pages, and finds the same in all of them", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(1e6), async (shape, seed) => {
        const { listed, paged } = await openBoth(shape, kernel);
        expect(await readAll(paged, shape.idType)).toEqual(await readAll(listed, shape.idType));
        const exclude = (await listed.ids(ordinalsOf(listed).filter((i) => (i * 7 + seed) % 5 === 0))).slice(0, 90);
        for (const [i, filter] of [undefined, ...filtersOf(shape)].entries()) {
          const queries = Array.from({ length: 1 + ((seed + i) % 3) }, (_, h) => queryOf(seed + 7 * i + h));
          const merge = MERGES[(seed + i) % MERGES.length]!;
          const options = { k: [1, 10, 500][(seed >> 3) % 3], nprobe: "all", filter, merge } as const;
          const asked = { ...options, exclude: i % 2 === 0 ? exclude : [] };
          const { ordinals, scores } = await paged.search(queries, asked);
          const expected = await listed.search(queries, asked);
          expect([...ordinals]).toEqual([...expected.ordinals]);
          expect([...scores]).toEqual([...expected.scores]);
        }
      }),
      RUNS,
    );
  });

  it("finds in its best runs what there is in exactly these", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 6 }), fc.nat(1e6), async (shape, nprobe, seed) => {
        const { input, listed, paged } = await openBoth(shape, kernel);
        const k = Math.max(1, shape.n);
        const { cellsPerPage } = shape;
        const runOf = await runOfItems(listed, cellsPerPage);
        for (const numVectors of [1, 1, 2, 3]) {
          const queries = Array.from({ length: numVectors }, (_, h) => queryOf(seed++ + 100 * h));
          const visited = new Set(runsInOrder(input, cellsPerPage, ...queries).slice(0, nprobe));
          const found = await paged.search(queries, { k, nprobe });
          const all = await listed.search(queries, { k, nprobe: "all" });
          const isIn = (ordinal: number): boolean => visited.has(runOf[ordinal]!);
          expect([...found.ordinals]).toEqual([...all.ordinals].filter(isIn));
          expect([...found.scores]).toEqual([...all.scores].filter((_, i) => isIn(all.ordinals[i]!)));
          expect(found.codesScanned).toBe(ordinalsOf(listed).filter(isIn).length);
          expect(found.codesScanned).toBeLessThanOrEqual(paged.mostCodes(nprobe));
        }
      }),
      RUNS,
    );
  });

  it("passes over runs that cannot hold a match, and over no other", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 6 }), fc.nat(1e6), async (shape, nprobe, seed) => {
        const { input, listed, paged } = await openBoth(shape, kernel);
        const k = Math.max(1, shape.n);
        const runOf = await runOfItems(listed, shape.cellsPerPage);
        for (const filter of filtersOf(shape)) {
          const query = queryOf(seed++);
          const all = await listed.search(query, { k, nprobe: "all", filter });
          const found = await paged.search(query, { k, nprobe, filter });
          const order = runsInOrder(input, shape.cellsPerPage, query);
          const withMatch = new Set(Array.from(all.ordinals, (ordinal) => runOf[ordinal]!));
          const visited = new Set(Array.from(found.ordinals, (ordinal) => runOf[ordinal]!));
          // of each all matches, in the order of all
          expect([...found.ordinals]).toEqual([...all.ordinals].filter((ordinal) => visited.has(runOf[ordinal]!)));
          // the first runs with a match, and at least those that a search without a filter visits
          const matching = order.filter((run) => withMatch.has(run));
          expect(new Set(matching.slice(0, visited.size))).toEqual(visited);
          expect(visited.size).toBeLessThanOrEqual(nprobe);
          for (const run of order.slice(0, nprobe)) if (withMatch.has(run)) expect(visited).toContain(run);
        }
      }),
      RUNS,
    );
  });
});

it("filters of one shape are on many pages, of which a search passes over some", async () => {
  const shape: PagedShape = {
    ...{ metric: "l2", nbits: 8, idType: "u32", nlist: 24, filled: 24, n: 400, cellsPerPage: 1, seed: 5 },
    ...{ hasFields: false, hasFacets: true, hasNumbers: true, spread: false },
  };
  const { paged, input } = await openBoth(shape, undefined);
  const pages = paged.manifest.chunks.find(({ of }) => of === "filter-pages")!.pages!;
  expect(pages).toBeGreaterThan(4);
  const query = queryOf(1);
  const filter = { facet: "brand", in: [String(input.facets!["brand"]![0])] };
  const { ordinals } = await paged.search(query, { k: 400, nprobe: 1, filter });
  const some = await paged.search(query, { k: 400, nprobe: 3, filter });
  expect(ordinals.length).toBeGreaterThan(0);
  expect(some.codesScanned).toBeLessThan(400);
});
