import { describe, expect, it } from "vitest";
import type { Codebook, SearchResult } from "../src/index.ts";
import { decode, writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes, type Shape } from "./support.ts";

const KERNELS = {
  scalar: undefined,
  simd: kernelModule("kernel.wasm"),
  "relaxed-simd": kernelModule("kernel-relaxed.wasm"),
};
const ids = (n: number): string[] => Array.from({ length: n }, (_, i) => `item-${String(i).padStart(6, "0")}`);

/** Score of each decoded item in float64, by its term where it has one: what the search must find. */
function bruteForce(codebook: Codebook, decoded: Float32Array, query: Float32Array, terms?: Float32Array): number[] {
  const { dim, metric } = codebook;
  const norm = (v: Float32Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  return Array.from({ length: decoded.length / dim }, (_, i) => {
    const item = decoded.subarray(i * dim, (i + 1) * dim);
    const square = query.reduce((sum, x) => sum + x * x, 0);
    if (terms) return item.reduce((sum, x, d) => sum + 2 * x * query[d]!, 0) - terms[i]! - square;
    if (metric === "l2") return -item.reduce((sum, x, d) => sum + (x - query[d]!) ** 2, 0);
    const product = item.reduce((sum, x, d) => sum + x * query[d]!, 0);
    return metric === "innerProduct" ? product : product / (norm(item) * norm(query));
  });
}

async function check(shape: Shape, n: number, seed: number, k: number, ownTerms = false): Promise<void> {
  const codebook = randomCodebook(shape, seed);
  const terms = ownTerms ? normals(n, random(seed + 3)).map((value) => 9 * value ** 2) : undefined;
  const encoded = { ...randomCodes(codebook, n, seed + 1), terms };
  const artifact = await writeArtifact({ codebook, ...encoded, ids: ids(n), listChunkBytes: 65_536 });
  const decoded = decode(codebook, encoded.assignments, encoded.codes);
  const query = normals(shape.dim, random(seed + 2));
  const expected = bruteForce(codebook, decoded, query, terms);
  const best = expected.toSorted((a, b) => b - a).slice(0, k);
  const scale = Math.max(...expected.map(Math.abs));
  let first: SearchResult | undefined;
  for (const [name, module] of Object.entries(KERNELS)) {
    for (const residentBytes of [undefined, 0]) {
      const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes, {
        kernelModule: module,
        residentBytes,
      });
      expect(index.kernel).toBe(name);
      const result = await index.search(query, { k, nprobe: Math.max(1, shape.nlist) });
      expect(result.ordinals.length).toBe(Math.min(k, n));
      for (const [rank, score] of best.entries())
        expect(Math.abs(result.scores[rank]! - score)).toBeLessThan(1e-5 * scale);
      // Each returned item has the score returned for it.
      const items = await index.items(result.ordinals);
      for (const [rank, item] of items.entries()) {
        expect(Math.abs(expected[ids(n).indexOf(item.id as string)]! - result.scores[rank]!)).toBeLessThan(
          1e-5 * scale,
        );
      }
      first ??= result;
      expect(result).toEqual(first);
      if (terms) {
        const { terms: kept } = await index.codes(result.ordinals);
        expect([...kept!]).toEqual(items.map(({ id }) => terms[ids(n).indexOf(id as string)]));
      }
    }
  }
}

describe("search at nprobe = nlist equals brute force over decoded vectors", () => {
  for (const metric of ["innerProduct", "cosine", "l2"] as const) {
    for (const nbits of [4, 8] as const) {
      for (const nlist of [0, 5]) {
        it(`${metric}, ${nbits} bits, nlist ${nlist}`, async () => {
          for (const M of [1, 3, 8, 16])
            await check({ dim: M * 4, M, nbits, nlist, metric, rotate: M !== 3 }, 777, M, 10);
        });
        if (metric === "l2") {
          it(`l2 with terms of their own, ${nbits} bits, nlist ${nlist}`, () =>
            check({ dim: 32, M: 8, nbits, nlist, metric, rotate: true }, 777, 8, 10, true));
        }
      }
    }
  }
});
