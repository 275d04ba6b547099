/**
 * Synthetic artifacts: vectors around as many centres as cells, 16 bytes per item, so that nearby cells hold the
 * nearest items as trained ones do.
 */
import type { Artifact } from "@poeem/pq-core";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { DEFAULT_TOKENIZER, writeQueryTower } from "@poeem/towers";
import { makeTexts, wordFacts } from "./texts.ts";

export const dim = 64;
const numSubQuantizers = 32;

export interface Catalogue {
  readonly artifact: Artifact;
  /** Cells: 1,024, and 4,096 for more than two million items. */
  readonly nlist: number;
  /** A query vector somewhat nearer to one centre than to the others; deterministic. */
  query(i: number): Float32Array;
  /** A query text, where items have texts; deterministic. */
  readonly text: ((i: number) => string) | undefined;
}

export interface CatalogueOptions {
  /** Items have texts, and a query tower that knows them; with `words` false only the latter. */
  readonly texts?: boolean;
  readonly words?: boolean;
  /** Items have a query tower of about this size instead. */
  readonly towerBytes?: number;
  /** Other vectors for as many items. */
  readonly seed?: number;
  /** Items have a facet `set` of the values v0 to v7, and a number `year` from 1900 to 1999. */
  readonly filters?: boolean;
  /** All items have the same code, and lie in one cell. */
  readonly identical?: boolean;
  /** Characters of a text that each item carries. */
  readonly fieldLength?: number;
}

/** The same for the same arguments. */
export async function makeCatalogue(numItems: number, options: CatalogueOptions = {}): Promise<Catalogue> {
  const nlist = numItems > 2_000_000 ? 4096 : 1024;
  const random = generator(numItems + (options.seed ?? 0));
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const coarseCentroids = Float32Array.from({ length: nlist * dim }, gauss);
  for (let l = 0; l < nlist; l++) normalize(coarseCentroids.subarray(l * dim, (l + 1) * dim));
  const codebook = createCodebook({
    dim,
    metric: "innerProduct",
    nlist,
    numSubQuantizers,
    nbits: 4,
    byResidual: true,
    coarseCentroids,
    // A residual nearly as long as a centre: cells overlap, so that nprobe matters.
    centroids: Float32Array.from({ length: dim * 16 }, () => (gauss() / Math.sqrt(dim)) * 0.8),
  });
  // Loops, because `from` with a function takes minutes for ten million items.
  const assignments = new Uint32Array(numItems);
  for (let i = 0; i < numItems; i++) assignments[i] = options.identical ? 0 : Math.floor(random() * nlist);
  const codes = new Uint8Array(numItems * numSubQuantizers);
  for (let i = 0; i < codes.length; ) {
    // Eight codes of four bits per number: a random number for each takes half a minute.
    for (let bits = random() * 2 ** 32, n = 0; n < 8; n++, bits = Math.floor(bits / 16)) codes[i++] = bits & 15;
  }
  if (options.identical) codes.fill(0);
  const texts = options.texts ? makeTexts(numItems, dim, random) : undefined;
  const artifact = await writeArtifact({
    codebook,
    assignments,
    codes,
    ...(texts && { queryTower: texts.queryTower }),
    ...(options.towerBytes && { queryTower: makeTower(options.towerBytes, random) }),
    ...(texts && options.words !== false && { words: texts.words, wordFacts }),
    ...(options.filters && {
      facets: { set: Array.from({ length: numItems }, (_, i) => `v${i % 8}`) },
      numbers: { year: Array.from({ length: numItems }, (_, i) => 1900 + (i % 100)) },
    }),
    ...(options.fieldLength !== undefined && {
      fields: Array.from({ length: numItems }, (_, i) => ({
        title: `item ${i}`,
        about: "x".repeat(options.fieldLength!),
      })),
    }),
    ids: Uint32Array.from({ length: numItems }, (_, i) => i),
  });
  return {
    artifact,
    nlist,
    text: texts?.query,
    query(i) {
      const seeded = generator(i + 1);
      const centre = Math.floor(seeded() * nlist) * dim;
      const vector = Float32Array.from(
        { length: dim },
        (_, d) => coarseCentroids[centre + d]! + ((seeded() * 2 - 1) / Math.sqrt(dim)) * 4,
      );
      normalize(vector);
      return vector;
    },
  };
}

/** A query tower whose text features take about so many bytes; no text of a request is among them. */
function makeTower(bytes: number, random: () => number): Uint8Array {
  const numRows = Math.floor(bytes / (dim + 8));
  const step = Math.floor(2 ** 32 / numRows);
  const table = {
    embeddingDim: dim,
    hashes: Uint32Array.from({ length: numRows }, (_, row) => row * step + Math.floor(random() * step)),
    scales: new Float32Array(numRows).fill(0.01),
    values: Int8Array.from({ length: numRows * dim }, () => Math.floor(random() * 256) - 128),
  };
  const text = { kind: "text" as const, tokenizer: DEFAULT_TOKENIZER, table };
  return writeQueryTower({ width: dim, inputs: [text], layers: [], skip: false });
}

function normalize(vector: Float32Array): void {
  const norm = Math.hypot(...vector);
  for (let d = 0; d < vector.length; d++) vector[d]! /= norm;
}

/** Uniform in [0, 1), seeded. */
export function generator(seed: number): () => number {
  let state = Math.imul(seed, 2654435761) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
