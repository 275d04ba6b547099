// Vectors to codes in AssemblyScript. src/encode.ts is the definition of every code; this file must give the same:
// the rotation in float32 with the terms added in the order of the vector, the nearest centroid by float64 distances,
// the first of equals. Here float32 distances, four centroids an instruction, leave those that can be nearest,
// allowing for their largest error; only where that leaves more than one are float64 distances taken.
// src/kernel/wasm-encode.ts places everything in memory; nothing is allocated here.

import { improve } from "./score-aware.as";

// Vectors that go through rotation and coarse centroids together, so that these are loaded once for all of them.
const VECTORS: i32 = 4;
// Beyond this a float32 distance might overflow.
const LARGE: f32 = 1e30;

// What is the same for all vectors of a call.
let dim: i32 = 0;
let padded: i32 = 0;
let scoresAt: usize = 0;
let rowsAt: usize = 0;
let rowSize: i32 = 0;
let vectorAt: usize = 0;

// ‖row − vector‖² as the definition has it.
function exactDistance(row: i32): f64 {
  const at = rowsAt + (<usize>(row * rowSize) << 2);
  let sum: f64 = 0;
  for (let d = 0; d < rowSize; d++) {
    const difference = <f64>load<f32>(at + (<usize>d << 2)) - <f64>load<f32>(vectorAt + (<usize>d << 2));
    sum += difference * difference;
  }
  return sum;
}

// The nearest of `count` rows by exact distances alone.
function exactNearest(count: i32): i32 {
  let best = 0;
  let bestDistance = exactDistance(0);
  for (let row = 1; row < count; row++) {
    const distance = exactDistance(row);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = row;
    }
  }
  return best;
}

// The nearest of the rows whose score, in tiles of 16, is at most `most`.
function nearestBelow(at: usize, tiles: i32, most: f32): i32 {
  const limit = f32x4.splat(most);
  let best = -1;
  let bestDistance: f64 = -1;
  for (let tile = 0; tile < tiles; tile++, at += 64) {
    const low = i16x8.narrow_i32x4_s(f32x4.le(v128.load(at), limit), f32x4.le(v128.load(at, 16), limit));
    const high = i16x8.narrow_i32x4_s(f32x4.le(v128.load(at, 32), limit), f32x4.le(v128.load(at, 48), limit));
    for (let bits = i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)); bits != 0; bits &= bits - 1) {
      const row = tile * 16 + ctz(bits);
      if (best < 0) best = row;
      else {
        if (bestDistance < 0) bestDistance = exactDistance(best);
        const distance = exactDistance(row);
        if (distance < bestDistance) {
          bestDistance = distance;
          best = row;
        }
      }
    }
  }
  return best;
}

// @ts-ignore: decorator
@inline
function lowest(four: v128): f32 {
  const two = f32x4.pmin(four, v128.shuffle<f32>(four, four, 2, 3, 2, 3));
  return min<f32>(f32x4.extract_lane(two, 0), f32x4.extract_lane(two, 1));
}

// @ts-ignore: decorator
@inline
function multiplyAdd(a: v128, b: v128, sum: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, sum) : f32x4.add(sum, f32x4.mul(a, b));
}

// VECTORS rows of (dim) by the rotation (dim, padded) to rows of (padded). Never fused: the definition rounds each
// product.
function rotate(from: usize, rotationAt: usize, to: usize): void {
  const step = <usize>dim << 2;
  const toStep = <usize>padded << 2;
  for (let j = 0; j < padded; j += 8) {
    let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    let at = rotationAt + (<usize>j << 2);
    let x = from;
    for (let k = 0; k < dim; k++, at += toStep, x += 4) {
      const r0 = v128.load(at);
      const r1 = v128.load(at, 16);
      let v = v128.load32_splat(x);
      a0 = f32x4.add(a0, f32x4.mul(v, r0));
      a1 = f32x4.add(a1, f32x4.mul(v, r1));
      v = v128.load32_splat(x + step);
      b0 = f32x4.add(b0, f32x4.mul(v, r0));
      b1 = f32x4.add(b1, f32x4.mul(v, r1));
      v = v128.load32_splat(x + 2 * step);
      c0 = f32x4.add(c0, f32x4.mul(v, r0));
      c1 = f32x4.add(c1, f32x4.mul(v, r1));
      v = v128.load32_splat(x + 3 * step);
      d0 = f32x4.add(d0, f32x4.mul(v, r0));
      d1 = f32x4.add(d1, f32x4.mul(v, r1));
    }
    const out = to + (<usize>j << 2);
    v128.store(out, a0);
    v128.store(out, a1, 16);
    v128.store(out + toStep, b0);
    v128.store(out + toStep, b1, 16);
    v128.store(out + 2 * toStep, c0);
    v128.store(out + 2 * toStep, c1, 16);
    v128.store(out + 3 * toStep, d0);
    v128.store(out + 3 * toStep, d1, 16);
  }
}

