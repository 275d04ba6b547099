/**
 * What an error e = x − x̂ costs: eᵀ·H·e + along · (e·x/‖x‖)². The first part is what it does to the scores of all
 * queries, whose second moments H are. The second is for the queries that an item is to be found by: these lie near
 * it, so that an error along the item moves their scores most (anisotropic quantization, Guo et al., ICML 2020).
 */
export interface ScoreError {
  /** H, (dim, dim) in rotated space, with a mean of 1 on the diagonal; left out = the identity. */
  readonly moment?: Float32Array | undefined;
  readonly along: number;
}

/** What turns rotated vectors into codes. */
export interface SubQuantizers {
  readonly dim: number;
  readonly numSubQuantizers: number;
  readonly numCentroids: number;
  /** (nlist, dim); empty for none. */
  readonly coarseCentroids: Float32Array;
  /** (M, ksub, subDim) */
  readonly centroids: Float32Array;
}

/** Vectors with their codes, which are changed in place. */
export interface CodedVectors {
  /** (n, dim), x·R. */
  readonly rotated: Float32Array;
  /** (n) */
  readonly cells: Uint32Array;
  /** (n, M) */
  readonly codes: Uint8Array;
}
