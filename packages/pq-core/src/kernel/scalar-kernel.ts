import type { Codebook } from "../codebook/codebook.ts";
import { rotateVector } from "../codebook/rotate.ts";
import { BLOCK, blockBytes, codeAt, hasTerms, termsOffset } from "./blocks.ts";
import { coarseTerms, fillCoarseProducts, fillTable, probeScore, queryLength } from "./distance-table.ts";
import type { AdcKernel, Cells, KernelFactory, Ranking } from "./kernel.ts";
import { TopK } from "./top-k.ts";

/**
 * The definition of asymmetric distance computation (Jégou et al. 2011, section 3): one look-up a sub-quantizer,
 * added in float32, sub-quantizer 0 first, the bias last. Every other kernel must give these bits.
 */
export class ScalarKernel implements AdcKernel {
  readonly name = "scalar";
  readonly #codebook: Codebook;
  readonly #rotated: Float32Array;
  readonly #table: Float32Array;
  readonly #products: Float32Array;
  readonly #coarseTerms: Float32Array;
  readonly #blockBytes: number;
  readonly #termsOffset: number;
  #blocks = new Uint8Array(0);
  #terms = new DataView(this.#blocks.buffer);
  #top = new TopK(0);
  #floor = -Infinity;

  constructor(codebook: Codebook) {
    this.#codebook = codebook;
    this.#rotated = new Float32Array(codebook.dim);
    this.#table = new Float32Array(codebook.numSubQuantizers * codebook.numCentroids);
    this.#products = new Float32Array(codebook.nlist);
    this.#coarseTerms = coarseTerms(codebook);
    this.#blockBytes = blockBytes(codebook);
    this.#termsOffset = termsOffset(codebook);
  }

  load(bytes: Uint8Array, at: number, blocks: number): void {
    const room = blocks * this.#blockBytes;
    if (this.#blocks.length < room) {
      const larger = new Uint8Array(room);
      larger.set(this.#blocks);
      this.#blocks = larger;
      this.#terms = new DataView(larger.buffer);
    }
    this.#blocks.set(bytes, at * this.#blockBytes);
  }

  block(at: number): Uint8Array {
    return this.#blocks.slice(at * this.#blockBytes, (at + 1) * this.#blockBytes);
  }

  setQuery(query: Float32Array): Float32Array {
    rotateVector(this.#codebook.rotation, query, this.#rotated);
    fillTable(this.#codebook, this.#rotated, this.#table);
    fillCoarseProducts(this.#codebook, this.#rotated, this.#products);
    return this.#products;
  }

  probe(nprobe: number, { sizes, numFilled }: Cells): Uint32Array {
    const { nlist, metric } = this.#codebook;
    const length = this.#codebook.cellSpread ? queryLength(this.#rotated) : 0;
    const top = new TopK(Math.min(nprobe, numFilled));
    for (let l = 0; l < nlist; l++)
      if (sizes[l]! > 0) top.push(probeScore(metric, this.#products[l]!, this.#coarseTerms[l], length), l);
    return top.take().ordinals;
  }

  scores(positions: Uint32Array, biases: Float32Array): Float32Array {
    return Float32Array.from(positions, (position, i) => {
      return this.#score(Math.floor(position / BLOCK) * this.#blockBytes, position % BLOCK, biases[i]!);
    });
  }

  begin(k: number, _maxBias: number, floor: number): void {
    this.#top = new TopK(k);
    this.#floor = floor;
  }

  scan(start: number, end: number, ordinal: number, bias: number, mask?: Uint32Array): void {
    const firstBlock = Math.floor(start / BLOCK);
    for (let i = start; i < end; i++) {
      const lane = i % BLOCK;
      const block = Math.floor(i / BLOCK);
      if (mask !== undefined && ((mask[block - firstBlock]! >>> lane) & 1) === 0) continue;
      const score = this.#score(block * this.#blockBytes, lane, bias);
      if (score >= this.#floor) this.#top.push(score, ordinal + i);
    }
  }

  finish(): Ranking {
    return this.#top.take();
  }

  #score(block: number, lane: number, bias: number): number {
    const { numSubQuantizers, numCentroids, nbits, metric } = this.#codebook;
    let sum = 0;
    for (let m = 0; m < numSubQuantizers; m++) {
      sum = Math.fround(sum + this.#table[m * numCentroids + codeAt(this.#blocks, block, lane, m, nbits)]!);
    }
    sum = Math.fround(sum + Math.fround(bias));
    if (!hasTerms(this.#codebook)) return sum;
    const term = this.#terms.getFloat32(block + this.#termsOffset + lane * 4, true);
    if (metric === "l2") return Math.fround(sum - term);
    return term > 0 ? Math.fround(sum / term) : 0;
  }
}

/** The scalar kernel: for engines without SIMD, and to compare others with. */
export const scalarKernel: KernelFactory = (codebook) => new ScalarKernel(codebook);
