import type { Codebook } from "../codebook/codebook.ts";
import { checkAssignments, checkCodes, type EncodedVectors } from "../codebook/codes.ts";
import { checkLength, rangeError } from "../errors.ts";
import { orderByList } from "../format/inverted-lists.ts";
import { sortWords } from "../format/sort-ids.ts";

/** What goes into a Faiss file. */
export interface FaissInput extends EncodedVectors {
  readonly codebook: Codebook;
  /** Faiss knows integers only; for string ids give the ordinals and keep the strings beside the file. */
  readonly ids: Uint32Array | BigUint64Array;
  /** nprobe that the file suggests. */
  readonly nprobe?: number | undefined;
}

/**
 * A file that Faiss's `read_index` opens and that returns the same top k, but for `terms`, of which Faiss has none:
 * IndexPreTransform (the rotation, as a linear transform) around IndexIVFPQ with a flat coarse quantizer; without cells
 * IndexIDMap around IndexPQ.
 * Faiss also visits empty cells: where the index has some, it needs a larger nprobe for the same items.
 * The layout is that of Faiss's index_write.cpp, which has been stable since 2017.
 *
 * @throws RangeError for cosine: Faiss has no PQ index that divides by the norm of the decoded vector
 */
export function writeFaissIndex({ codebook, assignments, codes, ids, nprobe = 1 }: FaissInput): Uint8Array {
  const n = ids.length;
  checkAssignments(assignments, n, codebook.nlist);
  checkCodes(codes, n, codebook);
  checkLength("assignments", assignments, n);
  if (codebook.metric === "cosine") throw rangeError("metric", "innerProduct or l2 for a Faiss file", codebook.metric);
  const file = new FaissWriter(codebook, n);
  const wide = BigInt64Array.from(ids as Iterable<number | bigint>, BigInt);
  const wraps = codebook.rotation !== undefined;
  if (codebook.nlist === 0) {
    file.fourcc("IxMp").header();
    if (wraps) file.preTransform(codebook.rotation!);
    file.fourcc("IxPq").header().productQuantizer();
    file.vector(
      packCodes(
        codebook,
        codes,
        Uint32Array.from({ length: n }, (_, i) => i),
      ),
      1,
    );
    // search type: PQ · no sign encoding · polysemous threshold, Faiss's default of one above all bits
    file
      .i32(0)
      .byte(0)
      .i32(codebook.numSubQuantizers * codebook.nbits + 1);
    file.vector(wide, 8);
    return file.bytes();
  }
  if (wraps) file.preTransform(codebook.rotation!);
  file.fourcc("IwPQ").header().u64(codebook.nlist).u64(nprobe);
  file
    .fourcc(codebook.metric === "l2" ? "IxF2" : "IxFI")
    .header(codebook.nlist)
    .vector(codebook.coarseCentroids, 4);
  // direct map: none, and its empty array
  file.byte(0).u64(0);
  file
    .byte(codebook.byResidual ? 1 : 0)
    .u64(file.codeSize)
    .productQuantizer();
  writeLists(file, codebook, assignments, codes, wide);
  return file.bytes();
}

function writeLists(
  file: FaissWriter,
  codebook: Codebook,
  assignments: Uint32Array,
  codes: Uint8Array,
  ids: BigInt64Array,
): void {
  const { order, offsets } = orderByList(assignments, codebook.nlist, sortWords(new Uint32Array(ids.buffer), 2));
  file.fourcc("ilar").u64(codebook.nlist).u64(file.codeSize);
  const sizes = BigUint64Array.from({ length: codebook.nlist }, (_, l) => BigInt(offsets[l + 1]! - offsets[l]!));
  const filled = sizes.filter((size) => size > 0n).length;
  if (filled > codebook.nlist / 2) file.fourcc("full").vector(sizes, 8);
  else {
    const pairs = Array.from(sizes, (size, l) => [BigInt(l), size]).filter(([, size]) => size! > 0n);
    file.fourcc("sprs").vector(BigUint64Array.from(pairs.flat()), 8);
  }
  for (let l = 0; l < codebook.nlist; l++) {
    const own = order.subarray(offsets[l], offsets[l + 1]);
    file.raw(packCodes(codebook, codes, own));
    file.raw(BigInt64Array.from(own, (i) => ids[i]!));
  }
}

/** Faiss packs 4-bit codes two a byte, the first in the low half; an odd M leaves half a byte empty. */
function packCodes(codebook: Codebook, codes: Uint8Array, order: Uint32Array): Uint8Array {
  const M = codebook.numSubQuantizers;
  const size = Math.ceil((M * codebook.nbits) / 8);
  const packed = new Uint8Array(order.length * size);
  for (let i = 0; i < order.length; i++) {
    for (let m = 0; m < M; m++) {
      const code = codes[order[i]! * M + m]!;
      if (codebook.nbits === 8) packed[i * size + m] = code;
      else packed[i * size + (m >> 1)]! |= code << (4 * (m & 1));
    }
  }
  return packed;
}

type Numbers = Uint8Array | Float32Array | BigInt64Array | BigUint64Array;

class FaissWriter {
  readonly codeSize: number;
  readonly #codebook: Codebook;
  readonly #n: number;
  readonly #parts: Uint8Array[] = [];

  constructor(codebook: Codebook, n: number) {
    this.#codebook = codebook;
    this.#n = n;
    this.codeSize = Math.ceil((codebook.numSubQuantizers * codebook.nbits) / 8);
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  raw(array: Numbers): this {
    this.#parts.push(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    return this;
  }

  fourcc(text: string): this {
    return this.raw(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  }

  byte(value: number): this {
    return this.raw(Uint8Array.of(value));
  }

  i32(value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value, true);
    return this.raw(bytes);
  }

  u64(value: number): this {
    return this.raw(BigUint64Array.of(BigInt(value)));
  }

  /** Count of elements, then the elements. */
  vector(array: Numbers, elementBytes: number): this {
    return this.u64(array.byteLength / elementBytes).raw(array);
  }

  /** What every index begins with: d, ntotal, two numbers kept for old readers, trained, metric. */
  header(n: number = this.#n): this {
    const metric = this.#codebook.metric === "l2" ? 1 : 0;
    return this.i32(this.#codebook.dim)
      .u64(n)
      .u64(1 << 20)
      .u64(1 << 20)
      .byte(1)
      .i32(metric);
  }

  /** One linear transform y = A·x without bias: for row vectors x·R, A is Rᵀ. */
  preTransform(rotation: Float32Array): this {
    const { dim } = this.#codebook;
    const transposed = rotation.map((_, at) => rotation[(at % dim) * dim + Math.floor(at / dim)]!);
    this.fourcc("IxPT").header().i32(1);
    return this.fourcc("LTra").byte(0).vector(transposed, 4).u64(0).i32(dim).i32(dim).byte(1);
  }

  productQuantizer(): this {
    const { dim, numSubQuantizers, nbits, centroids } = this.#codebook;
    return this.u64(dim).u64(numSubQuantizers).u64(nbits).vector(centroids, 4);
  }
}
