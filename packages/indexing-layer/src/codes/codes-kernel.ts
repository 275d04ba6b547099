import * as tf from "@tensorflow/tfjs-core";

/** What kernels/codes.as.ts exports. */
interface CodesExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  setCentroids(m: number, ksub: number, subDim: number, from: number, transposed: number, biases: number): void;
  assign(n: number, vectors: number, codes: number, rows: number, decoded: number): void;
}

/** What is used of the wasm backend; the view is good until its next allocation. */
interface WasmBackend {
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array;
}

/** The nearest centroids of sub-vectors. */
export interface Codes {
  /** (n, M) int32. */
  readonly codes: tf.Tensor2D;
  /** (n·M) int32, `codes` as rows of the (M·ksub, subDim) centroid table. */
  readonly rows: tf.Tensor1D;
  /** (n, dim), the centroids one after the other. */
  readonly decoded: tf.Tensor2D;
}

const PAGE = 65_536;
const TILE = 16;

/** The kernel of kernels/codes.as.ts with a memory of its own: codes without a matrix of all sub-vectors' scores. */
export class CodesKernel {
  readonly #wasm: CodesExports;
  #end = PAGE;

  constructor(bytes: Uint8Array) {
    this.#wasm = new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports as CodesExports;
  }

  /** Whether it takes these centroids (M, ksub, subDim): on the wasm backend, in whole tiles. */
  serves(centroids: tf.Tensor3D): boolean {
    return tf.getBackend() === "wasm" && centroids.shape[1] % TILE === 0;
  }

  /** @param vectors (n, dim), @param centroids (M, ksub, subDim) with M·subDim = dim */
  run(vectors: tf.Tensor2D, centroids: tf.Tensor3D): Codes {
    const [m, ksub, subDim] = centroids.shape;
    const [n, dim] = vectors.shape;
    this.#end = PAGE;
    const at = {
      centroids: this.#reserve(centroids.size),
      transposed: this.#reserve(centroids.size),
      biases: this.#reserve(m * ksub),
      vectors: this.#reserve(n * dim),
      codes: this.#reserve(n * m),
      rows: this.#reserve(n * m),
      decoded: this.#reserve(n * dim),
    };
    const missing = Math.ceil((this.#end - this.#wasm.memory.buffer.byteLength) / PAGE);
    if (missing > 0) this.#wasm.memory.grow(missing);
    const memory = this.#wasm.memory.buffer;
    const backend = tf.backend() as unknown as WasmBackend;
    new Float32Array(memory, at.centroids, centroids.size).set(backend.typedArrayFromHeap(centroids));
    new Float32Array(memory, at.vectors, n * dim).set(backend.typedArrayFromHeap(vectors));
    this.#wasm.setCentroids(m, ksub, subDim, at.centroids, at.transposed, at.biases);
    this.#wasm.assign(n, at.vectors, at.codes, at.rows, at.decoded);
    // views of the kernel's memory, which the backend copies
    return {
      codes: tf.tensor2d(new Int32Array(memory, at.codes, n * m), [n, m], "int32"),
      rows: tf.tensor1d(new Int32Array(memory, at.rows, n * m), "int32"),
      decoded: tf.tensor2d(new Float32Array(memory, at.decoded, n * dim), [n, dim]),
    };
  }

  #reserve(numbers: number): number {
    const start = this.#end;
    this.#end += Math.ceil(numbers / TILE) * TILE * 4;
    return start;
  }
}
