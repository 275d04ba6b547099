import { checkEach, checkFinite, checkFloat32, checkLength } from "../errors.ts";
import { SectionReader, SectionWriter } from "./bytes.ts";
import type { Page } from "./item-pages.ts";

/**
 * Refine codes: each original vector as int8 with one scale, x ≈ scale · code. They take dim + 4 bytes an item, lie
 * in chunks of their own and are fetched only for the candidates of a search that asks for `refine`.
 */
export interface RefinePage {
  /** (count) */
  readonly scales: Float32Array;
  /** (count, dim) */
  readonly codes: Int8Array;
}

/** Refine codes of vectors (n, dim), in their order. */
export function quantizeRefine(vectors: Float32Array, dim: number, n: number): RefinePage {
  checkFloat32("refineVectors", vectors, n * dim);
  checkFinite("refineVectors", vectors);
  const scales = new Float32Array(n);
  const codes = new Int8Array(n * dim);
  for (let i = 0; i < n; i++) {
    const vector = vectors.subarray(i * dim, (i + 1) * dim);
    const largest = vector.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    scales[i] = largest / 127;
    for (let d = 0; largest > 0 && d < dim; d++) codes[i * dim + d] = Math.round((vector[d]! / largest) * 127);
  }
  return { scales, codes };
}

/** @param order (n) input position of each ordinal */
export function writeRefinePages(refine: RefinePage, dim: number, order: Uint32Array, limit: number): Page[] {
  checkLength("refineCodes.scales", refine.scales, order.length);
  checkLength("refineCodes.codes", refine.codes, order.length * dim);
  const perPage = Math.max(1, Math.floor((limit - 32) / (dim + 4)));
  const pages: Page[] = [];
  for (let first = 0; first < order.length; first += perPage) {
    const count = Math.min(perPage, order.length - first);
    const scales = new Float32Array(count);
    const codes = new Int8Array(count * dim);
    for (let i = 0; i < count; i++) {
      const from = order[first + i]!;
      scales[i] = refine.scales[from]!;
      codes.set(refine.codes.subarray(from * dim, (from + 1) * dim), i * dim);
    }
    const writer = new SectionWriter();
    writer.add(scales);
    writer.add(codes);
    pages.push({ first, count, payload: writer.bytes() });
  }
  return pages;
}

export function readRefinePage(where: string, payload: Uint8Array, count: number, dim: number): RefinePage {
  const reader = new SectionReader(where, payload);
  const scales = reader.f32("scales", count);
  const codes = reader.i8("codes", count * dim);
  reader.end();
  checkEach("scales", scales, "a finite number ≥ 0", (scale) => scale >= 0 && scale < Infinity, where);
  return { scales, codes };
}
