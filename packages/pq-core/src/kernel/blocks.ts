import type { Codebook } from "../codebook/codebook.ts";

/**
 * The block-of-32 layout (as in Faiss's fast scan, André et al. 2015): the codes of 32 consecutive items lie
 * together, one row per sub-quantizer, so that one instruction looks up 16 items. Field by field in docs/format.md.
 *
 *   4 bits: M rows of 16 bytes; byte j holds item j in its low and item j + 16 in its high nibble
 *   8 bits: M rows of 32 bytes; byte j holds item j
 *   metrics that need a number per item (see {@link hasTerms}) append
 *     4 bits only: one more 16-byte row of nibbles, the term's bucket among 16 equal steps of its range
 *     32 float32: the term itself
 *
 * Lanes past the last item are zero and are never returned.
 */
export const BLOCK = 32;

/** Cosine needs ‖x̂‖ of each item, and l2 ‖x̂‖² or its `terms`; inner product needs neither. */
export function hasTerms(codebook: Pick<Codebook, "metric">): boolean {
  return codebook.metric !== "innerProduct";
}

type Shape = Pick<Codebook, "metric" | "nbits" | "numSubQuantizers">;

/** Bytes of one sub-quantizer's codes in a block. */
export function rowBytes(nbits: 4 | 8): number {
  return nbits === 4 ? 16 : 32;
}

/** Offset of the 32 float32 terms inside a block; the block's size when there are none. */
export function termsOffset(shape: Shape): number {
  const rows = shape.numSubQuantizers + (shape.nbits === 4 && hasTerms(shape) ? 1 : 0);
  return rows * rowBytes(shape.nbits);
}

/** Bytes of one block; always a multiple of 16. */
export function blockBytes(shape: Shape): number {
  return termsOffset(shape) + (hasTerms(shape) ? BLOCK * 4 : 0);
}

/** Blocks that n items take. */
export function countBlocks(n: number): number {
  return Math.ceil(n / BLOCK);
}

/** Smallest and largest term of an index; buckets divide this range. */
export interface TermRange {
  readonly min: number;
  readonly max: number;
}

/** Bucket of a term: its value lies in [min + b·step, min + (b + 1)·step], step = (max − min) / 16. */
export function termBucket(term: number, range: TermRange): number {
  if (range.max <= range.min) return 0;
  return Math.min(15, Math.max(0, Math.floor((16 * (term - range.min)) / (range.max - range.min))));
}

/**
 * Packs codes in list order into blocks.
 *
 * @param codes (n, M) one byte a sub-code
 * @param order (n) which of them each ordinal has; left out = they are in list order
 * @param terms (n) in list order, only for metrics with terms
 */
export function packBlocks(
  shape: Shape,
  codes: Uint8Array,
  order?: Uint32Array,
  terms?: Float32Array,
  range?: TermRange,
): Uint8Array {
  const M = shape.numSubQuantizers;
  const n = codes.length / M;
  const size = blockBytes(shape);
  const bytes = new Uint8Array(countBlocks(n) * size);
  const view = new DataView(bytes.buffer);
  const row = rowBytes(shape.nbits);
  const at = termsOffset(shape);
  for (let i = 0; i < n; i++) {
    const block = Math.floor(i / BLOCK) * size;
    const lane = i % BLOCK;
    const from = (order === undefined ? i : order[i]!) * M;
    // 4 bits: lanes 16 … 31 are the high nibbles
    const isHigh = shape.nbits === 4 && lane >= 16;
    const to = block + (isHigh ? lane - 16 : lane);
    if (isHigh) for (let m = 0; m < M; m++) bytes[to + m * row]! |= codes[from + m]! << 4;
    else for (let m = 0; m < M; m++) bytes[to + m * row]! |= codes[from + m]!;
    if (terms === undefined || range === undefined) continue;
    if (shape.nbits === 4) bytes[to + M * row]! |= termBucket(terms[i]!, range) << (isHigh ? 4 : 0);
    view.setFloat32(block + at + lane * 4, terms[i]!, true);
  }
  return bytes;
}

/** Sub-code m of the item in `lane` of the block that starts at `block`. */
export function codeAt(bytes: Uint8Array, block: number, lane: number, m: number, nbits: 4 | 8): number {
  if (nbits === 8) return bytes[block + m * 32 + lane]!;
  const byte = bytes[block + m * 16 + (lane & 15)]!;
  return lane < 16 ? byte & 15 : byte >> 4;
}

/** Term of the item in `lane` of the block that starts at `block`. */
export function termAt(shape: Shape, bytes: Uint8Array, block: number, lane: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(block + termsOffset(shape) + lane * 4, true);
}
