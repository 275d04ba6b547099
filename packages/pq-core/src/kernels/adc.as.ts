// The ADC kernel (AssemblyScript). The definition of every result is src/scalar-kernel.ts; this file must give
// the same bits: float32, one lane a centroid or an item, terms added in the same order, no fused multiply-add.
// JavaScript places everything in memory (src/wasm-kernel.ts) and hands over addresses; nothing is allocated here.

// ---- shape and addresses, set once by configure() ----
let dim: i32 = 0;
let cellTiles: i32 = 0;
let numSubQuantizers: i32 = 0;
let centroidTiles: i32 = 0; // 1 for 4 bits, 16 for 8 bits
let subDim: i32 = 0;
let termMode: i32 = 0; // 0 none, 1 subtract (l2), 2 divide (cosine)
let blockBytes: usize = 0;
let termsOffset: usize = 0;
let rotationTiles: usize = 0; // 0 = no rotation
let coarseTiles: usize = 0;
let codebookTiles: usize = 0;
let queryAt: usize = 0;
let rotatedAt: usize = 0;
let productsAt: usize = 0;
let tableAt: usize = 0; // float32 (M [+ 1 row of term bounds], ksub)
let bytesAt: usize = 0; // u8 (rows, 16): distance below the row's maximum, in steps
let termLow: f32 = 0; // smallest term
let termStep: f32 = 0; // width of a term bucket

// ---- state of one ranking ----
let heapAt: usize = 0;
let blocksAt: usize = 0;
let k: i32 = 0;
let kept: i32 = 0;
let floorScore: f32 = -Infinity;
let theta: f32 = -Infinity; // scores below cannot enter
let maxBias: f64 = 0;
let maxSum: f64 = 0; // sum of the rows' maxima
let magnitude: f64 = 0; // bound of |partial sums|, for the rounding allowance
let step: f64 = 1; // score per step of the u8 tables
let tuned: bool = false;
let limit: i32 = 255; // largest u8 sum that may still reach theta, for the bias of the running scan

export function configure(
  dim_: i32, cellTiles_: i32, M_: i32, centroidTiles_: i32, subDim_: i32, termMode_: i32,
  blockBytes_: usize, termsOffset_: usize, rotationTiles_: usize, coarseTiles_: usize, codebookTiles_: usize,
  queryAt_: usize, rotatedAt_: usize, productsAt_: usize, tableAt_: usize, bytesAt_: usize,
  termLow_: f32, termStep_: f32,
): void {
  dim = dim_; cellTiles = cellTiles_; numSubQuantizers = M_; centroidTiles = centroidTiles_; subDim = subDim_; termMode = termMode_;
  blockBytes = blockBytes_; termsOffset = termsOffset_; rotationTiles = rotationTiles_; coarseTiles = coarseTiles_; codebookTiles = codebookTiles_;
  queryAt = queryAt_; rotatedAt = rotatedAt_; productsAt = productsAt_; tableAt = tableAt_; bytesAt = bytesAt_;
  termLow = termLow_; termStep = termStep_;
}

// ---- tables ----

// Inner products of one vector with rows kept in tiles of 16: tile t holds (size, 16) floats, one lane a row.
function products(tiles: usize, count: i32, size: i32, vector: usize, out: usize): void {
  for (let t = 0; t < count; t++) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let d = 0; d < size; d++) {
      const x = v128.load32_splat(vector + (<usize>d << 2));
      s0 = f32x4.add(s0, f32x4.mul(x, v128.load(tiles, 0)));
      s1 = f32x4.add(s1, f32x4.mul(x, v128.load(tiles, 16)));
      s2 = f32x4.add(s2, f32x4.mul(x, v128.load(tiles, 32)));
      s3 = f32x4.add(s3, f32x4.mul(x, v128.load(tiles, 48)));
      tiles += 64;
    }
    v128.store(out, s0, 0);
    v128.store(out, s1, 16);
    v128.store(out, s2, 32);
    v128.store(out, s3, 48);
    out += 64;
  }
}

export function setQuery(): void {
  let rotated = queryAt;
  if (rotationTiles != 0) {
    products(rotationTiles, (dim + 15) >> 4, dim, queryAt, rotatedAt);
    rotated = rotatedAt;
  }
  products(coarseTiles, cellTiles, dim, rotated, productsAt);
  const tileBytes = <usize>(subDim * centroidTiles) << 6;
  const tableBytes = <usize>centroidTiles << 6;
  for (let m = 0; m < numSubQuantizers; m++) {
    products(codebookTiles + <usize>m * tileBytes, centroidTiles, subDim, rotated + (<usize>(m * subDim) << 2), tableAt + <usize>m * tableBytes);
  }
}

