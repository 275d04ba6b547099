// The first blocks of a search are collected before anything is scored: their u8 sums are kept, the k-th smallest is
// found by counting, and the items up to it are scored first. That gives a theta close to the final one at once, where
// scoring in the order of arrival would let many items in that are pushed out again.
import { addHigh, addLow } from "./add4.as";
import { offer } from "./heap.as";
import { blocksAt, exact, last, maskOf, withTerm } from "./scan.as";
import { blockBytes, bytesAt, collectAt, numSubQuantizers, TABLE, termMode } from "./shape.as";
import { holdLimit, limit, maxBias, scale } from "./steps4.as";

/** Blocks collected at most: 16,384 items in 24 kB. */
const CAPACITY: i32 = 512;
/** A block as it is kept: 32 sums, then where it is, its first ordinal, its bias, and which items may be offered. */
const RECORD: usize = 48;
/** Look-ups that scoring k items takes, below which the blocks are scored as they come: collecting would cost more. */
const LEAST_LOOKUPS: i32 = 256;

/** True until the room is full. */
export let collecting: bool = false;
let collected: i32 = 0;
let k: i32 = 0;

/** Items about to be scored: record and lane. Below the table, where nothing else lies. */
const LIST: usize = 1024;
const LISTED: i32 = 256;
let listed: i32 = 0;

export function beginCollect(k_: i32): void {
  k = k_;
  collected = 0;
  // Cosine's sums hold theta, so they could not be compared with a later one.
  collecting = k * numSubQuantizers >= LEAST_LOOKUPS && termMode != 2;
}

/** Collects from block b on; returns the first block that is left to scan. */
export function collect(b: i32, ordinal: u32, bias: f32): i32 {
  if (limit < 0) return last + 1;
  // Sums of all lists are kept relative to the best possible score of all.
  const offset = i8x16.splat(<i8>min<f64>(255, Math.max(0, (maxBias - <f64>bias) * scale)));
  const rows = numSubQuantizers + i32(termMode != 0);
  for (; b <= last; b++) {
    const mask = maskOf(b);
    if (mask == 0) continue;
    if (collected == CAPACITY) {
      flush();
      return b;
    }
    const block = blocksAt + <usize>b * blockBytes;
    let lowA = i8x16.splat(0), lowB = lowA, highA = lowA, highB = lowA;
    let at = block, table = bytesAt;
    for (let pairs = rows >> 1; pairs > 0; pairs--) {
      const t0 = v128.load(table, 0), c0 = v128.load(at, 0);
      lowA = addLow(lowA, t0, c0);
      highA = addHigh(highA, t0, c0);
      const t1 = v128.load(table, 16), c1 = v128.load(at, 16);
      lowB = addLow(lowB, t1, c1);
      highB = addHigh(highB, t1, c1);
      table += 32;
      at += 32;
    }
    if (rows & 1) {
      const t = v128.load(table), c = v128.load(at);
      lowA = addLow(lowA, t, c);
      highA = addHigh(highA, t, c);
    }
    const record = collectAt + <usize>collected * RECORD;
    let low = i8x16.add_sat_u(i8x16.avgr_u(lowA, lowB), offset), high = i8x16.add_sat_u(i8x16.avgr_u(highA, highB), offset);
    if (mask != 0xffffffff) {
      // Lanes that may not be offered must not be counted: 255 where the mask has no bit.
      const bits = i32x4.splat(mask), zero = i8x16.splat(0);
      const bit = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
      low = v128.or(low, i8x16.eq(v128.and(i8x16.swizzle(bits, i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)), bit), zero));
      high = v128.or(high, i8x16.eq(v128.and(i8x16.swizzle(bits, i8x16(2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3)), bit), zero));
    }
    v128.store(record, low, 0);
    v128.store(record, high, 16);
    store<u32>(record, <u32>block, 32);
    store<u32>(record, ordinal + (<u32>b << 5), 36);
    store<f32>(record, bias, 40);
    store<u32>(record, mask, 44);
    collected++;
  }
  return b;
}

// Sums up to t, counted 16 at a time.
function countUpTo(t: i32): i32 {
  const limits = i8x16.splat(<i8>t);
  let total = i32x4.splat(0);
  for (let i = 0, record = collectAt; i < collected; i++, record += RECORD) {
    const low = i8x16.le_u(v128.load(record, 0), limits), high = i8x16.le_u(v128.load(record, 16), limits);
    total = i32x4.add(total, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(i8x16.add(low, high))));
  }
  return -(i32x4.extract_lane(total, 0) + i32x4.extract_lane(total, 1) + i32x4.extract_lane(total, 2) + i32x4.extract_lane(total, 3));
}

