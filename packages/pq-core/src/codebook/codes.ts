import { checkEach, checkInteger, checkLength, checkType, rangeError } from "../errors.ts";
import type { Codebook } from "./codebook.ts";

/** Codes of n vectors. */
export interface EncodedVectors {
  /** (n): cell of each vector; all 0 when the codebook has no coarse quantizer. */
  readonly assignments: Uint32Array;
  /** (n, M): one byte per sub-code, unpacked, also when nbits is 4. */
  readonly codes: Uint8Array;
  /**
   * (n), l2 only: what takes the place of ‖x̂‖² in the distance of each, ‖q‖² − 2·q·x̂ + term. A writer that still has
   * the vectors can choose one that is nearer to their distances. Left out = ‖x̂‖².
   */
  readonly terms?: Float32Array | undefined;
}

/** @throws TypeError, RangeError unless they are (n) numbers from 0, of a codebook for l2 */
export function checkTerms(terms: Float32Array, n: number, { metric }: Codebook): void {
  checkType("terms", terms, Float32Array);
  checkLength("terms", terms, n);
  if (metric !== "l2") throw rangeError("terms", `nothing, since the metric is ${metric}`, terms);
  checkEach("terms", terms, "finite and not below 0", (term) => term >= 0 && term < Infinity);
}

/** @throws TypeError, RangeError unless they are (n) cells below nlist, 0 without a coarse quantizer */
export function checkAssignments(assignments: Uint32Array, n: number, nlist: number): void {
  checkType("assignments", assignments, Uint32Array);
  checkInteger("assignments.length", assignments.length, n, n);
  const cells = Math.max(nlist, 1);
  checkEach("assignments", assignments, `below ${cells}`, (cell) => cell < cells);
}

/** @throws TypeError, RangeError unless they are (n, M) numbers of centroids */
export function checkCodes(codes: Uint8Array, n: number, { numSubQuantizers, numCentroids }: Codebook): void {
  checkType("codes", codes, Uint8Array);
  checkLength("codes", codes, n * numSubQuantizers);
  // numCentroids is a power of two: no code has a bit beyond it
  let bits = 0;
  for (let i = 0; i < codes.length; i++) bits |= codes[i]!;
  if (bits >= numCentroids) checkEach("codes", codes, `below ${numCentroids}`, (code) => code < numCentroids);
}
