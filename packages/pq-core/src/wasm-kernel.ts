import { blockBytes, hasTerms, type TermRange, termsOffset } from "./blocks.ts";
import type { Codebook } from "./codebook.ts";
import { coarseTerms } from "./distance-table.ts";
import { typeError } from "./errors.ts";
import type { AdcKernel, KernelFactory, KernelName, Ranking } from "./kernel.ts";

/** What src/kernels/kernel.as.ts exports; all addresses are byte offsets into `memory`. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  configure(...values: number[]): void;
  setQuery(): void;
  probe(nprobe: number, heapAt: number, cellsAt: number, scoresAt: number): number;
  begin(k: number, maxBias: number, floor: number, heapAt: number): void;
  scan(start: number, end: number, ordinal: number, bias: number, maskAt: number, blocksAt: number): void;
  flush(): void;
  scores(count: number, positionsAt: number, biasesAt: number, outAt: number, blocksAt: number): void;
  finish(ordinalsAt: number, scoresAt: number): number;
  isRelaxed(): number;
}

/** The part of WebAssembly used here: the type libraries of Node and of Workers declare different halves of it. */
const { Instance, Module, validate } = (
  globalThis as unknown as {
    WebAssembly: {
      validate(bytes: Uint8Array): boolean;
      Instance: new (module: WebAssembly.Module, imports: object) => { readonly exports: unknown };
      Module: new (bytes: Uint8Array) => WebAssembly.Module;
    };
  }
).WebAssembly;

/** Rows of centroids that one SIMD step handles together. */
const TILE = 16;
const PAGE = 65_536;
/** Address of the distance table; a constant of src/kernels/shape.as.ts. */
const TABLE = 4096;

/** A module of one function, () → v128: two splats and i8x16.relaxed_swizzle. */
const RELAXED_PROBE = [
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, 0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x0f, 0x01, 0x0d, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f, 0xfd, 0x80, 0x02, 0x0b],
];

/** Which build this engine can compile: kernel-relaxed.wasm when true (Node 22, workerd, current browsers), else kernel.wasm. */
export function supportsRelaxedSimd(): boolean {
  return validate(Uint8Array.from(RELAXED_PROBE));
}

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

/** Room for the blocks that src/kernels/collect4.as.ts keeps. */
const COLLECT_BYTES = 512 * 48;

/** A stretch of the kernel's memory. */
interface Region {
  readonly at: number;
  readonly bytes: number;
}

class WasmKernel implements AdcKernel {
  readonly name: KernelName;
  readonly #wasm: KernelExports;
  readonly #codebook: Codebook;
  readonly #blockBytes: number;
  readonly #queryAt: number;
  readonly #productsAt: number;
  #end = TABLE;
  #blocks: Region = { at: 0, bytes: 0 };
  /** Heap of the ranking, then its sorted ordinals and scores; or positions, biases and scores of single items. */
  #scratch: Region = { at: 0, bytes: 0 };
  #mask: Region = { at: 0, bytes: 0 };
  #k = 0;
  #u32 = new Uint32Array(0);
  #f32 = new Float32Array(0);

  constructor(module: WebAssembly.Module, codebook: Codebook, range: TermRange) {
    // The kernel imports nothing: all it can touch is its own memory.
    this.#wasm = new Instance(module, {}).exports as KernelExports;
    this.name = this.#wasm.isRelaxed() ? "relaxed-simd" : "simd";
    this.#codebook = codebook;
    this.#blockBytes = blockBytes(codebook);
    const { dim, nlist, numSubQuantizers: M, numCentroids, subDim, metric } = codebook;
    const pad = (n: number): number => Math.ceil(n / TILE) * TILE;
    // The table comes first, at TABLE, with one row more than sub-quantizers, for the bounds of the term.
    this.#allocate((M + 1) * numCentroids * 4);
    const rotationAt = codebook.rotation === undefined ? 0 : this.#allocate(pad(dim) * dim * 4);
    const coarseAt = this.#allocate(pad(nlist) * dim * 4);
    const termsAt = this.#allocate(nlist * 4);
    const codebookAt = this.#allocate(numCentroids * dim * 4);
    this.#queryAt = this.#allocate(pad(dim) * 4);
    const rotatedAt = this.#allocate(pad(dim) * 4);
    this.#productsAt = this.#allocate(pad(nlist) * 4);
    const bytesAt = this.#allocate((M + 1) * TILE);
    const collectAt = this.#allocate(COLLECT_BYTES);
    if (codebook.rotation !== undefined) this.#writeTiles(rotationAt, transpose(codebook.rotation, dim), dim, dim);
    this.#writeTiles(coarseAt, codebook.coarseCentroids, nlist, dim);
    this.#writeTiles(codebookAt, codebook.centroids, M * numCentroids, subDim);
    this.#f32.set(coarseTerms(codebook), termsAt / 4);
    const termMode = !hasTerms(codebook) ? 0 : metric === "l2" ? 1 : 2;
    this.#wasm.configure(
      ...[
        dim,
        pad(nlist) / TILE,
        nlist,
        M,
        numCentroids / TILE,
        subDim,
        termMode,
        this.#blockBytes,
        termsOffset(codebook),
      ],
      ...[rotationAt, coarseAt, termsAt, codebookAt, this.#queryAt, rotatedAt, this.#productsAt, bytesAt, collectAt],
      ...[range.min, (range.max - range.min) / 16],
    );
  }

