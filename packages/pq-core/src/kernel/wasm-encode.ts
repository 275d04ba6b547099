import type { Codebook } from "../codebook/codebook.ts";
import type { EncodedVectors } from "../codebook/codes.ts";
import { countRows, encode } from "../codebook/encode.ts";
import { checkMoments, type QueryMoments, scoreAware } from "../codebook/score-aware.ts";
import { checkFinite } from "../errors.ts";

/** What src/kernel/assembly/encode.as.ts exports. */
interface EncodeExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  encode(...values: number[]): void;
}

/** Centroids in a tile: of a sub-quantizer, and of the coarse quantizer, whose tiles come in pairs. */
const TILE = 16;
const COARSE_TILE = 8;
/** Vectors that are in the kernel's memory at a time; it takes them by fours. */
const SLICE = 4096;

/**
 * {@link encode} with its kernel, wasm/encode.wasm: the same codes, bit by bit, several times as fast. Cells chosen
 * elsewhere are for {@link encode} alone.
 *
 * @param module `encode.wasm`, compiled; undefined = {@link encode} itself
 * @param vectors (n, dim) in the original space
 * @param moments query vectors' second moments: then codes are what {@link scoreAware} makes of the nearest
 * @throws as {@link encode} does
 */
export function encodeFast(
  module: WebAssembly.Module | undefined,
  codebook: Codebook,
  vectors: Float32Array,
  moments?: QueryMoments,
): EncodedVectors {
  if (!module) return encode(codebook, vectors, undefined, moments && scoreAware(codebook, moments));
  const { dim, nlist, numSubQuantizers, numCentroids, byResidual } = codebook;
  const n = countRows("vectors", vectors, dim);
  checkFinite("vectors", vectors);
  if (moments !== undefined) checkMoments(moments, codebook);
  const kernel = new WebAssembly.Instance(module, {}).exports as unknown as EncodeExports;
  const place = new Placement(kernel.memory);
  const dim8 = (dim + 7) & ~7;
  const { coarseCentroids, centroids, rotation } = codebook;
  const subDim = dim / numSubQuantizers;
  const slice = Math.min(SLICE, (n + 3) & ~3);
  const coarse = coarseTiles(coarseCentroids, nlist, dim);
  const at = {
    vectors: place.reserve(4 * slice * dim),
    cells: place.reserve(4 * slice),
    codes: place.reserve(slice * numSubQuantizers),
    rotation: rotation ? place.float32(paddedRows(rotation, dim, dim8)) : 0,
    coarse: place.float32(coarse.tiles),
    coarseRows: place.float32(coarseCentroids),
    sub: place.float32(subTiles(centroids, numSubQuantizers * (numCentroids / TILE), subDim)),
    subRows: place.float32(centroids),
    moments: moments ? place.float32(paddedRows(moments.moments, dim, dim8)) : 0,
    momentOf: moments ? place.uint32(moments.momentOf) : 0,
    scratch: place.reserve(28 * dim8 + 4 * Math.max(4 * COARSE_TILE * coarse.count, numCentroids)),
  };
  const assignments = new Uint32Array(n);
  const codes = new Uint8Array(n * numSubQuantizers);
  const { buffer } = kernel.memory;
  for (let start = 0; start < n; start += slice) {
    const count = Math.min(slice, n - start);
    new Float32Array(buffer, at.vectors).set(vectors.subarray(start * dim, (start + count) * dim));
    kernel.encode(
      count,
      dim,
      dim8,
      nlist,
      coarse.count,
      byResidual ? 1 : 0,
      numSubQuantizers,
      numCentroids / TILE,
      at.vectors,
      at.cells,
      at.codes,
      at.rotation,
      at.coarse,
      at.coarseRows,
      at.sub,
      at.subRows,
      at.moments,
      at.momentOf,
      at.scratch,
      coarse.largestNorm,
    );
    assignments.set(new Uint32Array(buffer, at.cells, count), start);
    codes.set(new Uint8Array(buffer, at.codes, count * numSubQuantizers), start * numSubQuantizers);
  }
  return { assignments, codes };
}

interface CoarseTiles {
  /** (count, 1 + dim, 8): ‖u‖², then −2u; a centroid that is none is infinitely far away. */
  readonly tiles: Float32Array;
  /** Even. */
  readonly count: number;
  /** At least the largest ‖u‖. */
  readonly largestNorm: number;
}

function coarseTiles(rows: Float32Array, nlist: number, dim: number): CoarseTiles {
  const count = 2 * Math.ceil(nlist / (2 * COARSE_TILE));
  const tiles = new Float32Array(count * (1 + dim) * COARSE_TILE);
  let largest = 0;
  for (let row = 0; row < count * COARSE_TILE; row++) {
    const at = Math.floor(row / COARSE_TILE) * (1 + dim) * COARSE_TILE + (row % COARSE_TILE);
    let square = row < nlist ? 0 : Infinity;
    for (let d = 0; row < nlist && d < dim; d++) {
      const value = rows[row * dim + d]!;
      square += value * value;
      tiles[at + (1 + d) * COARSE_TILE] = -2 * value;
    }
    tiles[at] = square;
    if (row < nlist) largest = Math.max(largest, square);
  }
  return { tiles, count, largestNorm: 1.001 * Math.sqrt(largest) };
}

/** (tiles · 16, size) → (tiles, size, 16) */
function subTiles(rows: Float32Array, tiles: number, size: number): Float32Array {
  const out = new Float32Array(tiles * size * TILE);
  for (let row = 0; row < tiles * TILE; row++) {
    const at = Math.floor(row / TILE) * size * TILE + (row % TILE);
    for (let d = 0; d < size; d++) out[at + d * TILE] = rows[row * size + d]!;
  }
  return out;
}

function paddedRows(rows: Float32Array, size: number, padded: number): Float32Array {
  const out = new Float32Array((rows.length / size) * padded);
  for (let row = 0; row < rows.length / size; row++) out.set(rows.subarray(row * size, (row + 1) * size), row * padded);
  return out;
}

/**
 * Hands out the kernel's memory from its first page on, which the kernel itself leaves alone, multiples of 16 bytes.
 */
class Placement {
  readonly #memory: EncodeExports["memory"];
  #end = 65_536;

  constructor(memory: EncodeExports["memory"]) {
    this.#memory = memory;
  }

  reserve(bytes: number): number {
    const start = this.#end;
    this.#end += (bytes + 15) & ~15;
    const missing = Math.ceil((this.#end - this.#memory.buffer.byteLength) / 65_536);
    if (missing > 0) this.#memory.grow(missing);
    return start;
  }

  float32(values: Float32Array): number {
    const at = this.reserve(values.byteLength);
    new Float32Array(this.#memory.buffer, at, values.length).set(values);
    return at;
  }

  uint32(values: Uint32Array): number {
    const at = this.reserve(values.byteLength);
    new Uint32Array(this.#memory.buffer, at, values.length).set(values);
    return at;
  }
}