// ---- the k best: a binary heap of u64 keys, worst at the root ----

// Larger key = better: the score's bits made sortable, then the complement of the ordinal.
// @ts-ignore: decorator
@inline
function keyOf(score: f32, ordinal: u32): u64 {
  const bits = reinterpret<u32>(score + 0); // −0 becomes +0
  const sortable = bits ^ (bits >> 31 ? 0xffffffff : 0x80000000);
  return (<u64>sortable << 32) | <u64>~ordinal;
}

// @ts-ignore: decorator
@inline
function scoreOf(key: u64): f32 {
  const sortable = <u32>(key >> 32);
  return reinterpret<f32>(sortable ^ (sortable >> 31 ? 0x80000000 : 0xffffffff));
}

function siftUp(at: i32, key: u64): void {
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const other = load<u64>(heapAt + (<usize>parent << 3));
    if (other <= key) break;
    store<u64>(heapAt + (<usize>at << 3), other);
    at = parent;
  }
  store<u64>(heapAt + (<usize>at << 3), key);
}

function siftDown(size: i32, key: u64): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= size) break;
    let other = load<u64>(heapAt + (<usize>child << 3));
    if (child + 1 < size) {
      const right = load<u64>(heapAt + (<usize>child << 3), 8);
      if (right < other) {
        other = right;
        child++;
      }
    }
    if (other >= key) break;
    store<u64>(heapAt + (<usize>at << 3), other);
    at = child;
  }
  store<u64>(heapAt + (<usize>at << 3), key);
}

// True when theta rose.
function offer(score: f32, ordinal: u32): bool {
  if (!(score >= theta)) return false; // NaN too
  const key = keyOf(score, ordinal);
  if (kept < k) {
    siftUp(kept++, key);
    if (kept < k) return false;
  } else {
    if (key <= load<u64>(heapAt)) return false;
    siftDown(k, key);
  }
  const worst = max<f32>(floorScore, scoreOf(load<u64>(heapAt)));
  if (worst <= theta) return false;
  theta = worst;
  return true;
}

export function begin(k_: i32, maxBias_: f64, floor_: f32, heapAt_: usize): void {
  k = k_; maxBias = maxBias_; floorScore = floor_; heapAt = heapAt_;
  kept = 0;
  theta = floor_;
  tuned = false;
  if (centroidTiles != 1) return;
  maxSum = 0;
  magnitude = 0;
  for (let m = 0; m < numSubQuantizers; m++) {
    const row = tableAt + (<usize>m << 6);
    maxSum += <f64>rowMax(row);
    magnitude += max<f64>(Math.abs(<f64>rowMax(row)), Math.abs(<f64>rowMin(row)));
  }
}

// @ts-ignore: decorator
@inline
function across(a: v128, isMax: bool): f32 {
  const x0 = f32x4.extract_lane(a, 0), x1 = f32x4.extract_lane(a, 1), x2 = f32x4.extract_lane(a, 2), x3 = f32x4.extract_lane(a, 3);
  return isMax ? max<f32>(max<f32>(x0, x1), max<f32>(x2, x3)) : min<f32>(min<f32>(x0, x1), min<f32>(x2, x3));
}

function rowMax(row: usize): f32 {
  return across(f32x4.max(f32x4.max(v128.load(row, 0), v128.load(row, 16)), f32x4.max(v128.load(row, 32), v128.load(row, 48))), true);
}

function rowMin(row: usize): f32 {
  return across(f32x4.min(f32x4.min(v128.load(row, 0), v128.load(row, 16)), f32x4.min(v128.load(row, 32), v128.load(row, 48))), false);
}

export function finish(ordinalsAt: usize, scoresAt: usize): i32 {
  const n = kept;
  for (let i = n - 1; i >= 0; i--) {
    const key = load<u64>(heapAt);
    store<f32>(scoresAt + (<usize>i << 2), scoreOf(key));
    store<u32>(ordinalsAt + (<usize>i << 2), ~(<u32>key));
    siftDown(i, load<u64>(heapAt + (<usize>i << 3)));
  }
  return n;
}

// ---- exact scores: the definition ----

// @ts-ignore: decorator
@inline
function withTerm(sum: f32, block: usize, lane: u32): f32 {
  if (termMode == 0) return sum;
  const term = load<f32>(block + termsOffset + (<usize>lane << 2));
  if (termMode == 1) return sum - term;
  return term > 0 ? sum / term : 0;
}

function exact4(block: usize, lane: u32, bias: f32): f32 {
  const shift = (lane >> 4) << 2;
  let at = block + (lane & 15);
  let row = tableAt;
  let sum: f32 = 0;
  for (let m = numSubQuantizers; m > 0; m--) {
    sum += load<f32>(row + (<usize>((<u32>load<u8>(at) >> shift) & 15) << 2));
    at += 16;
    row += 64;
  }
  return withTerm(sum + bias, block, lane);
}

