/**
 * Twenty vectors and more, beside a full sort of the scores of single searches by the scalar kernel: by maximum and by
 * an exact mixture over all visited cells, by a shortlist as it is defined.
 */
import { describe, expect, it } from "vitest";
import type { Index, Merge } from "../src/index.ts";
import { METRICS, writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";

const [N, DIM, NLIST, NPROBE, TEMPERATURE] = [3000, 32, 40, 3, 1.5];
/** Beside the vectors of a group of four. */
const NUM_VECTORS = 21;

async function open(metric: (typeof METRICS)[number], byResidual: boolean): Promise<[Index, Index, Index]> {
  const codebook = randomCodebook({ dim: DIM, M: 16, nbits: 4, nlist: NLIST, metric, byResidual, rotate: true }, 31);
  const ids = Uint32Array.from({ length: N }, (_, i) => i);
  const artifact = await writeArtifact({ codebook, ...randomCodes(codebook, N, 32), ids, listChunkBytes: 4096 });
  const opened = (file: "kernel.wasm" | "kernel-relaxed.wasm" | undefined, residentBytes?: number) =>
    openWhole(memorySource(artifact.chunks), artifact.manifestBytes, {
      kernelModule: file && kernelModule(file),
      residentBytes,
    });
  return [await opened(undefined), await opened("kernel-relaxed.wasm"), await opened("kernel.wasm", 0)];
}

/** (vectors, N) scores, and which items lie in a cell that each vector probes. */
async function scoresOf(scalar: Index, vectors: readonly Float32Array[]) {
  return Promise.all(
    vectors.map(async (vector) => {
      const all = await scalar.search(vector, { k: N, nprobe: NLIST });
      const scores = new Float32Array(N);
      for (const [i, ordinal] of all.ordinals.entries()) scores[ordinal] = all.scores[i]!;
      return { scores, probed: new Set((await scalar.search(vector, { k: N, nprobe: NPROBE })).ordinals) };
    }),
  );
}

const ofEach = (scoreOf: (ordinal: number) => number): Float64Array =>
  Float64Array.from({ length: N }, (_, ordinal) => scoreOf(ordinal));

const best = (ordinals: readonly number[], scores: Float64Array, k: number): number[] =>
  ordinals.toSorted((a, b) => scores[b]! - scores[a]!).slice(0, k);

describe.each(METRICS.flatMap((metric) => [true, false].map((byResidual) => [metric, byResidual] as const)))(
  "%s, codes of residuals: %s",
  (metric, byResidual) => {
    it.each([0, 40])("21 vectors find what a full sort finds, %i items excluded", async (numExcluded) => {
      const [scalar, resident, paged] = await open(metric, byResidual);
      const next = random(33);
      const vectors = Array.from({ length: NUM_VECTORS }, () => normals(DIM, next));
      const weights = vectors.map(() => 0.2 + next());
      const by = await scoresOf(scalar, vectors);
      const ids = (await scalar.items(Array.from({ length: N }, (_, i) => i))).map(({ id }) => id as number);
      const term = (h: number, ordinal: number) =>
        Math.fround(Math.log(weights[h]!) + TEMPERATURE * by[h]!.scores[ordinal]!);
      const largest = ofEach((ordinal) => Math.max(...by.map(({ scores }) => scores[ordinal]!)));
      const mixture = ofEach((ordinal) => Math.log(by.reduce((sum, _, h) => sum + Math.exp(term(h, ordinal)), 0)));
      const ownTerm = ofEach((ordinal) =>
        Math.max(...by.map(({ probed }, h) => (probed.has(ordinal) ? term(h, ordinal) : -Infinity))),
      );
      const visited = [...ids.keys()].filter((ordinal) => by.some(({ probed }) => probed.has(ordinal)));
      const exclude = best(visited, largest, numExcluded).map((ordinal) => ids[ordinal]!);
      const allowed = visited.filter((ordinal) => !exclude.includes(ids[ordinal]!));
      const mixed = { by: "sumExp", temperature: TEMPERATURE, weights } as const;
      for (const k of [1, 10, 70]) {
        const shortlist = best(allowed, ownTerm, Math.max(64, 6 * k));
        const expected: [Merge, number[]][] = [
          [{ by: "max" }, best(allowed, largest, k)],
          [mixed, best(allowed, mixture, k)],
          [{ ...mixed, exact: false }, best(shortlist, mixture, k)],
        ];
        for (const index of [scalar, resident, paged]) {
          for (const [merge, ordinals] of expected) {
            const found = await index.search(vectors, { k, nprobe: NPROBE, exclude, merge });
            expect([...found.ordinals]).toEqual(ordinals);
            const wanted = merge.by === "max" ? largest : mixture;
            for (const [i, ordinal] of ordinals.entries())
              expect(Math.abs(found.scores[i]! - wanted[ordinal]!)).toBeLessThan(
                1e-4 * (1 + Math.abs(found.scores[i]!)),
              );
          }
        }
      }
    });
  },
);
