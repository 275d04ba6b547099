import type { IndexingLayerConfig } from "./config.ts";

/** Everything that a training run needs to go on as if it had never stopped. Arrays are copies. */
export interface IndexingLayerState {
  readonly version: 1;
  readonly config: IndexingLayerConfig;
  readonly step: number;
  readonly ready: boolean;
  readonly random: number;
  /** Rows gathered so far, (bufferFill, dim). */
  readonly buffer: Float32Array;
  /** Float64: R is in double precision where it is turned on the host. */
  readonly rotation: Float64Array;
  /** Moving average of the item/quantized correlation, empty when unused. */
  readonly correlation: Float64Array;
  readonly variables: Readonly<Record<string, Float32Array>>;
}

/** The trained quantizer in pq-core's layout. */
export interface TrainedCodebook {
  dim: number;
  nlist: number;
  numSubQuantizers: number;
  nbits: 4 | 8;
  /** Whether `centroids` code what is left after the coarse centroid: with cells always. */
  byResidual: boolean;
  /** (dim, dim) row-major, applied as x·R; absent when there is none. */
  rotation?: Float32Array;
  /** (nlist, dim) in the rotated space. */
  coarseCentroids: Float32Array;
  /** (M, ksub, subDim) of the residual in the rotated space. */
  centroids: Float32Array;
}
