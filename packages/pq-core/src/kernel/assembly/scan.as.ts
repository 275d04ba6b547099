import { blockBytes, centroidTiles, numSubQuantizers, rowStep, termMode, termsOffset } from "./shape.as";
import { offer } from "./heap.as";
import { tableAt } from "./tables.as";

/** First block in memory. */
export let blocksAt: usize = 0;
/**
 * Which items of the running scan may be offered: all of `first` … `last` but for the lanes outside, and the filter.
 */
export let first: i32 = 0;
export let last: i32 = 0;
let firstMask: u32 = 0;
let lastMask: u32 = 0;
let maskAt: usize = 0;

export function setRange(start: i32, end: i32, maskAt_: usize, blocksAt_: usize): void {
  blocksAt = blocksAt_;
  maskAt = maskAt_;
  first = start >> 5;
  last = (end - 1) >> 5;
  firstMask = 0xffffffff << (start & 31);
  lastMask = 0xffffffff >> (31 - ((end - 1) & 31));
}

// @ts-ignore: decorator
@inline
export function hasMask(): bool {
  return maskAt != 0;
}

// @ts-ignore: decorator
@inline
export function maskOf(b: i32): u32 {
  let mask: u32 = maskAt == 0 ? 0xffffffff : load<u32>(maskAt + (<usize>(b - first) << 2));
  if (b == first) mask &= firstMask;
  if (b == last) mask &= lastMask;
  return mask;
}

// @ts-ignore: decorator
@inline
export function withTerm(sum: f32, block: usize, lane: u32): f32 {
  if (termMode == 0) return sum;
  const term = load<f32>(block + termsOffset + (<usize>lane << 2));
  if (termMode == 1) return sum - term;
  return term > 0 ? sum / term : 0;
}

/** The same of four sums by different queries. */
// @ts-ignore: decorator
@inline
export function withTerm4(sums: v128, block: usize, lane: u32): v128 {
  if (termMode == 0) return sums;
  const term = load<f32>(block + termsOffset + (<usize>lane << 2));
  if (termMode == 1) return f32x4.sub(sums, f32x4.splat(term));
  return term > 0 ? f32x4.div(sums, f32x4.splat(term)) : f32x4.splat(0);
}

// The definition of a score: one look-up a sub-quantizer, sub-quantizer 0 first, the bias last.
export function exact(block: usize, lane: u32, bias: f32): f32 {
  let sum: f32 = 0;
  let row = tableAt;
  if (centroidTiles == 1) {
    const shift = (lane >> 4) << 2;
    let at = block + (lane & 15);
    for (let m = numSubQuantizers; m > 0; m--) {
      sum += load<f32>(row + (<usize>((<u32>load<u8>(at) >> shift) & 15) << 2));
      at += rowStep(m);
      row += 64;
    }
  } else {
    let at = block + lane;
    for (let m = numSubQuantizers; m > 0; m--) {
      sum += load<f32>(row + (<usize>load<u8>(at) << 2));
      at += 32;
      row += 1024;
    }
  }
  return withTerm(sum + bias, block, lane);
}

/** Scores the items of `bits` and offers them; true when theta rose. */
export function offerBits(bits: u32, block: usize, ordinal: u32, bias: f32): bool {
  let rose = false;
  while (bits != 0) {
    const lane = <u32>ctz(bits);
    bits &= bits - 1;
    if (offer(exact(block, lane, bias), ordinal + lane)) rose = true;
  }
  return rose;
}

/** Scores of the items at `positions` (count), with a bias each, in their order. */
export function scores(count: i32, positions: usize, biases: usize, out: usize, blocksAt_: usize): void {
  blocksAt = blocksAt_;
  let i = 0;
  if (centroidTiles == 1) for (; i + 4 <= count; i += 4)
    scoreFour(positions + (<usize>i << 2), biases + (<usize>i << 2), out + (<usize>i << 2));
  for (; i < count; i++) {
    const position = load<u32>(positions + (<usize>i << 2));
    store<f32>(out + (<usize>i << 2),
      exact(blocksAt + <usize>(position >> 5) * blockBytes, position & 31, load<f32>(biases + (<usize>i << 2))));
  }
}

// Four items of 4 bits side by side: the additions of one wait for each other, those of four do not.
function scoreFour(positions: usize, biases: usize, out: usize): void {
  const p0 = load<u32>(positions, 0), p1 = load<u32>(positions, 4), p2 = load<u32>(positions, 8),
    p3 = load<u32>(positions, 12);
  const b0 = blocksAt + <usize>(p0 >> 5) * blockBytes, b1 = blocksAt + <usize>(p1 >> 5) * blockBytes;
  const b2 = blocksAt + <usize>(p2 >> 5) * blockBytes, b3 = blocksAt + <usize>(p3 >> 5) * blockBytes;
  let a0 = b0 + (p0 & 15), a1 = b1 + (p1 & 15), a2 = b2 + (p2 & 15), a3 = b3 + (p3 & 15);
  const h0 = (p0 >> 4 & 1) << 2, h1 = (p1 >> 4 & 1) << 2, h2 = (p2 >> 4 & 1) << 2, h3 = (p3 >> 4 & 1) << 2;
  let s0: f32 = 0, s1: f32 = 0, s2: f32 = 0, s3: f32 = 0;
  let row = tableAt;
  for (let m = numSubQuantizers; m > 0; m--) {
    s0 += load<f32>(row + (<usize>((<u32>load<u8>(a0) >> h0) & 15) << 2));
    s1 += load<f32>(row + (<usize>((<u32>load<u8>(a1) >> h1) & 15) << 2));
    s2 += load<f32>(row + (<usize>((<u32>load<u8>(a2) >> h2) & 15) << 2));
    s3 += load<f32>(row + (<usize>((<u32>load<u8>(a3) >> h3) & 15) << 2));
    const step = rowStep(m);
    a0 += step; a1 += step; a2 += step; a3 += step;
    row += 64;
  }
  store<f32>(out, withTerm(s0 + load<f32>(biases, 0), b0, p0 & 31), 0);
  store<f32>(out, withTerm(s1 + load<f32>(biases, 4), b1, p1 & 31), 4);
  store<f32>(out, withTerm(s2 + load<f32>(biases, 8), b2, p2 & 31), 8);
  store<f32>(out, withTerm(s3 + load<f32>(biases, 12), b3, p3 & 31), 12);
}
