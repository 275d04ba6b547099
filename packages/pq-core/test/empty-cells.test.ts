import { describe, expect, it } from "vitest";
import type { ArtifactInput, Codebook, Index, SearchOptions, SearchResult } from "../src/index.ts";
import { decode, writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook } from "./support.ts";

const [DIM, M, NLIST, N] = [16, 8, 30, 2000];
const KERNELS = [undefined, "kernel.wasm", "kernel-relaxed.wasm"] as const;
const isEmpty = (cell: number): boolean => cell % 3 === 1;
const FILLED = Array.from({ length: NLIST }, (_, cell) => cell).filter((cell) => !isEmpty(cell));

const codebookOf = (spread: boolean) =>
  randomCodebook({ dim: DIM, M, nbits: 4, nlist: NLIST, rotate: false, spread }, 11);
const codebook = codebookOf(false);
const next = random(12);
const rows = {
  ids: Uint32Array.from({ length: N }, (_, i) => 3 * i),
  assignments: Uint32Array.from({ length: N }, () => FILLED[Math.floor(next() * FILLED.length)]!),
  codes: Uint8Array.from({ length: N * M }, () => Math.floor(next() * 16)),
  facets: { color: Array.from({ length: N }, (_, i) => (i % 3 === 0 ? "green" : "red")) },
  numbers: {},
};
/** A third of its 30 cells hold nothing. */
const artifact = await writeArtifact({ codebook, ...rows, listChunkBytes: 2048 });

const opened = (kernel: (typeof KERNELS)[number], residentBytes?: number, of = artifact): Promise<Index> =>
  openWhole(memorySource(of.chunks), of.manifestBytes, {
    kernelModule: kernel && kernelModule(kernel),
    residentBytes,
  });

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, d) => sum + x * b[d]!, 0);

/** Cells of items, best first for a query; each once, so that cells without items never count. */
function bestCells(query: Float32Array, assignments: Uint32Array, { cellSpread }: Codebook): number[] {
  const score = (cell: number): number => {
    const centroid = codebook.coarseCentroids.subarray(cell * DIM, (cell + 1) * DIM);
    const { weight, length } = cellSpread ?? { weight: 0, length: 0 };
    const around = Math.sqrt(Math.max(0, length ** 2 - dot(centroid, centroid)));
    return dot(query, centroid) + weight * Math.sqrt(dot(query, query)) * around;
  };
  return [...new Set(assignments)].sort((a, b) => score(b) - score(a));
}

/** The definition: every item of the cells that any query probes, by its best score. */
function bruteForce(
  queries: readonly Float32Array[],
  { assignments, codes, ids }: typeof rows,
  nprobe: number,
  by = codebook,
) {
  const cells = new Set(queries.flatMap((query) => bestCells(query, assignments, by).slice(0, nprobe)));
  const decoded = decode(codebook, assignments, codes);
  return [...ids.keys()]
    .filter((i) => cells.has(assignments[i]!))
    .map((i) => {
      const item = decoded.subarray(i * DIM, (i + 1) * DIM);
      return { id: ids[i]!, score: Math.max(...queries.map((query) => dot(query, item))), i };
    })
    .sort((a, b) => b.score - a.score);
}

async function idsOf(index: Index, { ordinals }: SearchResult): Promise<unknown[]> {
  return (await index.items(ordinals)).map(({ id }) => id);
}