function exact8(block: usize, lane: u32, bias: f32): f32 {
  let at = block + lane;
  let row = tableAt;
  let sum: f32 = 0;
  for (let m = numSubQuantizers; m > 0; m--) {
    sum += load<f32>(row + (<usize>load<u8>(at) << 2));
    at += 32;
    row += 1024;
  }
  return withTerm(sum + bias, block, lane);
}

// ---- first pass, 4 bits: u8 tables of distances below the best possible score ----
//
// Row m keeps floor((max_m − table[m][c]) / step), so the u8 sum of an item, saturated at 255, never exceeds
// (bias + maxSum − score) / step. An item with score ≥ theta therefore has a sum ≤ (bias + maxSum − theta) / step:
// comparing with that limit misses nothing. `step` is chosen so that the limit of the best cell is about 250:
// all of the u8 range lies between the best possible score and theta, and nothing is ever widened to 16 bits.

const STEPS: f64 = 250;

// float32 sums of M terms are off by at most M·ε·Σ|terms|; one step more for the truncation of the table entries.
function allowance(bias: f64): f64 {
  return 1 + (<f64>(numSubQuantizers + 4) * 1.2e-7 * (magnitude + Math.abs(bias) + Math.abs(<f64>theta) * (termMode == 2 ? <f64>termLow + 16 * <f64>termStep : 1))) / step;
}

// The term's row: an upper bound of what the term adds to the score, for each bucket of its range.
function fillTermRow(): f64 {
  const row = tableAt + (<usize>numSubQuantizers << 6);
  for (let b = 0; b < 16; b++) {
    const low = max<f32>(0, termLow + termStep * (<f32>b - <f32>0.01));
    const high = termLow + termStep * (<f32>b + <f32>1.01);
    // l2: −t ≤ −low. cosine: sum/t ≥ theta means sum − theta·t ≥ 0, and −theta·t ≤ −theta·(low or high).
    store<f32>(row + (<usize>b << 2), termMode == 1 ? -low : theta > 0 ? -theta * low : -theta * high);
  }
  return <f64>rowMax(row);
}

function quantizeRow(m: i32, inverse: f32): void {
  const row = tableAt + (<usize>m << 6);
  const top = f32x4.splat(rowMax(row));
  const scale = f32x4.splat(inverse);
  const d0 = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(top, v128.load(row, 0)), scale));
  const d1 = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(top, v128.load(row, 16)), scale));
  const d2 = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(top, v128.load(row, 32)), scale));
  const d3 = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(top, v128.load(row, 48)), scale));
  v128.store(bytesAt + (<usize>m << 4), i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(d0, d1), i16x8.narrow_i32x4_s(d2, d3)));
}

// What a sum must reach: theta itself, or 0 for cosine, where theta is inside the term's row.
// @ts-ignore: decorator
@inline
function target(): f64 {
  return termMode == 2 ? 0 : <f64>theta;
}

let termMax: f64 = 0;

// Sets the u8 tables for the present theta.
function tune(): void {
  termMax = termMode == 0 ? 0 : fillTermRow();
  const range = maxBias + maxSum + termMax - target();
  // When nothing can beat theta any more, only equal scores are left to find; any step is right then.
  step = max<f64>(range, 1e-30) / STEPS;
  const inverse = <f32>(1 / step);
  const rows = numSubQuantizers + (termMode == 0 ? 0 : 1);
  for (let m = 0; m < rows; m++) quantizeRow(m, inverse);
  tuned = true;
}

// Sets the limit for a bias; tunes again when theta has taken half of the range, for finer steps.
function setLimit(bias: f64): void {
  if (!tuned) tune();
  else if (termMode == 2) {
    termMax = fillTermRow();
    quantizeRow(numSubQuantizers, <f32>(1 / step));
  }
  if (maxBias + maxSum + termMax - target() < 0.5 * STEPS * step) tune();
  const steps = (bias + maxSum + termMax - target()) / step + allowance(bias);
  limit = steps >= 255 ? 255 : <i32>Math.floor(steps);
}

// Scores the items of `bits` exactly and offers them.
function offerBits(bits: u32, block: usize, ordinal: u32, bias: f32): void {
  let rose = false;
  while (bits != 0) {
    const lane = <u32>ctz(bits);
    bits &= bits - 1;
    if (offer(centroidTiles == 1 ? exact4(block, lane, bias) : exact8(block, lane, bias), ordinal + lane)) rose = true;
  }
  if (rose && centroidTiles == 1) setLimit(<f64>bias);
}