// ‖u‖² − 2 x·u of VECTORS rows x and all coarse centroids u, which differs from the distance by ‖x‖²
// alone. Centroids as tiles (tile, 1 + dim, 8): first ‖u‖², then −2u.
function scoreCoarse(from: usize, coarseAt: usize, tiles: i32): void {
  const step = <usize>padded << 2;
  const scoreStep = <usize>tiles << 5;
  let at = coarseAt;
  for (let tile = 0; tile < tiles; tile++) {
    let a0 = v128.load(at), a1 = v128.load(at, 16), b0 = a0, b1 = a1, c0 = a0, c1 = a1, d0 = a0, d1 = a1;
    at += 32;
    let x = from;
    for (let d = 0; d < dim; d++, at += 32, x += 4) {
      const u0 = v128.load(at);
      const u1 = v128.load(at, 16);
      let v = v128.load32_splat(x);
      a0 = multiplyAdd(v, u0, a0);
      a1 = multiplyAdd(v, u1, a1);
      v = v128.load32_splat(x + step);
      b0 = multiplyAdd(v, u0, b0);
      b1 = multiplyAdd(v, u1, b1);
      v = v128.load32_splat(x + 2 * step);
      c0 = multiplyAdd(v, u0, c0);
      c1 = multiplyAdd(v, u1, c1);
      v = v128.load32_splat(x + 3 * step);
      d0 = multiplyAdd(v, u0, d0);
      d1 = multiplyAdd(v, u1, d1);
    }
    const out = scoresAt + (<usize>tile << 5);
    v128.store(out, a0);
    v128.store(out, a1, 16);
    v128.store(out + scoreStep, b0);
    v128.store(out + scoreStep, b1, 16);
    v128.store(out + 2 * scoreStep, c0);
    v128.store(out + 2 * scoreStep, c1, 16);
    v128.store(out + 3 * scoreStep, d0);
    v128.store(out + 3 * scoreStep, d1, 16);
  }
}

function nearestCoarse(at: usize, nlist: i32, tiles: i32, largestNorm: f32): i32 {
  let squares: f32 = 0;
  for (let d = 0; d < dim; d++) {
    const x = load<f32>(vectorAt + (<usize>d << 2));
    squares += x * x;
  }
  const reach = sqrt<f32>(squares) * <f32>1.001 + largestNorm;
  if (!(reach * reach < LARGE)) return exactNearest(nlist);
  let low = v128.load(at);
  for (let i = 16; i < tiles << 5; i += 16) low = f32x4.pmin(low, v128.load(at + i));
  // Each score is a sum of dim + 1 terms, Σ |term| ≤ (‖x‖ + ‖u‖)²: it is off by (dim + 3) · 2⁻²⁴ of
  // that at most, two by twice that.
  const slack = reach * reach * <f32>(dim + 8) * <f32>1.1920929e-7 + <f32>1e-30;
  return nearestBelow(at, tiles >> 1, lowest(low) + slack);
}

// Nearest of the tiles·16 centroids of one sub-quantizer, as tiles (tile, subDim, 16).
function nearestSub(centroidsAt: usize, tiles: i32): i32 {
  let at = centroidsAt;
  let scores = scoresAt;
  let low = f32x4.splat(Infinity);
  for (let tile = 0; tile < tiles; tile++, scores += 64) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    for (let d = 0; d < rowSize; d++, at += 64) {
      const x = v128.load32_splat(vectorAt + (<usize>d << 2));
      let t = f32x4.sub(v128.load(at), x);
      s0 = multiplyAdd(t, t, s0);
      t = f32x4.sub(v128.load(at, 16), x);
      s1 = multiplyAdd(t, t, s1);
      t = f32x4.sub(v128.load(at, 32), x);
      s2 = multiplyAdd(t, t, s2);
      t = f32x4.sub(v128.load(at, 48), x);
      s3 = multiplyAdd(t, t, s3);
    }
    v128.store(scores, s0);
    v128.store(scores, s1, 16);
    v128.store(scores, s2, 32);
    v128.store(scores, s3, 48);
    low = f32x4.pmin(low, f32x4.pmin(f32x4.pmin(s0, s1), f32x4.pmin(s2, s3)));
  }
  // A sum of squares of differences is off by (subDim + 3) · 2⁻²⁴ of itself at most, two by twice that.
  const most = lowest(low) * (1 + <f32>(rowSize + 8) * <f32>2.3841858e-7) + <f32>1e-37;
  return nearestBelow(scoresAt, tiles, most);
}

