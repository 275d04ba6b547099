// 4 bits: exact scores of items by each of the queries that are prepared, four queries side by side.
import { withTerm4 } from "./scan.as";
import { blockBytes, byResidual, numSubQuantizers, rowStep } from "./shape.as";

/** Bytes of a row of the tables of four queries: 16 entries of four lanes. */
const ROW: usize = 256;

/**
 * @param queries tables and products of each, as `prepare` keeps them, `step` bytes from one to the next
 * @param positions (count) block positions
 * @param cells (count) those of the items
 * @param room for the tables of four queries and a byte a code
 * @param out (numQueries, count)
 */
export function scoresByEach(numQueries: i32, queries: usize, step: usize, count: i32, positions: usize, cells: usize,
  room: usize, out: usize, blocksAt: usize): void {
  const rows = <usize>numSubQuantizers;
  const codesAt = room + rows * ROW;
  const size = <usize>count << 2;
  for (let i: usize = 0; i < size; i += 4) unpack(blocksAt, load<u32>(positions + i), codesAt + (i >> 2) * rows);
  for (let left = numQueries; left > 0; left -= 4, queries += step << 2, out += size << 2) {
    // Instead of one that is missing, the first of the four once more: its scores are not kept.
    const q1 = left > 1 ? step : 0, q2 = left > 2 ? step << 1 : 0, q3 = left > 3 ? step * 3 : 0;
    interleave(queries, q1, q2, q3, room);
    const products = queries + ((rows + 1) << 6);
    let code = codesAt;
    for (let i: usize = 0; i < size; i += 4) {
      let sum = f32x4.splat(0);
      let row = room;
      for (const end = code + rows; code < end; code++, row += ROW)
        sum = f32x4.add(sum, v128.load(row + <usize>load<u8>(code)));
      const bias = products + (<usize>load<u32>(cells + i) << 2);
      sum = f32x4.add(sum, byResidual
        ? f32x4(load<f32>(bias), load<f32>(bias + q1), load<f32>(bias + q2), load<f32>(bias + q3)) : f32x4.splat(0));
      const position = load<u32>(positions + i);
      sum = withTerm4(sum, blocksAt + <usize>(position >> 5) * blockBytes, position & 31);
      store<f32>(out + i, f32x4.extract_lane(sum, 0));
      if (q1 != 0) store<f32>(out + size + i, f32x4.extract_lane(sum, 1));
      if (q2 != 0) store<f32>(out + (size << 1) + i, f32x4.extract_lane(sum, 2));
      if (q3 != 0) store<f32>(out + size * 3 + i, f32x4.extract_lane(sum, 3));
    }
  }
}

// Codes of an item, each times the 16 bytes of an entry.
function unpack(blocksAt: usize, position: u32, to: usize): void {
  let at = blocksAt + <usize>(position >> 5) * blockBytes + (position & 15);
  const isHigh = (position & 16) != 0;
  for (let m = numSubQuantizers; m > 0; m--, to++) {
    const byte = <u32>load<u8>(at);
    store<u8>(to, isHigh ? byte & 240 : byte << 4);
    at += rowStep(m);
  }
}

// Tables of four queries, one lane each.
function interleave(table: usize, q1: usize, q2: usize, q3: usize, to: usize): void {
  for (const end = table + (<usize>numSubQuantizers << 6); table < end; table += 16, to += 64) {
    const a = v128.load(table), b = v128.load(table + q1), c = v128.load(table + q2), d = v128.load(table + q3);
    const ab = i32x4.shuffle(a, b, 0, 4, 1, 5), cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
    v128.store(to, i64x2.shuffle(ab, cd, 0, 2), 0);
    v128.store(to, i64x2.shuffle(ab, cd, 1, 3), 16);
    const ef = i32x4.shuffle(a, b, 2, 6, 3, 7), gh = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(to, i64x2.shuffle(ef, gh, 0, 2), 32);
    v128.store(to, i64x2.shuffle(ef, gh, 1, 3), 48);
  }
}
