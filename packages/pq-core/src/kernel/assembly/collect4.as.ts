// The first blocks of a search are collected before anything is scored: their u8 sums are kept, the k-th smallest is
// found by counting, and the items up to it are scored first. That gives a theta close to the final one at once, where
// scoring in the order of arrival would let many items in that are pushed out again.
import { addHigh, addLow } from "./add4.as";
import { offer } from "./heap.as";
import { blocksAt, exact, last, maskOf, withTerm } from "./scan.as";
import { apart, blockBytes, bytesAt, collectAt, numSubQuantizers, rowStep, termMode } from "./shape.as";
import { tableAt } from "./tables.as";
import { holdLimit, limit, maxBias, scale } from "./steps4.as";

/** Blocks collected at most: 16,384 items in 24 kB. */
const CAPACITY: i32 = 512;
/** A block as it is kept: 32 sums, then where it is, its first ordinal, its bias, and which items may be offered. */
const RECORD: usize = 48;
/**
 * Four sums per block, before the records: the smallest of each eight items. The k-th smallest of these is close to,
 * and not below, that of all.
 */
const MINIMA_BYTES: usize = 512 * 4 + 16;
/** True until the room is full. */
export let collecting: bool = false;
let collected: i32 = 0;
let k: i32 = 0;

/**
 * Items about to be scored, record and lane: those in the low and in the high halves of their bytes. Below the table,
 * where nothing else lies.
 */
const LOW: usize = 1024;
const HIGH: usize = 2560;
const LISTED: i32 = 128;
let lows: i32 = 0;
let highs: i32 = 0;

export function beginCollect(k_: i32): void {
  k = k_;
  collected = 0;
  // Cosine's sums hold theta, so they could not be compared with a later one.
  collecting = termMode != 2;
}

