import { type Codebook, createCodebook, type Metric } from "../src/codebook/codebook.ts";

/** mulberry32: a seeded generator of numbers in [0, 1), so that every run on every machine sees the same data. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** n numbers, about normal (sum of four uniforms, mean 0). */
export function normals(n: number, next: () => number): Float32Array {
  return Float32Array.from({ length: n }, () => next() + next() + next() + next() - 2);
}

/** An orthogonal matrix: Gram–Schmidt on random rows. */
export function orthogonal(dim: number, next: () => number): Float32Array {
  const rows = Float64Array.from(normals(dim * dim, next));
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j < i; j++) {
      let dot = 0;
      for (let d = 0; d < dim; d++) dot += rows[i * dim + d]! * rows[j * dim + d]!;
      for (let d = 0; d < dim; d++) rows[i * dim + d]! -= dot * rows[j * dim + d]!;
    }
    let norm = 0;
    for (let d = 0; d < dim; d++) norm += rows[i * dim + d]! ** 2;
    for (let d = 0; d < dim; d++) rows[i * dim + d]! /= Math.sqrt(norm);
  }
  return Float32Array.from(rows);
}

export interface Shape {
  readonly dim: number;
  readonly M: number;
  readonly nbits: 4 | 8;
  readonly nlist: number;
  readonly metric?: Metric;
  readonly rotate?: boolean;
  readonly byResidual?: boolean;
  /** Whether the spread of cells counts; only for inner products. */
  readonly spread?: boolean;
}

export function randomCodebook(shape: Shape, seed: number): Codebook {
  const { dim, M, nbits, nlist, metric = "innerProduct", rotate = true, byResidual = nlist > 0 } = shape;
  const next = random(seed);
  return createCodebook({
    dim,
    metric,
    nlist,
    numSubQuantizers: M,
    nbits,
    byResidual,
    rotation: rotate ? orthogonal(dim, next) : undefined,
    coarseCentroids: normals(nlist * dim, next),
    centroids: normals(2 ** nbits * dim, next),
    // some of the centroids are longer
    cellSpread: shape.spread ? { weight: 0.7, length: 0.6 * Math.sqrt(dim) } : undefined,
  });
}

/** Codes and cells drawn evenly. */
export function randomCodes(
  codebook: Codebook,
  n: number,
  seed: number,
): { assignments: Uint32Array; codes: Uint8Array } {
  const next = random(seed);
  const assignments = Uint32Array.from({ length: n }, () => Math.floor(next() * Math.max(1, codebook.nlist)));
  const codes = Uint8Array.from({ length: n * codebook.numSubQuantizers }, () =>
    Math.floor(next() * codebook.numCentroids),
  );
  return { assignments, codes };
}
