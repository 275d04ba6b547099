/**
 * A search of all cells ends early where no cell that is left can hold one of the best: the scalar kernel, which shows
 * no table, goes through all of them and is what the others must equal.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCodebook } from "../src/codebook/codebook.ts";
import { type Index, InputError, type Merge, type SearchOptions } from "../src/index.ts";
import { METRICS, writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, orthogonal, random } from "./support.ts";

const [DIM, M, NLIST, N] = [16, 4, 130, 3000];

interface Given {
  readonly metric: (typeof METRICS)[number];
  readonly nbits: 4 | 8;
  readonly byResidual: boolean;
  readonly isPaged: boolean;
  readonly isDelta: boolean;
  /** Of the residuals, beside cells of length 1 or so. */
  readonly spread: number;
  readonly seed: number;
}

/** The same catalogue by two kernels: the definition, and one of the others. */
async function open({ metric, nbits, byResidual, isPaged, isDelta, spread, seed }: Given): Promise<[Index, Index]> {
  const next = random(seed);
  const codebook = createCodebook({
    ...{ dim: DIM, metric, nlist: NLIST, numSubQuantizers: M, nbits, byResidual },
    rotation: orthogonal(DIM, next),
    coarseCentroids: normals(NLIST * DIM, next),
    centroids: normals(2 ** nbits * DIM, next).map((value) => value * spread),
  });
  const rows = (n: number, first: number) => ({
    assignments: Uint32Array.from({ length: n }, () => Math.floor(next() ** 2 * NLIST)),
    // Few codes, so that many items tie.
    codes: Uint8Array.from({ length: n * M }, () => Math.floor(next() * 3)),
    ids: Uint32Array.from({ length: n }, (_, i) => first + ((i * 7919) % n)),
    facets: { color: Array.from({ length: n }, (_, i) => ["red", "red", "blue"][i % 3]!) },
    numbers: {},
  });
  const artifact = await writeArtifact({ codebook, ...rows(N, 0), listChunkBytes: 2048 });
  const opened = async (file?: "kernel.wasm" | "kernel-relaxed.wasm"): Promise<Index> => {
    const options = { kernelModule: file && kernelModule(file), residentBytes: isPaged ? 0 : undefined };
    return openWhole(memorySource(chunks), manifestBytes, options);
  };
  let { chunks, manifestBytes }: { chunks: readonly { key: string; bytes: Uint8Array }[]; manifestBytes: Uint8Array } =
    artifact;
  if (isDelta) {
    const delta = await writeDelta(await opened(), { items: rows(100, 1000), remove: [5, 6, 2999] });
    chunks = [...artifact.chunks, ...delta.chunks];
    manifestBytes = delta.manifestBytes;
  }
  return [await opened(), await opened(seed % 2 === 0 ? "kernel.wasm" : "kernel-relaxed.wasm")];
}

const given: fc.Arbitrary<Given> = fc.record({
  metric: fc.constantFrom(...METRICS),
  nbits: fc.constantFrom(4, 8),
  byResidual: fc.boolean(),
  isPaged: fc.boolean(),
  isDelta: fc.boolean(),
  spread: fc.constantFrom(0.02, 0.1, 0.5),
  seed: fc.nat(1000),
});

const merges: readonly Merge[] = [
  { by: "max" },
  { by: "sumExp", temperature: 3 },
  { by: "sumExp", temperature: 3, weights: [1, 0.2, 2], exact: false },
];
const asked: readonly SearchOptions[] = [
  { k: 1 },
  { k: 40 },
  { k: 12, filter: { facet: "color", in: ["red"] } },
  { k: 12, exclude: Array.from({ length: 200 }, (_, i) => i) },
];

describe("a search of all cells", () => {
  it("finds what going through all of them finds, ties included", async () => {
    let saved = 0;
    await fc.assert(
      fc.asyncProperty(given, async (one) => {
        const [whole, index] = await open(one);
        const next = random(one.seed + 1);
        const vectors = Array.from({ length: 3 }, () => normals(DIM, next));
        for (const merge of merges) {
          for (const options of asked) {
            const queries = merge.by === "max" && options.k === 40 ? vectors[0]! : vectors;
            const wanted = { ...options, merge };
            const expected = await whole.search(queries, { ...wanted, nprobe: "all" });
            const found = await index.search(queries, { ...wanted, nprobe: "all" });
            expect(found.ordinals).toEqual(expected.ordinals);
            expect(found.scores).toEqual(expected.scores);
            expect(found.listsProbed).toBeLessThanOrEqual(expected.listsProbed);
            saved += expected.codesScanned - found.codesScanned;
            expect((await index.search(queries, { ...wanted, nprobe: NLIST })).ordinals).toEqual(expected.ordinals);
          }
        }
      }),
      { seed: 20261129, numRuns: 25 },
    );
    expect(saved).toBeGreaterThan(0);
  });

  it("reads few of the lists where cells lie far apart", async () => {
    const one: Given = {
      ...{ metric: "innerProduct", nbits: 4, byResidual: true, isPaged: true, isDelta: false, spread: 0.02, seed: 3 },
    };
    const [whole, index] = await open(one);
    const options: SearchOptions = { k: 5, nprobe: "all", exclude: [0] };
    const query = normals(DIM, random(4));
    const all = await whole.search(query, options);
    expect(all.codesScanned).toBe(N);
    const found = await index.search(query, options);
    expect(found.codesScanned).toBeLessThan(N);
    expect(found.listsProbed).toBeLessThan(all.listsProbed / 2);
    // by the sizes of the cells: so many hold what was scanned, at least
    const largest = Math.max(...index.cellSizes);
    expect(found.listsProbed * largest).toBeGreaterThanOrEqual(found.codesScanned);
  });

  it("refuses other words", async () => {
    const [index] = await open({
      ...{ metric: "l2", nbits: 4, byResidual: true, isPaged: false, isDelta: false, spread: 0.1, seed: 1 },
    });
    const options = { nprobe: "some" } as unknown as SearchOptions;
    await expect(index.search(new Float32Array(DIM), options)).rejects.toThrow(InputError);
  });
});
