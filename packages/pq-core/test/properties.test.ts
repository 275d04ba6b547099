import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AdcKernel, type Codebook, loadKernel } from "../src/index.ts";
import { packBlocks } from "../src/kernel/blocks.ts";
import { ScalarKernel } from "../src/kernel/scalar-kernel.ts";
import { TopK } from "../src/kernel/top-k.ts";
import { createCodebook, decode, encode, innerProductTable, METRICS, writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import {
  kernelModule,
  memorySource,
  normals,
  orthogonal,
  random,
  randomCodebook,
  randomCodes,
  type Shape,
} from "./support.ts";

const SEED = { seed: 20261122 };
const simd = loadKernel(kernelModule("kernel.wasm"));

const shapes: fc.Arbitrary<Shape> = fc
  .record({
    M: fc.integer({ min: 1, max: 12 }),
    subDim: fc.integer({ min: 1, max: 4 }),
    nbits: fc.constantFrom(4 as const, 8 as const),
    nlist: fc.integer({ min: 0, max: 6 }),
    metric: fc.constantFrom(...METRICS),
    rotate: fc.boolean(),
    byResidual: fc.boolean(),
  })
  .map(({ subDim, ...shape }) => ({
    ...shape,
    dim: shape.M * subDim,
    byResidual: shape.byResidual && shape.nlist > 0,
  }));

describe("codes", () => {
  it("centroids encode to themselves", () => {
    fc.assert(
      fc.property(shapes, fc.nat(), (shape, seed) => {
        const codebook = randomCodebook(shape, seed);
        const encoded = randomCodes(codebook, 20, seed + 1);
        const vectors = decode(codebook, encoded.assignments, encoded.codes);
        // The cell is given: a decoded vector may lie nearer to another cell's centroid.
        const again = encode(codebook, vectors, encoded.assignments);
        const rebuilt = decode(codebook, again.assignments, again.codes);
        // Equal centroids may share a code's place, so the vectors are compared.
        for (const [i, x] of rebuilt.entries()) expect(Math.abs(x - vectors[i]!)).toBeLessThan(1e-4);
      }),
      { ...SEED, numRuns: 60 },
    );
  });

  it("no other code decodes nearer to a vector than its own, in its cell", () => {
    fc.assert(
      fc.property(shapes, fc.nat(), (shape, seed) => {
        const codebook = randomCodebook({ ...shape, rotate: false }, seed);
        const vector = normals(shape.dim, random(seed));
        const { assignments, codes } = encode(codebook, vector);
        const distance = (other: Uint8Array): number =>
          decode(codebook, assignments, other).reduce((sum, x, d) => sum + (x - vector[d]!) ** 2, 0);
        const own = distance(codes);
        for (let m = 0; m < codes.length; m++) {
          const other = codes.slice();
          for (let c = 0; c < codebook.numCentroids; c++) {
            other[m] = c;
            expect(distance(other)).toBeGreaterThanOrEqual(own - 1e-5);
          }
        }
      }),
      { ...SEED, numRuns: 25 },
    );
  });

  it("the rotation is inverted: a rotated codebook decodes the rotated vectors back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), fc.nat(), (dim, seed) => {
        const next = random(seed);
        const rotation = orthogonal(dim, next);
        const vector = normals(dim, next);
        // One sub-quantizer whose centroid 3 is the rotated vector itself: decoding must give the vector.
        const rotated = Float32Array.from({ length: dim }, (_, j) =>
          vector.reduce((sum, x, i) => sum + x * rotation[i * dim + j]!, 0),
        );
        const centroids = new Float32Array(16 * dim);
        centroids.set(rotated, 3 * dim);
        const codebook = createCodebook({
          dim,
          metric: "l2",
          nlist: 0,
          numSubQuantizers: 1,
          nbits: 4,
          byResidual: false,
          rotation,
          centroids,
        });
        const { codes } = encode(codebook, vector);
        expect([...codes]).toEqual(vector.every((x) => x === 0) ? [0] : [3]);
        const back = decode(codebook, new Uint32Array(1), codes);
        for (const [d, x] of back.entries()) expect(Math.abs(x - vector[d]!)).toBeLessThan(1e-5);
      }),
      { ...SEED, numRuns: 60 },
    );
  });

  it("a table's sum is the inner product with the decoded vector", () => {
    fc.assert(
      fc.property(shapes, fc.nat(), (shape, seed) => {
        const codebook = randomCodebook({ ...shape, byResidual: false }, seed);
        const { assignments, codes } = randomCodes(codebook, 5, seed);
        const query = normals(shape.dim, random(seed + 7));
        const table = innerProductTable(codebook, query);
        const decoded = decode(codebook, assignments, codes);
        for (let i = 0; i < 5; i++) {
          let sum = 0;
          for (let m = 0; m < shape.M; m++) sum += table[m * codebook.numCentroids + codes[i * shape.M + m]!]!;
          const product = query.reduce((total, x, d) => total + x * decoded[i * shape.dim + d]!, 0);
          expect(Math.abs(sum - product)).toBeLessThan(1e-4);
        }
      }),
      { ...SEED, numRuns: 60 },
    );
  });
});

