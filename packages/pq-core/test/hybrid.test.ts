import { describe, expect, it } from "vitest";
import type { Filter, Index, Merge } from "../src/index.ts";
import { openWords, searchHybrid, type WordQuery } from "../src/words/index.ts";
import { decode, writeArtifact } from "../src/write.ts";
import { isAllowed, plainShare, randomItems, randomQuery, randomWord } from "./hybrid-model.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";
import { toItemWords } from "./word-rows.ts";

const N = 240;
const DIM = 8;
const FACTS = { rules: 1, dense: 1, words: 1 };
const codebook = randomCodebook({ dim: DIM, M: 4, nbits: 4, nlist: 5, metric: "cosine" }, 3);
const encoded = randomCodes(codebook, N, 4);
const decoded = decode(codebook, encoded.assignments, encoded.codes);
const next = random(5);
const vocabulary = [...new Set(Array.from({ length: 60 }, () => randomWord(next)))];
const items = randomItems(N, vocabulary, 6);
const colors = Array.from({ length: N }, () => ["red", "green"][Math.floor(next() * 2)]);
const ids = Uint32Array.from({ length: N }, (_, i) => 5000 - 7 * i);
const countOf = (term: string): number => items.filter((item) => item.terms.has(term)).length;

const artifact = await writeArtifact({
  codebook,
  ...encoded,
  ids,
  facets: { color: colors },
  words: toItemWords(items),
  wordFacts: FACTS,
  listChunkBytes: 1024,
});

const OPENED: Record<string, () => Promise<Index>> = {
  "scalar, resident": () => openWhole(memorySource(artifact.chunks), artifact.manifestBytes),
  "simd, resident": () =>
    openWhole(memorySource(artifact.chunks), artifact.manifestBytes, { kernelModule: kernelModule("kernel.wasm") }),
  "relaxed, paged": () =>
    openWhole(memorySource(artifact.chunks), artifact.manifestBytes, {
      kernelModule: kernelModule("kernel-relaxed.wasm"),
      residentBytes: 0,
      cacheBytes: 4096,
    }),
};

function cosine(i: number, vector: Float32Array): number {
  let [dot, own, other] = [0, 0, 0];
  for (let d = 0; d < DIM; d++) {
    const [x, y] = [decoded[i * DIM + d]!, vector[d]!];
    dot += x * y;
    own += x * x;
    other += y * y;
  }
  return dot / Math.sqrt(own * other);
}

describe.each(Object.keys(OPENED))("%s", (name) => {
  it("scores every item by both definitions when all are candidates", async () => {
    const index = await OPENED[name]!();
    const words = (await openWords(index))!;
    const draw = random(11);
    for (let round = 0; round < 40; round++) {
      const numVectors = Math.floor(draw() * 3);
      const vectors = Array.from({ length: numVectors }, () => normals(DIM, draw));
      const merge: Merge = draw() < 0.3 ? { by: "sumExp", temperature: 4 } : { by: "max" };
      const named = draw() < 0.3 ? words.named(Math.floor(draw() * 5)) : new Uint32Array(0);
      const query: WordQuery = { ...randomQuery(vocabulary, draw), named };
      const filter: Filter | undefined = draw() < 0.3 ? { facet: "color", in: ["red"] } : undefined;
      const exclude = draw() < 0.3 ? [ids[3]!, ids[17]!, 1] : undefined;
      const weights = { dense: draw() * 2, words: draw() * 2 };
      const k = 400;
      const result = await searchHybrid(index, words, numVectors === 0 ? undefined : { vectors, merge }, query, {
        k,
        nprobe: 5,
        filter,
        exclude,
        weights,
      });
      const used =
        numVectors === 0 ? { dense: 0, words: 1 } : query.words.length === 0 ? { dense: 1, words: 0 } : weights;
      const rows = [...items.keys()]
        .filter((i) => isAllowed(items[i]!, query))
        .filter((i) => filter === undefined || colors[i] === "red")
        .filter((i) => exclude === undefined || !exclude.includes(ids[i]!))
        .map((i) => {
          const own = vectors.map((vector) => cosine(i, vector));
          const dense =
            merge.by === "max" ? Math.max(...own) : Math.log(own.reduce((sum, score) => sum + Math.exp(4 * score), 0));
          const words = plainShare(items[i]!, query, N, countOf);
          return { id: ids[i]!, i, dense: numVectors === 0 ? Number.NaN : dense, ...words };
        });
      const found = await index.items(result.ordinals);
      const isNamed = new Set((await index.items(named)).map(({ id }) => id));
      const expected = rows
        .filter(({ id, share }) => numVectors > 0 || share > 0 || isNamed.has(id))
        .map((row) => {
          const dense = used.dense === 0 ? 0 : (used.dense * row.dense) / (merge.by === "max" ? 1 : 4);
          const boost = isNamed.has(row.id) ? 2 * used.dense + used.words : 0;
          return { ...row, score: dense + used.words * row.share + boost };
        });
      expect(new Set(found.map(({ id }) => id))).toEqual(new Set(expected.map(({ id }) => id)));
      const rowOf = new Map(expected.map((row) => [row.id, row]));
      for (const [rank, { id }] of found.entries()) {
        const row = rowOf.get(id as number)!;
        expect(result.scores[rank]).toBeCloseTo(row.score, 4);
        if (numVectors > 0) expect(result.dense[rank]).toBeCloseTo(row.dense, 4);
        else expect(result.dense[rank]).toBeNaN();
        expect(result.shares[rank]).toBeCloseTo(row.share, 4);
        expect(result.coverage[rank]).toBeCloseTo(row.coverage, 4);
        expect(new Set(result.matched[rank])).toEqual(row.matched);
        expect(result.named[rank]).toBe(Number(isNamed.has(id as number)));
        if (rank > 0) {
          expect(result.scores[rank]).toBeLessThanOrEqual(result.scores[rank - 1]!);
          if (result.scores[rank] === result.scores[rank - 1])
            expect(found[rank - 1]!.id as number).toBeLessThan(id as number);
        }
      }
    }
  });
});
