// 4 bits: a first pass over u8 tables (steps4), then exact scores of what it lets through.
import { addHigh, addLow } from "./add4.as";
import { collect, collecting, flush } from "./collect4.as";
import { theta } from "./heap.as";
import { blocksAt, first, hasMask, last, maskOf, offerBits } from "./scan.as";
import { apart, blockBytes, bytesAt, numSubQuantizers, termMode } from "./shape.as";
import { early, limit, setLimit } from "./steps4.as";

export function scan4(ordinal: u32, bias: f32): void {
  let b = first;
  if (collecting) {
    setLimit(<f64>bias);
    // Where next to nothing reaches a floor, no better theta is needed.
    if (early > 0) flush();
    else b = collect(b, ordinal, bias);
  }
  // Without a threshold every item must be scored.
  for (; b <= last && theta == -Infinity; b++)
    offerBits(maskOf(b), blocksAt + <usize>b * blockBytes, ordinal + (<u32>b << 5), bias);
  if (b > last) return;
  setLimit(<f64>bias);
  // What does not change in the loop is kept beside it, and so is what only `setLimit` changes.
  let limits = i8x16.splat(<i8>limit), quadsEarly = early;
  const isMasked = hasMask(), size = blockBytes, end = last;
  const rows = numSubQuantizers + i32(termMode != 0);
  // Quads that are left after the first half of the rows.
  const half = rows >> 3;
  if (limit < 0) return; // the best possible score of this list is below theta
  for (let block = blocksAt + <usize>b * size; b <= end; b++, block += size) {
    if (isMasked && maskOf(b) == 0) continue;
    let lowA = i8x16.splat(0), lowB = lowA, highA = lowA, highB = lowA;
    let at = block, table = bytesAt;
    let quads = (rows >> 2) - 1;
    if (quadsEarly > 0) {
      for (const left = quads - quadsEarly; quads > left; quads--) {
        const t0 = v128.load(table, 0), c0 = v128.load(at, 0);
        lowA = addLow(lowA, t0, c0);
        highA = addHigh(highA, t0, c0);
        const t1 = v128.load(table, 16), c1 = v128.load(at, 16);
        lowB = addLow(lowB, t1, c1);
        highB = addHigh(highB, t1, c1);
        const t2 = v128.load(table, 32), c2 = v128.load(at, 32);
        lowA = addLow(lowA, t2, c2);
        highA = addHigh(highA, t2, c2);
        const t3 = v128.load(table, 48), c3 = v128.load(at, 48);
        lowB = addLow(lowB, t3, c3);
        highB = addHigh(highB, t3, c3);
        table += 64;
        at += quads == half ? apart + 64 : 64;
      }
      // What is summed by now can only grow.
      if (!v128.any_true(i8x16.le_u(i8x16.min_u(i8x16.avgr_u(lowA, lowB), i8x16.avgr_u(highA, highB)), limits)))
        continue;
    }
    for (; quads > 0; quads--) {
      const t0 = v128.load(table, 0), c0 = v128.load(at, 0);
      lowA = addLow(lowA, t0, c0);
      highA = addHigh(highA, t0, c0);
      const t1 = v128.load(table, 16), c1 = v128.load(at, 16);
      lowB = addLow(lowB, t1, c1);
      highB = addHigh(highB, t1, c1);
      const t2 = v128.load(table, 32), c2 = v128.load(at, 32);
      lowA = addLow(lowA, t2, c2);
      highA = addHigh(highA, t2, c2);
      const t3 = v128.load(table, 48), c3 = v128.load(at, 48);
      lowB = addLow(lowB, t3, c3);
      highB = addHigh(highB, t3, c3);
      table += 64;
      at += quads == half ? apart + 64 : 64;
    }
    // The last four rows of the loop by themselves: 5 % faster than one round more of it.
    if (rows >= 4) {
      const t0 = v128.load(table, 0), c0 = v128.load(at, 0);
      lowA = addLow(lowA, t0, c0);
      highA = addHigh(highA, t0, c0);
      const t1 = v128.load(table, 16), c1 = v128.load(at, 16);
      lowB = addLow(lowB, t1, c1);
      highB = addHigh(highB, t1, c1);
      const t2 = v128.load(table, 32), c2 = v128.load(at, 32);
      lowA = addLow(lowA, t2, c2);
      highA = addHigh(highA, t2, c2);
      const t3 = v128.load(table, 48), c3 = v128.load(at, 48);
      lowB = addLow(lowB, t3, c3);
      highB = addHigh(highB, t3, c3);
      table += 64;
      at += 64;
    }
    for (let m = rows & 3; m > 0; m--) {
      const t = v128.load(table), c = v128.load(at);
      const low = addLow(lowA, t, c), high = addHigh(highA, t, c);
      lowA = lowB; lowB = low;
      highA = highB; highB = high;
      table += 16;
      at += 16;
    }
    const low = i8x16.avgr_u(lowA, lowB), high = i8x16.avgr_u(highA, highB);
    if (!v128.any_true(i8x16.le_u(i8x16.min_u(low, high), limits))) continue;
    const bits = <u32>i8x16.bitmask(i8x16.le_u(low, limits)) | (<u32>i8x16.bitmask(i8x16.le_u(high, limits)) << 16);
    if (!offerBits(bits & maskOf(b), block, ordinal + (<u32>b << 5), bias)) continue;
    setLimit(<f64>bias);
    if (limit < 0) return;
    limits = i8x16.splat(<i8>limit);
    quadsEarly = early;
  }
}
