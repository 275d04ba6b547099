import { blockBytes, hasTerms, type TermRange, termsOffset } from "./blocks.ts";
import type { Codebook } from "./codebook.ts";
import { typeError } from "./errors.ts";
import type { AdcKernel, KernelFactory, KernelName, Ranking } from "./kernel.ts";

/** What src/kernels/adc.as.ts exports; all addresses are byte offsets into `memory`. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  configure(...values: number[]): void;
  setQuery(): void;
  begin(k: number, maxBias: number, floor: number, heapAt: number): void;
  scan(start: number, end: number, ordinal: number, bias: number, maskAt: number, blocksAt: number): void;
  finish(ordinalsAt: number, scoresAt: number): number;
  isRelaxed(): number;
}

/** The part of WebAssembly used here: the type libraries of Node and of Workers declare different halves of it. */
const { Instance, Module } = (
  globalThis as unknown as {
    WebAssembly: {
      Instance: new (module: WebAssembly.Module, imports: object) => { readonly exports: unknown };
      Module: new (bytes: Uint8Array) => WebAssembly.Module;
    };
  }
).WebAssembly;

/** Rows of centroids that one SIMD step handles together. */
const TILE = 16;
const PAGE = 65_536;

/**
 * Makes kernels from a compiled module. Workers refuse to compile bytes, so a module is taken, never bytes:
 * `import module from "@poeem/pq-core/kernel.wasm"` there, `new WebAssembly.Module(bytes)` in Node.
 *
 * @throws TypeError when `module` is not a module
 */
export function loadKernel(module: WebAssembly.Module): KernelFactory {
  if (!(module instanceof Module)) throw typeError("kernelModule", "a WebAssembly.Module", module);
  return (codebook, range) => new WasmKernel(module, codebook, range);
}

class WasmKernel implements AdcKernel {
  readonly name: KernelName;
  readonly #wasm: KernelExports;
  readonly #codebook: Codebook;
  readonly #queryAt: number;
  readonly #productsAt: number;
  #end = 1024;
  #blocks = { at: 0, bytes: 0 };
  #heap = { at: 0, bytes: 0 };
  #mask = { at: 0, bytes: 0 };
  #k = 0;

  constructor(module: WebAssembly.Module, codebook: Codebook, range: TermRange) {
    // The kernel imports nothing: all it can touch is its own memory.
    this.#wasm = new Instance(module, {}).exports as KernelExports;
    this.name = this.#wasm.isRelaxed() ? "relaxed-simd" : "simd";
    this.#codebook = codebook;
    const { dim, nlist, numSubQuantizers: M, numCentroids, subDim, metric } = codebook;
    const pad = (n: number): number => Math.ceil(n / TILE) * TILE;
    const rotationAt = codebook.rotation === undefined ? 0 : this.#allocate(pad(dim) * dim * 4);
    const coarseAt = this.#allocate(pad(nlist) * dim * 4);
    const codebookAt = this.#allocate(numCentroids * dim * 4);
    this.#queryAt = this.#allocate(pad(dim) * 4);
    const rotatedAt = this.#allocate(pad(dim) * 4);
    this.#productsAt = this.#allocate(pad(nlist) * 4);
    // One row more than sub-quantizers, for the bounds of the term.
    const tableAt = this.#allocate((M + 1) * numCentroids * 4);
    const bytesAt = this.#allocate((M + 1) * TILE);
    if (codebook.rotation !== undefined) this.#writeTiles(rotationAt, transpose(codebook.rotation, dim), dim, dim);
    this.#writeTiles(coarseAt, codebook.coarseCentroids, nlist, dim);
    this.#writeTiles(codebookAt, codebook.centroids, M * numCentroids, subDim);
    const termMode = !hasTerms(codebook) ? 0 : metric === "l2" ? 1 : 2;
    const shape = [
      dim,
      pad(nlist) / TILE,
      M,
      numCentroids / TILE,
      subDim,
      termMode,
      blockBytes(codebook),
      termsOffset(codebook),
    ];
    const addresses = [rotationAt, coarseAt, codebookAt, this.#queryAt, rotatedAt, this.#productsAt, tableAt, bytesAt];
    this.#wasm.configure(...shape, ...addresses, range.min, (range.max - range.min) / 16);
  }

  load(bytes: Uint8Array, at: number, blocks: number): void {
    const size = blockBytes(this.#codebook);
    if (this.#blocks.bytes < blocks * size) {
      const old = this.#blocks;
      this.#blocks = { at: this.#allocate(blocks * size), bytes: blocks * size };
      this.#bytes(this.#blocks.at, old.bytes).set(this.#bytes(old.at, old.bytes));
    }
    this.#bytes(this.#blocks.at + at * size, bytes.length).set(bytes);
  }

  blocks(): Uint8Array {
    return this.#bytes(this.#blocks.at, this.#blocks.bytes);
  }

  setQuery(query: Float32Array): Float32Array {
    this.#floats(this.#queryAt, query.length).set(query);
    this.#wasm.setQuery();
    return this.#floats(this.#productsAt, this.#codebook.nlist);
  }

  begin(k: number, maxBias: number, floor: number): void {
    this.#heap = this.#room(this.#heap, k * 16);
    this.#k = k;
    this.#wasm.begin(k, maxBias, floor, this.#heap.at);
  }

  scan(start: number, end: number, ordinal: number, bias: number, mask?: Uint32Array): void {
    if (mask !== undefined) {
      this.#mask = this.#room(this.#mask, mask.length * 4);
      new Uint32Array(this.#wasm.memory.buffer, this.#mask.at, mask.length).set(mask);
    }
    this.#wasm.scan(start, end, ordinal, bias, mask === undefined ? 0 : this.#mask.at, this.#blocks.at);
  }

  finish(): Ranking {
    const ordinalsAt = this.#heap.at + this.#k * 8;
    const scoresAt = ordinalsAt + this.#k * 4;
    const n = this.#wasm.finish(ordinalsAt, scoresAt);
    const ordinals = new Uint32Array(this.#wasm.memory.buffer, ordinalsAt, n).slice();
    return { ordinals, scores: this.#floats(scoresAt, n).slice() };
  }

  /** Centroids (rows, size) as tiles of 16 rows, each (size, 16), so that a SIMD lane holds one centroid. */
  #writeTiles(at: number, rows: Float32Array, count: number, size: number): void {
    const tiles = this.#floats(at, Math.ceil(count / TILE) * TILE * size);
    for (let r = 0; r < count; r++) {
      const tile = Math.floor(r / TILE) * TILE * size + (r % TILE);
      for (let d = 0; d < size; d++) tiles[tile + d * TILE] = rows[r * size + d]!;
    }
  }

  #room(region: { at: number; bytes: number }, bytes: number): { at: number; bytes: number } {
    // Doubling, because what is given up is not used again.
    return region.bytes >= bytes ? region : { at: this.#allocate(bytes * 2), bytes: bytes * 2 };
  }

  #allocate(bytes: number): number {
    const at = this.#end;
    this.#end = Math.ceil((at + bytes) / 64) * 64;
    const missing = this.#end - this.#wasm.memory.buffer.byteLength;
    if (missing > 0) this.#wasm.memory.grow(Math.ceil(missing / PAGE));
    return at;
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#wasm.memory.buffer, at, length);
  }

  #floats(at: number, length: number): Float32Array {
    return new Float32Array(this.#wasm.memory.buffer, at, length);
  }
}

function transpose(matrix: Float32Array, dim: number): Float32Array {
  const out = new Float32Array(matrix.length);
  for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) out[j * dim + i] = matrix[i * dim + j]!;
  return out;
}
