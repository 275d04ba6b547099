import { Random } from "@poeem/indexing-layer/random";
import type { Codebook } from "@poeem/pq-core";
import { createCodebook } from "@poeem/pq-core/write";

/** One index of the benchmark: random codes, so that no kernel profits from structure. */
export interface AdcShape {
  readonly n: number;
  readonly dim: number;
  readonly nbits: 4 | 8;
  readonly M: number;
  readonly nlist: number;
}

export interface AdcRow extends AdcShape {
  readonly nprobe: number;
  readonly k: number;
}

export const DIM = 64;
export const NUM_QUERIES = 16;

/** Every row of the benchmark: flat and IVF, both code sizes, both k. */
export function adcRows(n: number): AdcRow[] {
  const codes = [
    { nbits: 4, M: 16 },
    { nbits: 4, M: 32 },
    { nbits: 8, M: 8 },
    { nbits: 8, M: 16 },
  ] as const;
  const cells = [
    { nlist: 0, nprobe: 1 },
    { nlist: 1024, nprobe: 8 },
    { nlist: 1024, nprobe: 32 },
  ];
  return codes.flatMap((code) => cells.flatMap((cell) => [10, 100].map((k) => ({ n, dim: DIM, ...code, ...cell, k }))));
}

/** The same data in every process and every run. */
export function seeded(seed: number): () => number {
  const random = new Random(seed);
  return () => random.uniform();
}

function normals(n: number, next: () => number): Float32Array {
  return Float32Array.from({ length: n }, () => (next() + next() + next() + next() - 2) * Math.sqrt(3));
}

export interface AdcData {
  readonly codebook: Codebook;
  /** (n) */
  readonly assignments: Uint32Array;
  /** (n, M) */
  readonly codes: Uint8Array;
  /** (NUM_QUERIES, dim) */
  readonly queries: Float32Array;
}

/** Cells and residuals hold about equal energy, as they do in trained indexes. */
export function adcData(shape: AdcShape): AdcData {
  const { n, dim, nbits, M, nlist } = shape;
  const next = seeded(nbits * 1000 + M * 10 + (nlist > 0 ? 1 : 0));
  const codebook = createCodebook({
    dim,
    metric: "innerProduct",
    nlist,
    numSubQuantizers: M,
    nbits,
    byResidual: nlist > 0,
    coarseCentroids: normals(nlist * dim, next),
    centroids: normals(2 ** nbits * dim, next),
  });
  const assignments = new Uint32Array(n);
  if (nlist > 0) for (let i = 0; i < n; i++) assignments[i] = Math.floor(next() * nlist);
  const codes = new Uint8Array(n * M);
  for (let i = 0; i < codes.length; i++) codes[i] = Math.floor(next() * codebook.numCentroids);
  return { codebook, assignments, codes, queries: normals(NUM_QUERIES * dim, next) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