  load(bytes: Uint8Array, at: number, blocks: number): void {
    // What is collected points at blocks that may be overwritten now.
    this.#wasm.flush();
    const size = this.#blockBytes;
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
    this.#f32.set(query, this.#queryAt / 4);
    this.#wasm.setQuery();
    // A copy: the search reads it while heap and masks get their room, and memory that grows detaches every view on it.
    return this.#f32.slice(this.#productsAt / 4, this.#productsAt / 4 + this.#codebook.nlist);
  }

  probe(nprobe: number): Uint32Array {
    this.#scratch = this.#room(this.#scratch, nprobe * 16);
    const cellsAt = this.#scratch.at + nprobe * 8;
    this.#wasm.probe(nprobe, this.#scratch.at, cellsAt, cellsAt + nprobe * 4);
    return this.#u32.slice(cellsAt / 4, cellsAt / 4 + nprobe);
  }

  scores(positions: Uint32Array, biases: Float32Array): Float32Array {
    const n = positions.length;
    this.#scratch = this.#room(this.#scratch, n * 12);
    const { at } = this.#scratch;
    this.#u32.set(positions, at / 4);
    this.#f32.set(biases, at / 4 + n);
    this.#wasm.scores(n, at, at + n * 4, at + n * 8, this.#blocks.at);
    return this.#f32.slice(at / 4 + 2 * n, at / 4 + 3 * n);
  }

  begin(k: number, maxBias: number, floor: number): void {
    this.#scratch = this.#room(this.#scratch, k * 16);
    this.#k = k;
    this.#wasm.begin(k, maxBias, floor, this.#scratch.at);
  }

  scan(start: number, end: number, ordinal: number, bias: number, mask?: Uint32Array): void {
    if (mask !== undefined) {
      this.#mask = this.#room(this.#mask, mask.length * 4);
      this.#u32.set(mask, this.#mask.at / 4);
    }
    this.#wasm.scan(start, end, ordinal, bias, mask === undefined ? 0 : this.#mask.at, this.#blocks.at);
  }

  finish(): Ranking {
    const ordinalsAt = this.#scratch.at / 4 + this.#k * 2;
    const scoresAt = ordinalsAt + this.#k;
    const n = this.#wasm.finish(ordinalsAt * 4, scoresAt * 4);
    return { ordinals: this.#u32.slice(ordinalsAt, ordinalsAt + n), scores: this.#f32.slice(scoresAt, scoresAt + n) };
  }

  /** Centroids (rows, size) as tiles of 16 rows, each (size, 16), so that a SIMD lane holds one centroid. */
  #writeTiles(at: number, rows: Float32Array, count: number, size: number): void {
    const tiles = this.#f32.subarray(at / 4, at / 4 + Math.ceil(count / TILE) * TILE * size);
    for (let r = 0; r < count; r++) {
      const tile = Math.floor(r / TILE) * TILE * size + (r % TILE);
      for (let d = 0; d < size; d++) tiles[tile + d * TILE] = rows[r * size + d]!;
    }
  }

  #room(region: Region, bytes: number): Region {
    // Doubling, because what is given up is not used again.
    return region.bytes >= bytes ? region : { at: this.#allocate(bytes * 2), bytes: bytes * 2 };
  }

  #allocate(bytes: number): number {
    const at = this.#end;
    this.#end = Math.ceil((at + bytes) / 64) * 64;
    const missing = this.#end - this.#wasm.memory.buffer.byteLength;
    if (missing > 0) this.#wasm.memory.grow(Math.ceil(missing / PAGE));
    // Growing detaches the old buffer and the views on it.
    if (this.#u32.buffer !== this.#wasm.memory.buffer) {
      this.#u32 = new Uint32Array(this.#wasm.memory.buffer);
      this.#f32 = new Float32Array(this.#wasm.memory.buffer);
    }
    return at;
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#wasm.memory.buffer, at, length);
  }
}

function transpose(matrix: Float32Array, dim: number): Float32Array {
  const out = new Float32Array(matrix.length);
  for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) out[j * dim + i] = matrix[i * dim + j]!;
  return out;
}
