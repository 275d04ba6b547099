import { createCodebook, type Metric } from "../codebook/codebook.ts";
import { decodeRotated } from "../codebook/decode.ts";
import { FormatError } from "../errors.ts";
import type { ArtifactInput } from "../format/artifact-writer.ts";
import { narrowCodes } from "./narrow-codes.ts";

/** What was read, and what had to be decided about it. */
export interface PoeemImport {
  /** Ready for `writeArtifact`; fields and ids may be replaced. */
  readonly input: ArtifactInput;
  /** Centroids of a sub-quantizer in the file (K); the artifact has 16 or 256: those that are used, the rest zeros. */
  readonly numCentroidsUsed: number;
  /**
   * What the file's norm column turned out to hold. The original library stores ‖x̂‖ in one place and reads
   * ‖x̂‖² in another, so the column is not used: norms are computed from the codes. `neither` is worth a look.
   */
  readonly norms: "norm" | "squared norm" | "both" | "neither";
}

const WHERE = "Poeem index";
const HEADER_BYTES = 1 + 5 * 8;

/**
 * Reads the index file of the original Poeem library (v0.9), little-endian and without any magic:
 *
 *   i8 use_residual · i64 n, d, J, K, D · f32 codebook (D, K, d/D) · i64 id (n) · f32 norm (n) ·
 *   u8 (K ≤ 256) or u16 code (n, D) · f32 centroid (J, d) · u32 assignment (n)
 *
 * Its D is our numSubQuantizers, J our nlist, K our numCentroids. An artifact has 256 at most: a file with more is
 * read when its codes use no more than 256 in each sub-quantizer, which loses nothing. The file has no rotation:
 * whatever rotation the model learned is not in it, and queries must come in the space of its centroids.
 *
 * @param metric how it is to be searched; the file does not say. Default inner product
 * @throws FormatError when the file is cut, too long or holds what no index can
 */
export function readPoeemIndex(bytes: Uint8Array, metric: Metric = "innerProduct"): PoeemImport {
  if (bytes.length < HEADER_BYTES)
    throw new FormatError(WHERE, `expected at least ${HEADER_BYTES} bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const residual = view.getInt8(0);
  if (residual !== 0 && residual !== 1) throw new FormatError(WHERE, `"use_residual" expected 0 or 1, got ${residual}`);
  const size = (name: string, index: number, min: number, max: number): number => {
    const value = view.getBigInt64(1 + 8 * index, true);
    if (value < BigInt(min) || value > BigInt(max))
      throw new FormatError(WHERE, `"${name}" expected from ${min} to ${max}, got ${value}`);
    return Number(value);
  };
  const n = size("n", 0, 0, 0xffff_ffe0);
  const dim = size("d", 1, 1, 65_536);
  const nlist = size("J", 2, 0, 1 << 24);
  const numCentroids = size("K", 3, 1, 65_536);
  const codeBytes = numCentroids <= 256 ? 1 : 2;
  const numSubQuantizers = size("D", 4, 1, dim);
  if (dim % numSubQuantizers !== 0)
    throw new FormatError(WHERE, `"D" expected a divisor of d ${dim}, got ${numSubQuantizers}`);
  const lengths = [numCentroids * dim * 4, n * 8, n * 4, n * numSubQuantizers * codeBytes, nlist * dim * 4, n * 4];
  const expected = lengths.reduce((sum, length) => sum + length, HEADER_BYTES);
  if (bytes.length !== expected)
    throw new FormatError(WHERE, `expected ${expected} bytes for its header, got ${bytes.length}`);

  // Nothing in the file is aligned, so each column is copied.
  let at = HEADER_BYTES;
  const [codebookBytes, idBytes, normBytes, codeColumn, centroidBytes, assignmentBytes] = lengths.map((length) => {
    at += length;
    return Uint8Array.from(bytes.subarray(at - length, at));
  });
  const wide = codeBytes === 1 ? codeColumn! : new Uint16Array(codeColumn!.buffer);
  const bad = wide.findIndex((code) => code >= numCentroids);
  if (bad >= 0) throw new FormatError(WHERE, `"code[${bad}]" expected below ${numCentroids}, got ${wide[bad]}`);
  const centroids = new Float32Array(codebookBytes!.buffer);
  const own =
    wide instanceof Uint8Array
      ? { codes: wide, centroids, numCentroids }
      : narrowCodes(WHERE, wide, centroids, numSubQuantizers, numCentroids);
  const { codes } = own;
  const nbits = own.numCentroids <= 16 ? 4 : 8;
  const codebook = createCodebook({
    dim,
    metric,
    nlist,
    numSubQuantizers,
    nbits,
    byResidual: residual === 1 && nlist > 0,
    coarseCentroids: new Float32Array(centroidBytes!.buffer),
    centroids: padCentroids(own.centroids, numSubQuantizers, own.numCentroids, 1 << nbits),
  });
  const assignments = new Uint32Array(assignmentBytes!.buffer);
  const lost = assignments.findIndex((cell) => cell >= Math.max(1, nlist));
  if (lost >= 0)
    throw new FormatError(
      WHERE,
      `"assignment[${lost}]" expected below ${Math.max(1, nlist)}, got ${assignments[lost]}`,
    );
  const input = { codebook, assignments, codes, ids: readIds(new BigInt64Array(idBytes!.buffer)) };
  return {
    input,
    numCentroidsUsed: numCentroids,
    norms: judgeNorms(new Float32Array(normBytes!.buffer), decodeRotated(codebook, assignments, codes), dim),
  };
}

/** (M, K, subDim) to (M, ksub, subDim), zeros behind the K used ones: no code points at them. */
function padCentroids(
  centroids: Float32Array,
  numSubQuantizers: number,
  used: number,
  numCentroids: number,
): Float32Array {
  const own = centroids.length / numSubQuantizers;
  const padded = new Float32Array((centroids.length / used) * numCentroids);
  for (let m = 0; m < numSubQuantizers; m++)
    padded.set(centroids.subarray(m * own, (m + 1) * own), (m * own * numCentroids) / used);
  return padded;
}

function readIds(ids: BigInt64Array): Uint32Array | BigUint64Array {
  const negative = ids.findIndex((id) => id < 0n);
  if (negative >= 0) throw new FormatError(WHERE, `"id[${negative}]" expected at least 0, got ${ids[negative]}`);
  return ids.every((id) => id <= 0xffff_ffffn) ? Uint32Array.from(ids, Number) : new BigUint64Array(ids.buffer);
}

/** Compares the norm column with the decoded vectors. */
function judgeNorms(norms: Float32Array, decoded: Float32Array, dim: number): PoeemImport["norms"] {
  let isNorm = true;
  let isSquare = true;
  for (let i = 0; i < norms.length; i++) {
    let square = 0;
    for (let d = i * dim; d < (i + 1) * dim; d++) square += decoded[d]! ** 2;
    const near = (expected: number): boolean => Math.abs(norms[i]! - expected) <= 1e-3 * Math.max(1, expected);
    isNorm &&= near(Math.sqrt(square));
    isSquare &&= near(square);
  }
  return isNorm && isSquare ? "both" : isNorm ? "norm" : isSquare ? "squared norm" : "neither";
}
