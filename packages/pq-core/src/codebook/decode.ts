import type { Codebook } from "./codebook.ts";
import { checkAssignments, checkCodes } from "./codes.ts";
import { unrotateRows } from "./rotate.ts";

/**
 * Codes to vectors: x̂ = (u_cell + centroids)·Rᵀ, without u_cell when the codebook is not residual.
 *
 * @returns (n, dim) in the original space
 */
export function decode(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float32Array {
  const decoded = decodeRotated(codebook, assignments, codes);
  unrotateRows(codebook.rotation, decoded, codebook.dim);
  return decoded;
}

/** {@link decode} without the last step: (n, dim) in rotated space, where norms and inner products are the same. */
export function decodeRotated(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float32Array {
  checkCodes(codes, assignments.length, codebook);
  checkAssignments(assignments, assignments.length, codebook.nlist);
  return lookUp(codebook, assignments, codes);
}

/** Rows decoded at a time, so that those of a large catalogue are never in memory together. */
const SLICE = 4096;

/** Squared lengths of what codes are decoded to: (n). */
export function decodedSquares(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float64Array {
  const { dim, numSubQuantizers: M } = codebook;
  const squares = new Float64Array(assignments.length);
  for (let from = 0; from < squares.length; from += SLICE) {
    const cells = assignments.subarray(from, from + SLICE);
    const decoded = decodeRotated(codebook, cells, codes.subarray(from * M, (from + cells.length) * M));
    for (let i = 0; i < cells.length; i++) {
      let square = 0;
      for (const value of decoded.subarray(i * dim, (i + 1) * dim)) square += value * value;
      squares[from + i] = square;
    }
  }
  return squares;
}

/** {@link decode} of what an index holds, which cannot be out of range. */
export function decodeStored(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float32Array {
  const decoded = lookUp(codebook, assignments, codes);
  unrotateRows(codebook.rotation, decoded, codebook.dim);
  return decoded;
}

/** (n, dim): each item's centroids, plus that of its cell. */
function lookUp(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float32Array {
  const { dim, numSubQuantizers, numCentroids, subDim, byResidual, coarseCentroids, centroids } = codebook;
  const n = assignments.length;
  const decoded = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) {
    for (let m = 0; m < numSubQuantizers; m++) {
      const from = (m * numCentroids + codes[i * numSubQuantizers + m]!) * subDim;
      decoded.set(centroids.subarray(from, from + subDim), i * dim + m * subDim);
    }
    if (byResidual)
      for (let d = 0, u = assignments[i]! * dim; d < dim; d++) decoded[i * dim + d]! += coarseCentroids[u + d]!;
  }
  return decoded;
}