/** Scores what is collected; afterwards blocks are scored as they come. */
export function flush(): void {
  collecting = false;
  if (collected == 0) return;
  let low = 0, high = 254;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (countUpTo(middle) >= k) high = middle;
    else low = middle + 1;
  }
  // The limit is still that of the last list; the sums are relative to the best one. Without this, a floor loses items.
  holdLimit(maxBias);
  offerUpTo(low, -1);
  holdLimit(maxBias);
  offerUpTo(limit, low);
  collected = 0;
}

// Offers the items whose sums are at most `t`, and above `from`, which are done.
function offerUpTo(t: i32, from: i32): void {
  if (t <= from) return;
  const limits = i8x16.splat(<i8>min<i32>(t, limit));
  const done = i8x16.splat(<i8>max<i32>(0, from));
  listed = 0;
  for (let i = 0, record = collectAt; i < collected; i++, record += RECORD) {
    const low = v128.load(record, 0), high = v128.load(record, 16);
    let bits = <u32>i8x16.bitmask(i8x16.le_u(low, limits)) | (<u32>i8x16.bitmask(i8x16.le_u(high, limits)) << 16);
    if (bits == 0) continue;
    if (from >= 0) bits &= ~(<u32>i8x16.bitmask(i8x16.le_u(low, done)) | (<u32>i8x16.bitmask(i8x16.le_u(high, done)) << 16));
    bits &= load<u32>(record, 44);
    while (bits != 0) {
      store<u32>(LIST + (<usize>listed << 3), <u32>record, 0);
      store<u32>(LIST + (<usize>listed << 3), ctz(bits), 4);
      bits &= bits - 1;
      if (++listed == LISTED) offerListed();
    }
  }
  offerListed();
}

// Four items side by side: the additions of one wait for each other, those of four do not.
function offerListed(): void {
  let i = 0;
  for (; i + 4 <= listed; i += 4) {
    const item = LIST + (<usize>i << 3);
    const r0 = load<u32>(item, 0), r1 = load<u32>(item, 8), r2 = load<u32>(item, 16), r3 = load<u32>(item, 24);
    const l0 = load<u32>(item, 4), l1 = load<u32>(item, 12), l2 = load<u32>(item, 20), l3 = load<u32>(item, 28);
    const b0 = load<u32>(r0, 32), b1 = load<u32>(r1, 32), b2 = load<u32>(r2, 32), b3 = load<u32>(r3, 32);
    const h0 = (l0 >> 4) << 2, h1 = (l1 >> 4) << 2, h2 = (l2 >> 4) << 2, h3 = (l3 >> 4) << 2;
    let a0 = b0 + (l0 & 15), a1 = b1 + (l1 & 15), a2 = b2 + (l2 & 15), a3 = b3 + (l3 & 15);
    let s0: f32 = 0, s1: f32 = 0, s2: f32 = 0, s3: f32 = 0;
    let row = TABLE;
    for (let m = numSubQuantizers; m > 0; m--) {
      s0 += load<f32>(row + (<usize>((<u32>load<u8>(a0) >> h0) & 15) << 2));
      s1 += load<f32>(row + (<usize>((<u32>load<u8>(a1) >> h1) & 15) << 2));
      s2 += load<f32>(row + (<usize>((<u32>load<u8>(a2) >> h2) & 15) << 2));
      s3 += load<f32>(row + (<usize>((<u32>load<u8>(a3) >> h3) & 15) << 2));
      a0 += 16; a1 += 16; a2 += 16; a3 += 16;
      row += 64;
    }
    offer(withTerm(s0 + load<f32>(r0, 40), b0, l0), load<u32>(r0, 36) + l0);
    offer(withTerm(s1 + load<f32>(r1, 40), b1, l1), load<u32>(r1, 36) + l1);
    offer(withTerm(s2 + load<f32>(r2, 40), b2, l2), load<u32>(r2, 36) + l2);
    offer(withTerm(s3 + load<f32>(r3, 40), b3, l3), load<u32>(r3, 36) + l3);
  }
  for (; i < listed; i++) {
    const record = load<u32>(LIST + (<usize>i << 3), 0), lane = load<u32>(LIST + (<usize>i << 3), 4);
    offer(exact(load<u32>(record, 32), lane, load<f32>(record, 40)), load<u32>(record, 36) + lane);
  }
  listed = 0;
}