describe("artifacts", () => {
  it("write ∘ read = identity: codebook, codes, ids, fields", async () => {
    const items = fc.uniqueArray(
      fc.tuple(fc.string({ minLength: 1, unit: "grapheme" }), fc.dictionary(fc.string(), fc.jsonValue())),
      {
        selector: ([id]) => id,
        maxLength: 80,
      },
    );
    await fc.assert(
      fc.asyncProperty(shapes, items, fc.nat(), async (shape, list, seed) => {
        const codebook = randomCodebook(shape, seed);
        const n = list.length;
        const encoded = randomCodes(codebook, n, seed);
        const ids = list.map(([id]) => id);
        const fields = list.map(([, own]) => own);
        const artifact = await writeArtifact({ codebook, ...encoded, ids, fields, listChunkBytes: 8192 });
        const index = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes);
        expect(index.codebook).toEqual(codebook);
        const ordinals = await index.ordinals(ids);
        expect(new Set(ordinals)).toEqual(new Set(ids.keys()));
        const back = await index.items(ordinals);
        expect(back.map(({ id }) => id)).toEqual(ids);
        expect(JSON.stringify(back.map((item) => item.fields))).toBe(JSON.stringify(fields));
        expect(await index.vectors(ordinals)).toEqual(decode(codebook, encoded.assignments, encoded.codes));
        expect(index.manifest.version).toBe(artifact.version);
      }),
      { ...SEED, numRuns: 60 },
    );
  });

  it("equal input gives equal bytes, in whatever order the items come", async () => {
    const codebook = randomCodebook({ dim: 8, M: 4, nbits: 4, nlist: 3 }, 1);
    const { assignments, codes } = randomCodes(codebook, 100, 2);
    const ids = Array.from({ length: 100 }, (_, i) => `é${(i * 37) % 100}`);
    const order = [...ids.keys()].sort((a, b) => ((a * 53) % 100) - ((b * 53) % 100));
    const first = await writeArtifact({ codebook, assignments, codes, ids });
    const second = await writeArtifact({
      codebook,
      assignments: Uint32Array.from(order, (i) => assignments[i]!),
      codes: Uint8Array.from(order.flatMap((i) => [...codes.subarray(i * 4, i * 4 + 4)])),
      ids: order.map((i) => ids[i]!),
      previousVersion: first.version,
    });
    expect(second.version).toBe(first.version);
    expect(second.chunks).toEqual(first.chunks);
    expect(second.manifest.previousVersion).toBe(first.version);
  });
});

describe("the k best", () => {
  it("are those of a full sort, ties by smaller ordinal, whatever the order of arrival", () => {
    const score = fc.constantFrom(-1, -0, 0, 0.5, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    fc.assert(
      fc.property(fc.array(score), fc.integer({ min: 1, max: 20 }), fc.nat(), (scores, k, seed) => {
        const next = random(seed);
        const arrival = [...scores.keys()].map((i) => ({ i, at: next() })).sort((a, b) => a.at - b.at);
        const top = new TopK(k);
        for (const { i } of arrival) top.push(scores[i]!, i);
        const best = [...scores.keys()]
          .sort((a, b) => (scores[b]! > scores[a]! ? 1 : scores[b]! < scores[a]! ? -1 : a - b))
          .slice(0, k);
        expect([...top.take().ordinals]).toEqual(best);
      }),
      { ...SEED, numRuns: 300 },
    );
  });
});

/** Both kernels over the same codes: ordinals must be equal, which a first pass that misses anything would break. */
function compare(codebook: Codebook, codes: Uint8Array, query: Float32Array, k: number, bias: number): void {
  const n = codes.length / codebook.numSubQuantizers;
  const run = (kernel: AdcKernel): unknown => {
    kernel.load(packBlocks(codebook, codes), 0, Math.ceil(n / 32));
    kernel.setQuery(query);
    kernel.begin(k, bias, Number.NEGATIVE_INFINITY);
    kernel.scan(0, n, 0, bias);
    return kernel.finish();
  };
  expect(run(simd(codebook, { min: 0, max: 0 }))).toEqual(run(new ScalarKernel(codebook)));
}

describe("the u8 first pass misses nothing", () => {
  it("for codebooks of any scale, offset and spread, and any bias", () => {
    // Exponents far apart make table entries of very different size: what is hardest for one step for all rows.
    const scale = fc.integer({ min: -12, max: 12 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(scale, { minLength: 40, maxLength: 40 }),
        scale,
        scale,
        fc.nat(),
        (M, scales, offset, bias, seed) => {
          const next = random(seed);
          const centroids = Float32Array.from({ length: 16 * M }, (_, i) => {
            const m = Math.floor(i / 16);
            return (next() - 0.5) * 2 ** scales[m]! + (next() < 0.1 ? 2 ** offset : 0);
          });
          const codebook = createCodebook({
            dim: M,
            metric: "innerProduct",
            nlist: 0,
            numSubQuantizers: M,
            nbits: 4,
            byResidual: false,
            centroids,
          });
          const codes = Uint8Array.from({ length: 700 * M }, () => Math.floor(next() * 16));
          compare(codebook, codes, normals(M, next), 1 + Math.floor(next() * 50), (next() - 0.5) * 2 ** bias);
        },
      ),
      { ...SEED, numRuns: 300 },
    );
  });

  it("when scores are all but equal, so that the order hangs on the last bit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 33 }), fc.nat(), (M, seed) => {
        const next = random(seed);
        // 1 + tiny: float32 sums round, and many items tie exactly.
        const centroids = Float32Array.from({ length: 16 * M }, () => 1 + Math.floor(next() * 8) * 2 ** -23);
        const codebook = createCodebook({
          dim: M,
          metric: "innerProduct",
          nlist: 0,
          numSubQuantizers: M,
          nbits: 4,
          byResidual: false,
          centroids,
        });
        const codes = Uint8Array.from({ length: 500 * M }, () => Math.floor(next() * 16));
        compare(codebook, codes, new Float32Array(M).fill(1), 20, 0);
      }),
      { ...SEED, numRuns: 100 },
    );
  });
});