describe("cells without items are never probed", () => {
  const queries = [normals(DIM, random(13)), normals(DIM, random(14)), normals(DIM, random(15))];
  const nprobes = [1, 4, 8, FILLED.length, NLIST, 1 << 20];

  it.each(KERNELS)("kernel %s: equals brute force over the nearest cells that hold items", async (kernel) => {
    for (const [spread, residentBytes] of [
      [false, undefined],
      [false, 0],
      [true, undefined],
      [true, 0],
    ] as const) {
      const by = codebookOf(spread);
      const of = spread ? await writeArtifact({ codebook: by, ...rows, listChunkBytes: 2048 }) : artifact;
      const index = await opened(kernel, residentBytes, of);
      // so that it would be noticed if the spread counted for nothing
      const cellsOf = (by: Codebook): string => `${bestCells(queries[0]!, rows.assignments, by).slice(0, 4).sort()}`;
      expect(cellsOf(by) === cellsOf(codebook)).toBe(!spread);
      for (const nprobe of nprobes) {
        for (const asked of [...queries.map((query) => [query]), queries]) {
          const all = bruteForce(asked, rows, nprobe, by);
          const searches: [SearchOptions, typeof all][] = [
            [{ k: N }, all],
            [{ k: N, exclude: [all[0]!.id] }, all.slice(1)],
            [{ k: N, filter: { facet: "color", in: ["red"] } }, all.filter(({ i }) => i % 3 !== 0)],
          ];
          for (const [options, expected] of searches) {
            const found = await index.search(asked.length === 1 ? asked[0]! : asked, { ...options, nprobe });
            expect(new Set(await idsOf(index, found))).toEqual(new Set(expected.map(({ id }) => id)));
            expect(found.scores[0]).toBeCloseTo(expected[0]!.score, 4);
            expect(found.codesScanned).toBe(all.length);
            const cells = new Set(all.map(({ i }) => rows.assignments[i]!));
            expect(found.listsProbed).toBe(cells.size);
            if (asked.length === 1) expect(cells.size).toBe(Math.min(nprobe, FILLED.length));
          }
        }
      }
    }
  });

  it("an index without items answers nothing, whatever nprobe", async () => {
    const none: ArtifactInput = {
      codebook,
      ids: new Uint32Array(0),
      assignments: new Uint32Array(0),
      codes: new Uint8Array(0),
    };
    const { chunks, manifestBytes } = await writeArtifact(none);
    for (const kernel of KERNELS) {
      const index = await openWhole(memorySource(chunks), manifestBytes, {
        kernelModule: kernel && kernelModule(kernel),
      });
      for (const asked of [queries[0]!, queries])
        expect(await index.search(asked, { nprobe: 5 })).toMatchObject({ listsProbed: 0, codesScanned: 0 });
    }
  });
});

describe("changes beside an index with empty cells", () => {
  // One item goes into each of two empty cells, and a cell loses all of its items.
  const [first, second] = [1, 4];
  const emptied = FILLED[0]!;
  const remove = [...rows.ids].filter((_, i) => rows.assignments[i] === emptied);
  const added = {
    ids: Uint32Array.of(10_000, 10_001),
    assignments: Uint32Array.of(first, second),
    codes: Uint8Array.from({ length: 2 * M }, (_, i) => i % 16),
    facets: { color: ["red", "green"] },
    numbers: {},
  };
  const left = [...rows.ids.keys()].filter((i) => rows.assignments[i] !== emptied);
  const whole = {
    ids: Uint32Array.from([...left.map((i) => rows.ids[i]!), ...added.ids]),
    assignments: Uint32Array.from([...left.map((i) => rows.assignments[i]!), ...added.assignments]),
    codes: Uint8Array.from([...left.flatMap((i) => [...rows.codes.subarray(i * M, (i + 1) * M)]), ...added.codes]),
    facets: { color: [...left.map((i) => rows.facets.color[i]), ...added.facets.color] },
    numbers: {},
  };

  it.each(KERNELS)("kernel %s: every answer is that of an index written anew", async (kernel) => {
    const base = await opened(kernel);
    const changes = await writeDelta(base, { items: added, remove });
    const source = memorySource([...artifact.chunks, ...changes.chunks]);
    const kernelOption = { kernelModule: kernel && kernelModule(kernel) };
    const fresh = await writeArtifact({ codebook, ...whole });
    const anew = await openWhole(memorySource(fresh.chunks), fresh.manifestBytes, kernelOption);
    const shared = await openWhole(source, changes.manifestBytes, { ...kernelOption, previous: base });
    const paged = await openWhole(source, changes.manifestBytes, { ...kernelOption, residentBytes: 0 });
    const centroid = (cell: number): Float32Array =>
      codebook.coarseCentroids.slice(cell * DIM, (cell + 1) * DIM).map((x) => 10 * x);
    const asked = [centroid(first), centroid(emptied), [centroid(second), centroid(emptied)]];
    const filter = { facet: "color", in: ["red"] } as const;
    for (const index of [shared, paged]) {
      for (const query of asked) {
        for (const nprobe of [1, 3, NLIST]) {
          for (const options of [{}, { filter }, { exclude: [10_000] }]) {
            const search = { k: 50, nprobe, ...options };
            expect(await index.search(query, search)).toEqual(await anew.search(query, search));
          }
        }
      }
    }
    // The item added to an empty cell is found in the first cell that is visited.
    expect(await idsOf(shared, await shared.search(centroid(first), { nprobe: 1 }))).toEqual([10_000]);
    // What was opened before keeps its own cells, though both share a kernel.
    const before = await base.search(centroid(emptied), { nprobe: 1, k: N });
    expect(await idsOf(base, before)).toHaveLength(remove.length);
    expect(new Set(await idsOf(base, before))).toEqual(new Set(remove));
  });
});
