/** Query vectors at the ends of float32: what finds nothing, what is refused, and that no score is ever NaN. */
import { describe, expect, it } from "vitest";
import { type Index, InputError, MAX_NORM, MIN_NORM, type SearchOptions } from "../src/index.ts";
import { openWords, searchHybrid } from "../src/words/index.ts";
import { METRICS, writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";
import { randomWords, TERMS, toItemWords } from "./word-rows.ts";

const DIM = 8;
const N = 400;
const KERNELS = [undefined, "kernel.wasm", "kernel-relaxed.wasm"] as const;
type Metric = (typeof METRICS)[number];

async function open(metric: Metric, nlist: number, rotate: boolean, kernel: (typeof KERNELS)[number], isDelta = false) {
  const codebook = randomCodebook({ dim: DIM, M: 4, nbits: 4, nlist, metric, rotate }, 3);
  const rows = (n: number, first: number) => ({
    ...randomCodes(codebook, n, 5 + first),
    ids: Uint32Array.from({ length: n }, (_, i) => first + i),
    facets: { color: Array.from({ length: n }, (_, i) => ["red", "blue"][i % 2]!) },
    numbers: { price: Array.from({ length: n }, (_, i) => i) },
    words: toItemWords(randomWords(n, 7), 7),
  });
  const artifact = await writeArtifact({ codebook, ...rows(N, 0), wordFacts: { rules: 2, dense: 1, words: 0.5 } });
  const options = { kernelModule: kernel && kernelModule(kernel) };
  const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes, options);
  if (!isDelta) return index;
  const delta = await writeDelta(index, { items: rows(40, 10_000), remove: [1, 2, 3] });
  return openWhole(memorySource([...artifact.chunks, ...delta.chunks]), delta.manifestBytes, options);
}

const cases = METRICS.flatMap((metric) =>
  [0, 6].flatMap((nlist) => [false, true].map((rotate) => [metric, nlist, rotate] as const)),
);

/** (DIM) with one number where `at` says, else the other everywhere. */
const oneAt = (at: number, value: number, rest = 0): Float32Array =>
  Float32Array.from({ length: DIM }, (_, i) => (i === at ? value : rest));

async function expectNumbers(index: Index, query: Float32Array | Float32Array[], options: SearchOptions = {}) {
  const { scores, ordinals } = await index.search(query, { k: 50, nprobe: 6, ...options });
  for (const score of scores) expect(score).toBeGreaterThan(-Infinity);
  for (const score of scores) expect(score).toBeLessThan(Infinity);
  return [...ordinals];
}

describe.each(cases)("%s, %i cells, rotated %s", (metric, nlist, rotate) => {
  it.each([false, true])(
    "zeros find nothing where all would tie, and are a point by l2; changes: %s",
    async (isDelta) => {
      const index = await open(metric, nlist, rotate, "kernel-relaxed.wasm", isDelta);
      const zero = new Float32Array(DIM);
      const found = await index.search(zero, { k: 9, nprobe: 3 });
      const again = await index.search([zero, zero], { k: 9, nprobe: 3, merge: { by: "sumExp", temperature: 2 } });
      if (metric === "l2") {
        expect(found.ordinals.length).toBe(9);
        expect(again.ordinals.length).toBe(9);
        return;
      }
      const nothing = { ordinals: new Uint32Array(0), scores: new Float32Array(0), listsProbed: 0, codesScanned: 0 };
      expect(found).toEqual(nothing);
      expect(again).toEqual(nothing);
      expect(await index.search(Float32Array.of(...zero).fill(-0), {})).toEqual(nothing);
      expect(await index.search(zero, { filter: { facet: "color", in: ["red"] } })).toEqual(nothing);
      await expect(index.search(zero, { filter: { facet: "size", in: [] } })).rejects.toThrow(InputError);
      // Among others it counts for nothing.
      const next = random(4);
      const [a, b] = [normals(DIM, next), normals(DIM, next)] as const;
      for (const merge of [{ by: "max" }, { by: "sumExp", temperature: 3, weights: [1, 2] }] as const) {
        const three = merge.by === "max" ? merge : { ...merge, weights: [1, 9, 2] };
        for (const filter of [undefined, { number: "price", min: 20 }] as const) {
          const options = { k: 30, nprobe: 2, exclude: [5, 7], filter };
          const expected = await index.search([a, b], { ...options, merge });
          expect(await index.search([a, zero, b], { ...options, merge: three })).toEqual(expected);
        }
      }
      expect(await index.search([zero, a], { k: 7 })).toEqual(await index.search(a, { k: 7 }));
    },
  );

  it.each(KERNELS)("no score is NaN or infinite, whatever the vector: kernel %s", async (kernel) => {
    const index = await open(metric, nlist, rotate, kernel);
    const next = random(8);
    const shape = normals(DIM, next);
    const huge = [3e38, 1e30, 1.0001 * MAX_NORM].flatMap((value) => [
      new Float32Array(DIM).fill(value),
      new Float32Array(DIM).fill(-value),
      oneAt(3, value, 1),
      shape.map((_, i) => (i % 2 === 0 ? value : -value)),
    ]);
    for (const query of huge) {
      if (metric === "cosine") {
        // The same as of a vector of that direction and another length.
        const scale = query.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const unit = query.map((value) => value / scale);
        expect(await expectNumbers(index, query)).toEqual(await expectNumbers(index, unit));
        continue;
      }
      await expect(index.search(query)).rejects.toMatchObject({
        name: "InputError",
        parameter: "query",
        detail: expect.stringContaining("at most 1000000000000000000, got "),
      });
      await expect(index.search([shape, query])).rejects.toThrow(InputError);
    }
    const small = [0.3 * MAX_NORM, 1e9, 1e-9, 1e-29, 1.01 * MIN_NORM].map((value) => {
      const norm = Math.sqrt(shape.reduce((sum, part) => sum + part * part, 0));
      return shape.map((part) => (part / norm) * value);
    });
    const order = await expectNumbers(index, small[1]!);
    for (const query of small) {
      const found = await expectNumbers(index, query);
      expect(found.length).toBe(50);
      if (metric === "innerProduct") expect(found.slice(0, 20)).toEqual(order.slice(0, 20));
      await expectNumbers(index, [query, shape]);
      await expectNumbers(index, [query, shape], { merge: { by: "sumExp", temperature: 1 } });
    }
    for (const value of [0.99 * MIN_NORM, 1e-31, 1e-40, 1.5e-45]) {
      const query = oneAt(2, value, 0);
      if (metric !== "innerProduct") {
        expect(await expectNumbers(index, query)).toHaveLength(50);
        continue;
      }
      await expect(index.search([shape, query])).rejects.toMatchObject({
        name: "InputError",
        parameter: "query",
        detail: expect.stringContaining("(norm) of 0, or 1e-30 to 1000000000000000000, got "),
      });
    }
  });
});

it("beside words a vector of zeros counts for nothing", async () => {
  const index = await open("innerProduct", 6, true, "kernel-relaxed.wasm");
  const words = (await openWords(index))!;
  const none = new Uint32Array(0);
  const asked = {
    words: [{ alternatives: [{ term: TERMS[0]!, likeness: 1 }] }],
    required: [],
    excluded: [],
    named: none,
  };
  const zero = { vectors: [new Float32Array(DIM)] };
  expect(await searchHybrid(index, words, zero, asked)).toEqual(await searchHybrid(index, words, undefined, asked));
  expect((await searchHybrid(index, words, zero, asked, { mode: "dense" })).ordinals).toEqual(none);
});