/** Collects from block b on; returns the first block that is left to scan. */
export function collect(b: i32, ordinal: u32, bias: f32): i32 {
  if (limit < 0) return last + 1;
  // Sums of all lists are kept relative to the best possible score of all.
  const offset = i8x16.splat(<i8>min<f64>(255, Math.max(0, (maxBias - <f64>bias) * scale)));
  const rows = numSubQuantizers + i32(termMode != 0);
  // Pairs of rows that are left after the first half.
  const half = rows >> 2;
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
    for (let pairs = rows >> 1; pairs > 0; at += apart) {
      for (const left = pairs > half ? half : 0; pairs > left; pairs--) {
        const t0 = v128.load(table, 0), c0 = v128.load(at, 0);
        lowA = addLow(lowA, t0, c0);
        highA = addHigh(highA, t0, c0);
        const t1 = v128.load(table, 16), c1 = v128.load(at, 16);
        lowB = addLow(lowB, t1, c1);
        highB = addHigh(highB, t1, c1);
        table += 32;
        at += 32;
      }
    }
    if (rows & 1) {
      const t = v128.load(table), c = v128.load(at);
      lowA = addLow(lowA, t, c);
      highA = addHigh(highA, t, c);
    }
    const record = collectAt + MINIMA_BYTES + <usize>collected * RECORD;
    let low = i8x16.add_sat_u(i8x16.avgr_u(lowA, lowB), offset),
      high = i8x16.add_sat_u(i8x16.avgr_u(highA, highB), offset);
    if (mask != 0xffffffff) {
      // Lanes that may not be offered must not be counted: 255 where the mask has no bit.
      const bits = i32x4.splat(mask), zero = i8x16.splat(0);
      const bit = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
      low = v128.or(low,
        i8x16.eq(v128.and(i8x16.swizzle(bits, i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)), bit), zero));
      high = v128.or(high,
        i8x16.eq(v128.and(i8x16.swizzle(bits, i8x16(2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3)), bit), zero));
    }
    // The smallest sum of each eight items.
    let least = i8x16.min_u(low, high);
    least = i8x16.min_u(least, i8x16.shuffle(least, least, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    least = i8x16.min_u(least, i8x16.shuffle(least, least, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    v128.store_lane<u32>(collectAt + (<usize>collected << 2), least, 0);
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

// Minima up to t, counted 16 at a time; those behind the last are 255.
function countUpTo(t: i32): i32 {
  const limits = i8x16.splat(<i8>t);
  let total = i32x4.splat(0);
  for (let at = collectAt, end = collectAt + (<usize>collected << 2); at < end; at += 16) {
    total = i32x4.add(total,
      i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(i8x16.le_u(v128.load(at), limits))));
  }
  return -(i32x4.extract_lane(total, 0) + i32x4.extract_lane(total, 1) + i32x4.extract_lane(total, 2) +
    i32x4.extract_lane(total, 3));
}

/** Scores what is collected; afterwards blocks are scored as they come. */
export function flush(): void {
  collecting = false;
  if (collected == 0) return;
  v128.store(collectAt + (<usize>collected << 2), i8x16.splat(-1));
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
  lows = 0; highs = 0;
  for (let i = 0, record = collectAt + MINIMA_BYTES; i < collected; i++, record += RECORD) {
    const low = v128.load(record, 0), high = v128.load(record, 16);
    const isLow = i8x16.le_u(low, limits), isHigh = i8x16.le_u(high, limits);
    if (!v128.any_true(v128.or(isLow, isHigh))) continue;
    let bits = <u32>i8x16.bitmask(isLow) | (<u32>i8x16.bitmask(isHigh) << 16);
    if (from >= 0)
      bits &= ~(<u32>i8x16.bitmask(i8x16.le_u(low, done)) | (<u32>i8x16.bitmask(i8x16.le_u(high, done)) << 16));
    bits &= load<u32>(record, 44);
    for (let low = bits & 0xffff; low != 0; low &= low - 1) lows = list(LOW, lows, record, ctz(low));
    for (let high = bits & 0xffff0000; high != 0; high &= high - 1) highs = list(HIGH, highs, record, ctz(high));
    if (lows > LISTED - 16) lows = offerLows();
    if (highs > LISTED - 16) highs = offerHighs();
  }
  offerLows();
  offerHighs();
}

// Once each in the kernel: they are long.
function offerLows(): i32 {
  return offerListed(LOW, lows, false);
}

function offerHighs(): i32 {
  return offerListed(HIGH, highs, true);
}

// @ts-ignore: decorator
@inline
function list(at: usize, listed: i32, record: usize, lane: u32): i32 {
  store<u32>(at + (<usize>listed << 3), <u32>record, 0);
  store<u32>(at + (<usize>listed << 3), lane, 4);
  return listed + 1;
}

// Four items side by side: the additions of one wait for each other, those of four do not. Returns 0, what is listed
// then.
// @ts-ignore: decorator
@inline
function offerListed(list: usize, listed: i32, isHigh: bool): i32 {
  let i = 0;
  for (; i + 4 <= listed; i += 4) {
    const item = list + (<usize>i << 3);
    const r0 = load<u32>(item, 0), r1 = load<u32>(item, 8), r2 = load<u32>(item, 16), r3 = load<u32>(item, 24);
    const l0 = load<u32>(item, 4), l1 = load<u32>(item, 12), l2 = load<u32>(item, 20), l3 = load<u32>(item, 28);
    const b0 = load<u32>(r0, 32), b1 = load<u32>(r1, 32), b2 = load<u32>(r2, 32), b3 = load<u32>(r3, 32);
    let a0 = b0 + (l0 & 15), a1 = b1 + (l1 & 15), a2 = b2 + (l2 & 15), a3 = b3 + (l3 & 15);
    let s0: f32 = 0, s1: f32 = 0, s2: f32 = 0, s3: f32 = 0;
    let row = tableAt;
    for (let m = numSubQuantizers; m > 0; m--) {
      s0 += entry(row, a0, isHigh);
      s1 += entry(row, a1, isHigh);
      s2 += entry(row, a2, isHigh);
      s3 += entry(row, a3, isHigh);
      const step = <u32>rowStep(m);
      a0 += step; a1 += step; a2 += step; a3 += step;
      row += 64;
    }
    offer(withTerm(s0 + load<f32>(r0, 40), b0, l0), load<u32>(r0, 36) + l0);
    offer(withTerm(s1 + load<f32>(r1, 40), b1, l1), load<u32>(r1, 36) + l1);
    offer(withTerm(s2 + load<f32>(r2, 40), b2, l2), load<u32>(r2, 36) + l2);
    offer(withTerm(s3 + load<f32>(r3, 40), b3, l3), load<u32>(r3, 36) + l3);
  }
  for (; i < listed; i++) {
    const record = load<u32>(list + (<usize>i << 3), 0), lane = load<u32>(list + (<usize>i << 3), 4);
    offer(exact(load<u32>(record, 32), lane, load<f32>(record, 40)), load<u32>(record, 36) + lane);
  }
  return 0;
}

// Table entry of the code in the low or high half of the byte at `at`; a row's entries are four bytes apart.
// @ts-ignore: decorator
@inline
function entry(row: usize, at: usize, isHigh: bool): f32 {
  const byte = <u32>load<u8>(at);
  return load<f32>(row + <usize>((isHigh ? byte >> 2 : byte << 2) & 60));
}
