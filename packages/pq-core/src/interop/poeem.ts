import { type Codebook, type CodebookInput, createCodebook, type Metric } from "../codebook/codebook.ts";
import type { EncodedVectors } from "../codebook/codes.ts";
import { decodeRotated } from "../codebook/decode.ts";
import { FormatError, messageOf } from "../errors.ts";
import type { ArtifactInput } from "../format/artifact-writer.ts";
import { type CodeAt, type NarrowCodes, narrowCodes } from "./narrow-codes.ts";

/** What was read, and what had to be decided about it. */
export interface PoeemImport {
  /** Ready for `writeArtifact`; fields and ids may be replaced. */
  readonly input: ArtifactInput;
  /** Centroids of a sub-quantizer in the file (K); the artifact has 16 or 256: those that are used, the rest zeros. */
  readonly numCentroidsUsed: number;
  /** Items of the file that are not in `input`, because the original library never finds an item of norm 0. */
  readonly numUnsearchable: number;
  /**
   * What the file's norm column turned out to hold. The original library stores ‖x̂‖ in one place and reads
   * ‖x̂‖² in another, so the column is not used: norms are computed from the codes. `neither` is worth a look.
   */
  readonly norms: "norm" | "squared norm" | "both" | "neither";
}

const WHERE = "Poeem index";
const HEADER_BYTES = 1 + 5 * 8;
/** Items decoded at once, so that the decoded vectors of a large file are never in memory together. */
const PIECE = 4096;

/**
 * Reads the index file of the original Poeem library (0.9 to 1.2.2), little-endian and without any magic:
 *
 *   i8 use_residual · i64 n, d, J, K, D · f32 codebook (D, K, d/D) · i64 id (n) · f32 norm (n) ·
 *   u8 (K ≤ 256) or u16 code (n, D) · f32 centroid (J, d) · u32 assignment (n)
 *
 * Its D is our numSubQuantizers, J our nlist, K our numCentroids. An artifact has 256 at most: a file with more is
 * read when its codes use no more than 256 in each sub-quantizer, which loses nothing. The file has no rotation:
 * whatever rotation the model learned is not in it, and queries must come in the space of its centroids.
 *
 * Items of norm 0 are left out: the original keeps them out of its search, and looks at nothing else of them.
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
  const K = size("K", 3, 1, 65_536);
  const codeBytes = K <= 256 ? 1 : 2;
  const M = size("D", 4, 1, dim);
  if (dim % M !== 0) throw new FormatError(WHERE, `"D" expected a divisor of d ${dim}, got ${M}`);
  const lengths = [K * dim * 4, n * 8, n * 4, n * M * codeBytes, nlist * dim * 4, n * 4];
  const expected = lengths.reduce((sum, length) => sum + length, HEADER_BYTES);
  if (bytes.length !== expected)
    throw new FormatError(WHERE, `expected ${expected} bytes for its header, got ${bytes.length}`);

  // Where each column begins. Nothing is aligned, so numbers are read one by one.
  let end = HEADER_BYTES;
  const [codebookAt, idsAt, normsAt, codesAt, centroidsAt, assignmentsAt] = lengths.map((length) => {
    end += length;
    return end - length;
  }) as [number, number, number, number, number, number];
  const floats = (at: number, count: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => view.getFloat32(at + 4 * i, true));
  const normOf = (item: number): number => view.getFloat32(normsAt + 4 * item, true);
  const codeAt: CodeAt = (item, m) =>
    codeBytes === 1 ? bytes[codesAt + item * M + m]! : view.getUint16(codesAt + 2 * (item * M + m), true);

  const items = Uint32Array.from({ length: n }, (_, item) => item).filter((item) => normOf(item) !== 0);
  if (n > 0 && items.length === 0)
    throw new FormatError(WHERE, `expected an item that can be searched, got the norm 0 for all ${n}`);
  for (const item of items) {
    for (let m = 0; m < M; m++) {
      const code = codeAt(item, m);
      if (code >= K) throw new FormatError(WHERE, `"code[${item * M + m}]" expected below ${K}, got ${code}`);
    }
  }
  const cells = Math.max(1, nlist);
  const assignments = items.map((item) => view.getUint32(assignmentsAt + 4 * item, true));
  const lost = assignments.findIndex((cell) => cell >= cells);
  if (lost >= 0)
    throw new FormatError(WHERE, `"assignment[${items[lost]}]" expected below ${cells}, got ${assignments[lost]}`);
  const own = ownCodes(items, codeAt, floats(codebookAt, K * dim), M, K);
  const nbits = own.numCentroids <= 16 ? 4 : 8;
  const codebook = codebookOf({
    dim,
    metric,
    nlist,
    numSubQuantizers: M,
    nbits,
    byResidual: residual === 1 && nlist > 0,
    coarseCentroids: floats(centroidsAt, nlist * dim),
    centroids: padCentroids(own.centroids, M, own.numCentroids, 1 << nbits),
  });
  const ids = readIds(view, idsAt, items);
  const encoded = { assignments, codes: own.codes };
  return {
    input: { codebook, ...encoded, ids },
    numCentroidsUsed: K,
    numUnsearchable: n - items.length,
    norms: judgeNorms(codebook, encoded, (i) => normOf(items[i]!)),
  };
}

/** The codes as they are where a byte holds them, else {@link narrowCodes}. */
function ownCodes(items: Uint32Array, codeAt: CodeAt, centroids: Float32Array, M: number, K: number): NarrowCodes {
  if (K > 256) return narrowCodes(WHERE, items, codeAt, centroids, M, K);
  const codes = new Uint8Array(items.length * M);
  for (const [i, item] of items.entries()) for (let m = 0; m < M; m++) codes[i * M + m] = codeAt(item, m);
  return { codes, centroids, numCentroids: K };
}