// Encodes n vectors and, up to a multiple of 4, what lies behind them. dim8: dim rounded up to 8, the row length of
// the rotation. Addresses: vectors (n, dim) f32; cells (n) u32; codes (n, M) u8; rotation (dim, dim8) f32 or 0;
// coarse tiles (tiles, 1 + dim, 8) f32, an even number, and the same centroids (nlist, dim) f32; sub tiles (M, ksub /
// 16, subDim, 16) f32 and the same (M, ksub, subDim); moments (count, dim, dim8) f32 or 0, and which of them is a
// cell's (max(nlist, 1)) u32; scratch for 7 rows of dim8 and scores of 4 · 8 · coarse tiles or ksub f32.
export function encode(n: i32, size: i32, dim8: i32, nlist: i32, coarseTiles: i32, byResidual: i32, m: i32,
  subTiles: i32, vectorsAt: usize, cellsAt: usize, codesAt: usize, rotationAt: usize, coarseAt: usize,
  coarseRowsAt: usize, subAt: usize, subRowsAt: usize, momentsAt: usize, momentOfAt: usize, scratch: usize,
  largestNorm: f32): void {
  dim = size;
  padded = dim8;
  scoresAt = scratch + (<usize>(VECTORS * dim8) << 2);
  const subDim = size / m;
  const subBytes = <usize>(subTiles * subDim) << 6;
  for (let i = 0; i < n; i += VECTORS) {
    const from = vectorsAt + (<usize>(i * size) << 2);
    if (rotationAt) rotate(from, rotationAt, scratch);
    else for (let v = 0; v < VECTORS; v++)
      memory.copy(scratch + (<usize>(v * dim8) << 2), from + (<usize>(v * size) << 2), <usize>size << 2);
    rowSize = size;
    rowsAt = coarseRowsAt;
    if (coarseTiles > 0) scoreCoarse(scratch, coarseAt, coarseTiles);
    for (let v = 0; v < VECTORS; v++) {
      vectorAt = scratch + (<usize>(v * dim8) << 2);
      const cell = coarseTiles > 0
        ? nearestCoarse(scoresAt + <usize>v * (<usize>coarseTiles << 5), nlist, coarseTiles, largestNorm) : 0;
      store<u32>(cellsAt + (<usize>(i + v) << 2), cell);
      if (!byResidual) continue;
      const centroid = coarseRowsAt + (<usize>(cell * size) << 2);
      for (let d = 0; d < size; d++) {
        const at = <usize>d << 2;
        store<f32>(vectorAt + at, load<f32>(vectorAt + at) - load<f32>(centroid + at));
      }
    }
    rowSize = subDim;
    for (let v = 0; v < VECTORS; v++) {
      vectorAt = scratch + (<usize>(v * dim8) << 2);
      rowsAt = subRowsAt;
      const codes = codesAt + <usize>((i + v) * m);
      for (let j = 0; j < m; j++) {
        store<u8>(codes + <usize>j, <u8>nearestSub(subAt + <usize>j * subBytes, subTiles));
        vectorAt += <usize>subDim << 2;
        rowsAt += <usize>(subTiles * subDim) << 6;
      }
      if (momentsAt == 0) continue;
      const moment = load<u32>(momentOfAt + (<usize>load<u32>(cellsAt + (<usize>(i + v) << 2)) << 2));
      improve(size, dim8, m, subTiles, scratch + (<usize>(v * dim8) << 2), codes, subAt,
        momentsAt + ((<usize>moment * <usize>size * <usize>dim8) << 2), scratch + (<usize>(VECTORS * dim8) << 2));
    }
  }
}
