import type { Codebook } from "./codebook.ts";
import { countRows, encode } from "./encode.ts";
import { checkFinite } from "./errors.ts";
import type { EncodedVectors } from "./types.ts";

/** What src/kernels/encode.as.ts exports. */
interface EncodeExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  encode(...values: number[]): void;
}

const { Instance } = (
  globalThis as unknown as {
    WebAssembly: { Instance: new (module: WebAssembly.Module, imports: object) => { readonly exports: unknown } };
  }
).WebAssembly;

const TILE = 16;
/** Vectors that are in the kernel's memory at a time. */
const SLICE = 4096;

/**
 * {@link encode} with its kernel, dist/encode.wasm: the same codes, bit by bit, several times as fast. Cells chosen
 * elsewhere are for {@link encode} alone.
 *
 * @param module `encode.wasm`, compiled; undefined = {@link encode} itself
 * @param vectors (n, dim) in the original space
 * @throws as {@link encode} does
 */
export function encodeFast(
  module: WebAssembly.Module | undefined,
  codebook: Codebook,
  vectors: Float32Array,
): EncodedVectors {
  if (!module) return encode(codebook, vectors);
  const { dim, nlist, numSubQuantizers, numCentroids, byResidual } = codebook;
  const n = countRows("vectors", vectors, dim);
  checkFinite("vectors", vectors);
  const kernel = new Instance(module, {}).exports as EncodeExports;
  const place = new Placement(kernel.memory);
  const dim4 = (dim + 3) & ~3;
  const { coarseCentroids, centroids, rotation } = codebook;
  const subDim = dim / numSubQuantizers;
  const slice = Math.min(SLICE, n);
  const at = {
    vectors: place.reserve(4 * slice * dim),
    cells: place.reserve(4 * slice),
    codes: place.reserve(slice * numSubQuantizers),
    rotation: rotation ? place.float32(paddedRows(rotation, dim, dim4)) : 0,
    coarse: place.float64(tiles(coarseCentroids, nlist, dim)),
    coarseRows: place.float32(coarseCentroids),
    sub: place.float64(tiles(centroids, numCentroids, subDim, numSubQuantizers)),
    scratch: place.reserve(128 + 12 * dim4),
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
      dim4,
      Math.ceil(nlist / TILE),
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
      at.scratch,
    );
    assignments.set(new Uint32Array(buffer, at.cells, count), start);
    codes.set(new Uint8Array(buffer, at.codes, count * numSubQuantizers), start * numSubQuantizers);
  }
  return { assignments, codes };
}

/** (groups, count, size) → (groups, ⌈count / 16⌉, size, 16) in float64; a centroid that is none is infinitely far away. */
function tiles(rows: Float32Array, count: number, size: number, groups = 1): Float64Array {
  const perGroup = Math.ceil(count / TILE);
  const out = new Float64Array(groups * perGroup * size * TILE).fill(Number.POSITIVE_INFINITY);
  for (let row = 0; row < groups * count; row++) {
    const [group, within] = [Math.floor(row / count), row % count];
    const tile = group * perGroup + Math.floor(within / TILE);
    for (let d = 0; d < size; d++) out[(tile * size + d) * TILE + (within % TILE)] = rows[row * size + d]!;
  }
  return out;
}

function paddedRows(rows: Float32Array, size: number, padded: number): Float32Array {
  const out = new Float32Array((rows.length / size) * padded);
  for (let row = 0; row < rows.length / size; row++) out.set(rows.subarray(row * size, (row + 1) * size), row * padded);
  return out;
}

/** Hands out the kernel's memory from its first page on, which the kernel itself leaves alone, multiples of 16 bytes. */
class Placement {
  private readonly memory: EncodeExports["memory"];
  private end = 65_536;

  constructor(memory: EncodeExports["memory"]) {
    this.memory = memory;
  }

  reserve(bytes: number): number {
    const start = this.end;
    this.end += (bytes + 15) & ~15;
    const missing = Math.ceil((this.end - this.memory.buffer.byteLength) / 65_536);
    if (missing > 0) this.memory.grow(missing);
    return start;
  }

  float32(values: Float32Array): number {
    const at = this.reserve(values.byteLength);
    new Float32Array(this.memory.buffer, at, values.length).set(values);
    return at;
  }

  float64(values: Float64Array): number {
    const at = this.reserve(values.byteLength);
    new Float64Array(this.memory.buffer, at, values.length).set(values);
    return at;
  }
}
