/**
 * A mixture orders a shortlist. What that costs beside brute force over the visited cells, for a history as the
 * trained towers make it.
 */
import { expect, it } from "vitest";
import { writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";

const N = 4000;
const dim = 32;
const temperature = 16;
const codebook = randomCodebook({ dim, M: 16, nbits: 4, nlist: 32, rotate: false }, 21);
const { assignments, codes } = randomCodes(codebook, N, 22);
const artifact = await writeArtifact({
  codebook,
  assignments,
  codes,
  ids: Uint32Array.from({ length: N }, (_, i) => i),
});
const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes, {
  kernelModule: kernelModule("kernel-relaxed.wasm"),
});
const vectors = await index.vectors(Array.from({ length: N }, (_, i) => i));
const vectorOf = (i: number) => vectors.subarray(i * dim, (i + 1) * dim);
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, d) => sum + x * b[d]!, 0);
const unit = (v: Float32Array) => v.map((x) => x / Math.hypot(...v));

it.each([10, 100])(
  "20 unit vectors at temperature 16: the %i best are those of brute force but for one in a thousand",
  async (k) => {
    const next = random(23);
    let found = 0;
    let wanted = 0;
    for (let round = 0; round < 10; round++) {
      // What a reader likes: items near to one vector.
      const taste = normals(dim, next);
      const near = await index.search(taste, { k: 60, nprobe: 32 });
      const heads = Array.from({ length: 20 }, () => unit(vectorOf(near.ordinals[Math.floor(next() * 60)]!)));
      // All items of the cells that some vector probes.
      const visited = new Set<number>();
      for (const head of heads)
        for (const ordinal of (await index.search(head, { k: N, nprobe: 6 })).ordinals) visited.add(ordinal);
      const mixture = (i: number) =>
        heads.reduce((sum, head) => sum + Math.exp(temperature * dot(head, vectorOf(i))), 0);
      const scored = [...visited].map((ordinal) => ({ ordinal, score: mixture(ordinal) }));
      const best = new Set(
        scored
          .sort((a, b) => b.score - a.score)
          .slice(0, k)
          .map(({ ordinal }) => ordinal),
      );
      const { ordinals } = await index.search(heads, {
        k,
        nprobe: 6,
        merge: { by: "sumExp", temperature, exact: false },
      });
      expect(new Set(ordinals).size).toBe(k);
      found += ordinals.filter((ordinal) => best.has(ordinal)).length;
      wanted += k;
    }
    expect(found / wanted).toBeGreaterThanOrEqual(0.999);
  },
);
