import type { ArtifactInput, SearchOptions } from "../src/index.ts";
import { writeArtifact } from "../src/write.ts";
import { normals, random, randomCodebook, randomCodes, type Shape } from "./data.ts";
import { openWhole } from "./open-whole.ts";

/**
 * Searches whose ids and score bits are committed as fixtures/rankings.json: every runtime and kernel must give them.
 */
const SHAPES: readonly Shape[] = (["innerProduct", "cosine", "l2"] as const).flatMap((metric) =>
  ([4, 8] as const).flatMap((nbits) => [
    { dim: 21, M: 7, nbits, nlist: 0, metric, rotate: false },
    { dim: 32, M: 16, nbits, nlist: 9, metric },
  ]),
);

const SEARCHES: Readonly<Record<string, { readonly numVectors: number; readonly options: SearchOptions }>> = {
  "one query": { numVectors: 1, options: { k: 10, nprobe: 4 } },
  "all cells": { numVectors: 1, options: { k: 12, nprobe: 9 } },
  "a filter and excluded ids": {
    numVectors: 1,
    options: {
      k: 8,
      nprobe: 6,
      filter: { and: [{ not: { facet: "color", in: ["red"] } }, { number: "price", max: 60 }] },
      exclude: [17, 300, 301, 302],
    },
  },
  "three queries, the largest score": { numVectors: 3, options: { k: 9, nprobe: 2 } },
  "three queries, a sum of exponentials": {
    numVectors: 3,
    options: { k: 9, nprobe: 3, merge: { by: "sumExp", temperature: 2, weights: [1, 0.5, 2] } },
  },
  "three queries, a sum of exponentials of a shortlist": {
    numVectors: 3,
    options: { k: 9, nprobe: 3, merge: { by: "sumExp", temperature: 2, weights: [1, 0.5, 2], exact: false } },
  },
};

const NUM_ITEMS = 900;

function makeInput(shape: Shape): ArtifactInput {
  const codebook = randomCodebook(shape, 31);
  const next = random(32);
  return {
    codebook,
    ...randomCodes(codebook, NUM_ITEMS, 33),
    ids: Uint32Array.from({ length: NUM_ITEMS }, (_, i) => 7 * (NUM_ITEMS - i)),
    facets: { color: Array.from({ length: NUM_ITEMS }, (_, i) => ["red", "green", "blue"][i % 3]) },
    numbers: { price: Float64Array.from({ length: NUM_ITEMS }, () => Math.floor(next() * 100)) },
    listChunkBytes: 16_384,
  };
}

export interface ObservedRanking {
  readonly ids: readonly number[];
  /** Bits of the float32 scores, in hex. */
  readonly scores: readonly string[];
}

export type Rankings = Record<string, ObservedRanking>;

/**
 * Title → ranking, for every shape, search and both ways of holding the lists (which must agree, so the title is the
 * same).
 */
export async function observeRankings(kernelModule: WebAssembly.Module | undefined, paged: boolean): Promise<Rankings> {
  const rankings: Rankings = {};
  for (const shape of SHAPES) {
    const { chunks, manifestBytes } = await writeArtifact(makeInput(shape));
    const bytes = new Map(chunks.map((chunk) => [chunk.key, chunk.bytes]));
    const index = await openWhole({ get: async (key) => bytes.get(key)! }, manifestBytes, {
      kernelModule,
      residentBytes: paged ? 0 : undefined,
    });
    for (const [search, { numVectors, options }] of Object.entries(SEARCHES)) {
      const next = random(34);
      const queries = Array.from({ length: numVectors }, () => normals(shape.dim, next));
      const { ordinals, scores } = await index.search(queries, options);
      const items = await index.items(ordinals);
      rankings[`${shape.metric}, ${shape.nbits} bits, nlist ${shape.nlist}: ${search}`] = {
        ids: items.map(({ id }) => Number(id)),
        scores: Array.from(new Uint32Array(scores.buffer, scores.byteOffset, scores.length), (bits) =>
          bits.toString(16),
        ),
      };
    }
  }
  return rankings;
}
