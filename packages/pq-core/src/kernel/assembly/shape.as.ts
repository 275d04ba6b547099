// The ADC kernel in AssemblyScript. src/kernel/scalar-kernel.ts is the definition of every result; these files must
// give the same bits: float32, one lane a centroid or an item, terms added in the same order, no fused multiply-add.
// JavaScript places everything in memory (src/kernel/wasm-kernel.ts) and hands over addresses; nothing is allocated
// here.

export let dim: i32 = 0;
export let cellTiles: i32 = 0;
export let nlist: i32 = 0;
export let numSubQuantizers: i32 = 0;
export let centroidTiles: i32 = 0; // tiles of 16 centroids: 1 for 4 bits, 16 for 8 bits
export let subDim: i32 = 0;
export let termMode: i32 = 0; // 0 none, 1 subtract (l2), 2 divide (cosine)
export let blockBytes: usize = 0;
export let termsOffset: usize = 0;
export let rotationTiles: usize = 0; // 0 = no rotation
export let coarseTiles: usize = 0;
export let coarseTerms: usize = 0;
export let spreadAt: usize = 0; // room for scores of cells whose spread counts; 0 = it does not
export let codebookTiles: usize = 0;
export let queryAt: usize = 0;
export let rotatedAt: usize = 0; // room for two
export let ownProductsAt: usize = 0; // of the query at queryAt
export let summaryAt: usize = 0; // of the query at queryAt: see summary
export let bytesAt: usize = 0; // u8 (rows, 16): see steps4
export let collectAt: usize = 0; // records of blocks: see collect4
export let termLow: f32 = 0; // smallest term
export let termStep: f32 = 0; // width of a term bucket
export let byResidual: bool = false; // a cell adds its product with the query to every score

/**
 * Bytes more than usual from the first half of a block's rows to the second: where lists are kept for good, the first
 * halves of all blocks lie together, because most blocks are known by them to hold nothing. 0 = nothing is apart.
 */
export let apart: usize = 0;

/** For 4 bits without terms, and a multiple of 8 sub-quantizers: `count` blocks will be given in halves. */
export function split(count: usize): void {
  blockBytes = <usize>numSubQuantizers << 3;
  apart = (count - 1) * blockBytes;
}

/** From row m, counted from the last, which is 1, to the next. */
// @ts-ignore: decorator
@inline
export function rowStep(m: i32): usize {
  return m == (numSubQuantizers >> 1) + 1 ? apart + 16 : 16;
}

/** float32 (M + 1, ksub). A constant, so that its rows are immediate offsets in the 8-bit loop. */
export const TABLE: usize = 4096;

export function configure(
  dim_: i32, cellTiles_: i32, nlist_: i32, M_: i32, centroidTiles_: i32, subDim_: i32, termMode_: i32,
    blockBytes_: usize, termsOffset_: usize,
  rotationTiles_: usize, coarseTiles_: usize, coarseTerms_: usize, codebookTiles_: usize,
  queryAt_: usize, rotatedAt_: usize, productsAt_: usize, summaryAt_: usize, bytesAt_: usize, collectAt_: usize,
  termLow_: f32, termStep_: f32,
  byResidual_: bool, spreadAt_: usize,
): void {
  dim = dim_; cellTiles = cellTiles_; nlist = nlist_; numSubQuantizers = M_; centroidTiles = centroidTiles_;
  subDim = subDim_;
  termMode = termMode_; blockBytes = blockBytes_; termsOffset = termsOffset_;
  rotationTiles = rotationTiles_; coarseTiles = coarseTiles_; coarseTerms = coarseTerms_;
  codebookTiles = codebookTiles_;
  queryAt = queryAt_; rotatedAt = rotatedAt_; ownProductsAt = productsAt_; summaryAt = summaryAt_;
  bytesAt = bytesAt_; collectAt = collectAt_;
  termLow = termLow_; termStep = termStep_; byResidual = byResidual_; spreadAt = spreadAt_;
}
