import type { CodedVectors, ScoreError, SubQuantizers } from "./score-error.ts";

/** What kernels/improve.as.ts exports. */
interface ImproveExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  setQuantizers(...values: number[]): void;
  improve(n: number, sweeps: number, rotated: number, cells: number, codes: number): void;
}

const PAGE = 65_536;
/** Centroids are looked at by so many. */
const TILE = 8;
/** Vectors that are in the kernel's memory at a time. */
const SLICE = 4096;

/** The kernel of kernels/improve.as.ts: codes by their costs, without a matrix of all costs. */
export class ImproveKernel {
  readonly #module: WebAssembly.Module;

  constructor(bytes: Uint8Array) {
    this.#module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  }

  serves({ numCentroids }: SubQuantizers): boolean {
    return numCentroids % TILE === 0 && numCentroids <= 256;
  }

  /** Changes codes in place, as `improveCodes` does where centroids stay. */
  run(
    { dim, numSubQuantizers: M, numCentroids, coarseCentroids, centroids }: SubQuantizers,
    { rotated, cells, codes }: CodedVectors,
    { moment, along }: ScoreError,
    sweeps: number,
  ): void {
    const n = cells.length;
    const padded = (dim + 3) & ~3;
    const slice = Math.min(SLICE, n);
    let end = PAGE;
    const reserve = (bytes: number): number => {
      const start = end;
      end += (bytes + 15) & ~15;
      return start;
    };
    const at = {
      centroids: reserve(4 * centroids.length),
      transposed: reserve(4 * centroids.length),
      squares: reserve(4 * M * numCentroids),
      moment: moment ? reserve(4 * dim * padded) : 0,
      coarse: coarseCentroids.length > 0 ? reserve(4 * coarseCentroids.length) : 0,
      scratch: reserve(4 * (3 * padded + dim)),
      rotated: reserve(4 * slice * dim),
      cells: reserve(4 * slice),
      codes: reserve(slice * M),
    };
    const wasm = new WebAssembly.Instance(this.#module, {}).exports as unknown as ImproveExports;
    const missing = Math.ceil((end - wasm.memory.buffer.byteLength) / PAGE);
    if (missing > 0) wasm.memory.grow(missing);
    const { buffer } = wasm.memory;
    const floats = (start: number, values: Float32Array): void =>
      new Float32Array(buffer, start, values.length).set(values);
    floats(at.centroids, centroids);
    if (at.coarse > 0) floats(at.coarse, coarseCentroids);
    if (moment)
      for (let row = 0; row < dim; row++)
        floats(at.moment + 4 * row * padded, moment.subarray(row * dim, (row + 1) * dim));
    wasm.setQuantizers(
      ...[dim, padded, M, numCentroids, along],
      ...[at.centroids, at.transposed, at.squares, at.moment, at.coarse, at.scratch],
    );
    for (let from = 0; from < n; from += slice) {
      const to = Math.min(n, from + slice);
      floats(at.rotated, rotated.subarray(from * dim, to * dim));
      new Uint32Array(buffer, at.cells, to - from).set(cells.subarray(from, to));
      const own = new Uint8Array(buffer, at.codes, (to - from) * M);
      own.set(codes.subarray(from * M, to * M));
      wasm.improve(to - from, sweeps, at.rotated, at.cells, at.codes);
      codes.set(own, from * M);
    }
  }
}