function codebookOf(input: CodebookInput): Codebook {
  try {
    return createCodebook(input);
  } catch (cause) {
    // A number that no codebook has: the file is at fault, not the caller.
    throw new FormatError(WHERE, messageOf(cause), { cause });
  }
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

function readIds(view: DataView, at: number, items: Uint32Array): Uint32Array | BigUint64Array {
  const idOf = (item: number): bigint => view.getBigInt64(at + 8 * item, true);
  // The upper half, whose sign is that of the id.
  const upper = (item: number): number => view.getInt32(at + 8 * item + 4, true);
  const negative = items.find((item) => upper(item) < 0);
  if (negative !== undefined)
    throw new FormatError(WHERE, `"id[${negative}]" expected at least 0, got ${idOf(negative)}`);
  const ids = items.every((item) => upper(item) === 0)
    ? items.map((item) => view.getUint32(at + 8 * item, true))
    : BigUint64Array.from(Array.from(items, idOf));
  const sorted = ids.slice().sort();
  const twice = sorted.findIndex((id: number | bigint, i: number) => i > 0 && id === sorted[i - 1]);
  if (twice >= 0) throw new FormatError(WHERE, `"id" expected no id twice, got ${sorted[twice]} twice`);
  return ids;
}

/** Compares the norm column with the decoded vectors. */
function judgeNorms(
  codebook: Codebook,
  { assignments, codes }: EncodedVectors,
  normOf: (i: number) => number,
): PoeemImport["norms"] {
  const { dim, numSubQuantizers: M } = codebook;
  let isNorm = true;
  let isSquare = true;
  for (let start = 0; start < assignments.length; start += PIECE) {
    const cells = assignments.subarray(start, start + PIECE);
    const decoded = decodeRotated(codebook, cells, codes.subarray(start * M, (start + cells.length) * M));
    for (let i = 0; i < cells.length; i++) {
      let square = 0;
      for (let d = i * dim; d < (i + 1) * dim; d++) square += decoded[d]! ** 2;
      const norm = normOf(start + i);
      const near = (expected: number): boolean => Math.abs(norm - expected) <= 1e-3 * Math.max(1, expected);
      isNorm &&= near(Math.sqrt(square));
      isSquare &&= near(square);
    }
  }
  return isNorm && isSquare ? "both" : isNorm ? "norm" : isSquare ? "squared norm" : "neither";
}