// @ts-ignore: decorator
@inline
function lookUp(table: v128, index: v128): v128 {
  // Indices are 0–15, where relaxed and plain swizzle agree on every machine.
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(table, index) : i8x16.swizzle(table, index);
}

// @ts-ignore: decorator
@inline
function maskOf(b: i32, first: i32, last: i32, firstMask: u32, lastMask: u32, maskAt: usize): u32 {
  let mask: u32 = 0xffffffff;
  if (b == first) mask &= firstMask;
  if (b == last) mask &= lastMask;
  if (maskAt != 0) mask &= load<u32>(maskAt + (<usize>(b - first) << 2));
  return mask;
}

// @ts-ignore: decorator
@inline
function bitsOf(low: v128, high: v128): u32 {
  return <u32>i8x16.bitmask(low) | (<u32>i8x16.bitmask(high) << 16);
}

export function scan(start: i32, end: i32, ordinal: u32, bias: f32, maskAt: usize, blocksAt_: usize): void {
  if (end <= start) return;
  blocksAt = blocksAt_;
  const first = start >> 5;
  const last = (end - 1) >> 5;
  const firstMask: u32 = 0xffffffff << (start & 31);
  const lastMask: u32 = 0xffffffff >> (31 - ((end - 1) & 31));
  if (centroidTiles == 1) scan4(first, last, firstMask, lastMask, ordinal, bias, maskAt);
  else scan8(first, last, firstMask, lastMask, ordinal, bias, maskAt);
}

function scan4(first: i32, last: i32, firstMask: u32, lastMask: u32, ordinal: u32, bias: f32, maskAt: usize): void {
  let b = first;
  // Until k items are kept there is no threshold, and every item must be scored.
  for (; b <= last && theta == -Infinity; b++) {
    const mask = maskOf(b, first, last, firstMask, lastMask, maskAt);
    offerBits(mask, blocksAt + <usize>b * blockBytes, ordinal + (<u32>b << 5), bias);
  }
  if (b > last) return;
  setLimit(<f64>bias);
  const rows = numSubQuantizers + (termMode == 0 ? 0 : 1);
  const nibble = i8x16.splat(15);
  for (; b <= last; b += 2) {
    if (limit < 0) return; // the best possible score of this cell is below theta
    const second = b + 1 <= last;
    const mask0 = maskOf(b, first, last, firstMask, lastMask, maskAt);
    const mask1 = second ? maskOf(b + 1, first, last, firstMask, lastMask, maskAt) : 0;
    if ((mask0 | mask1) == 0) continue;
    const block0 = blocksAt + <usize>b * blockBytes;
    const block1 = second ? block0 + blockBytes : block0;
    let low0 = i8x16.splat(0), high0 = low0, low1 = low0, high1 = low0;
    let at0 = block0, at1 = block1, table = bytesAt;
    for (let m = rows; m > 0; m--) {
      const t = v128.load(table);
      const c0 = v128.load(at0);
      const c1 = v128.load(at1);
      low0 = i8x16.add_sat_u(low0, lookUp(t, v128.and(c0, nibble)));
      high0 = i8x16.add_sat_u(high0, lookUp(t, v128.and(i16x8.shr_u(c0, 4), nibble)));
      low1 = i8x16.add_sat_u(low1, lookUp(t, v128.and(c1, nibble)));
      high1 = i8x16.add_sat_u(high1, lookUp(t, v128.and(i16x8.shr_u(c1, 4), nibble)));
      table += 16;
      at0 += 16;
      at1 += 16;
    }
    const limits = i8x16.splat(<i8>limit);
    const best = i8x16.min_u(i8x16.min_u(low0, high0), i8x16.min_u(low1, high1));
    if (!v128.any_true(i8x16.le_u(best, limits))) continue;
    const bits0 = bitsOf(i8x16.le_u(low0, limits), i8x16.le_u(high0, limits)) & mask0;
    const bits1 = bitsOf(i8x16.le_u(low1, limits), i8x16.le_u(high1, limits)) & mask1;
    offerBits(bits0, block0, ordinal + (<u32>b << 5), bias);
    offerBits(bits1, block1, ordinal + (<u32>b << 5) + 32, bias);
  }
}

function scan8(first: i32, last: i32, firstMask: u32, lastMask: u32, ordinal: u32, bias: f32, maskAt: usize): void {
  for (let b = first; b <= last; b++) {
    const mask = maskOf(b, first, last, firstMask, lastMask, maskAt);
    const block = blocksAt + <usize>b * blockBytes;
    offerBits(mask, block, ordinal + (<u32>b << 5), bias);
  }
}

// Which build this is.
export function isRelaxed(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}
