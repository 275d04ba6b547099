import { blockBytes, centroidTiles, numSubQuantizers, TABLE, termMode, termsOffset } from "./shape.as";
import { offer } from "./heap.as";

/** First block in memory. */
export let blocksAt: usize = 0;
/** Which items of the running scan may be offered: all of `first` … `last` but for the lanes outside, and the filter. */
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

// The definition of a score: one look-up a sub-quantizer, sub-quantizer 0 first, the bias last.
export function exact(block: usize, lane: u32, bias: f32): f32 {
  let sum: f32 = 0;
  let row = TABLE;
  if (centroidTiles == 1) {
    const shift = (lane >> 4) << 2;
    let at = block + (lane & 15);
    for (let m = numSubQuantizers; m > 0; m--) {
      sum += load<f32>(row + (<usize>((<u32>load<u8>(at) >> shift) & 15) << 2));
      at += 16;
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
  for (let i = 0; i < count; i++) {
    const position = load<u32>(positions);
    store<f32>(out, exact(blocksAt_ + <usize>(position >> 5) * blockBytes, position & 31, load<f32>(biases)));
    positions += 4;
    biases += 4;
    out += 4;
  }
}
