import { describe, LENGTH } from "./summary.as";
import { cellTiles, centroidTiles, coarseTiles, codebookTiles, dim, numSubQuantizers, ownProductsAt, queryAt, rotatedAt,
  rotationTiles, spreadAt, subDim, summaryAt, TABLE } from "./shape.as";

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

// The same of two vectors, `other` bytes further on: a row is read once for both. The same sums in the same order.
function productsOfTwo(tiles: usize, count: i32, size: i32, vector: usize, other: usize, out: usize, far: usize): void {
  for (let t = 0; t < count; t++) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, r0 = s0, r1 = s0, r2 = s0, r3 = s0;
    for (let at = vector, end = vector + (<usize>size << 2); at < end; at += 4) {
      const x = v128.load32_splat(at), y = v128.load32_splat(at + other);
      const c0 = v128.load(tiles, 0);
      s0 = f32x4.add(s0, f32x4.mul(x, c0));
      r0 = f32x4.add(r0, f32x4.mul(y, c0));
      const c1 = v128.load(tiles, 16);
      s1 = f32x4.add(s1, f32x4.mul(x, c1));
      r1 = f32x4.add(r1, f32x4.mul(y, c1));
      const c2 = v128.load(tiles, 32);
      s2 = f32x4.add(s2, f32x4.mul(x, c2));
      r2 = f32x4.add(r2, f32x4.mul(y, c2));
      const c3 = v128.load(tiles, 48);
      s3 = f32x4.add(s3, f32x4.mul(x, c3));
      r3 = f32x4.add(r3, f32x4.mul(y, c3));
      tiles += 64;
    }
    v128.store(out, s0, 0);
    v128.store(out, s1, 16);
    v128.store(out, s2, 32);
    v128.store(out, s3, 48);
    v128.store(out + far, r0, 0);
    v128.store(out + far, r1, 16);
    v128.store(out + far, r2, 32);
    v128.store(out + far, r3, 48);
    out += 64;
  }
}

// Products of one vector, or of two: `far` bytes lie between what is written of them, 0 = one.
// @ts-ignore: decorator
@inline
function multiply(tiles: usize, count: i32, size: i32, vector: usize, other: usize, out: usize, far: usize): void {
  if (far == 0) products(tiles, count, size, vector, out);
  else productsOfTwo(tiles, count, size, vector, other, out, far);
}

// Bytes of a query, padded to whole tiles.
// @ts-ignore: decorator
@inline
function queryBytes(): usize {
  return <usize>((dim + 15) >> 4) << 6;
}

// Rotates the query at `query` into `to`, or two of them, `far` as in `multiply`. Returns where it is then: without a
// rotation where it was.
function rotate(query: usize, to: usize, far: usize): usize {
  if (rotationTiles == 0) return query;
  const step = queryBytes();
  multiply(rotationTiles, (dim + 15) >> 4, dim, query, step, to, far == 0 ? 0 : step);
  return to;
}

// Distance table of the rotated query at `at`, or of two of them.
function fillTable(at: usize, table: usize, far: usize): void {
  const tileBytes = <usize>(subDim * centroidTiles) << 6;
  const rowBytes = <usize>centroidTiles << 6;
  for (let m = 0; m < numSubQuantizers; m++) {
    multiply(codebookTiles + <usize>m * tileBytes, centroidTiles, subDim, at + (<usize>(m * subDim) << 2), queryBytes(),
      table + <usize>m * rowBytes, far);
  }
}

// Keeps the length of the rotated query at `at` where the order of cells depends on it.
function keepLength(at: usize, summary: usize): void {
  if (spreadAt == 0) return;
  let square: f64 = 0;
  for (const end = at + (<usize>dim << 2); at < end; at += 4) {
    const value = <f64>load<f32>(at);
    square += value * value;
  }
  store<f32>(summary + LENGTH, <f32>sqrt<f64>(square));
}

/** q·u of every cell, of the query that is set. */
export let productsAt: usize = 0;
/** Of the query that is set, 4 bits: see summary.as. */
export let summary: usize = 0;
/** float32 (M + 1, ksub) of the query that is set: a row more than sub-quantizers, for the bounds of the term. */
export let tableAt: usize = TABLE;

export function setQuery(): void {
  tableAt = TABLE;
  productsAt = ownProductsAt;
  const at = rotate(queryAt, rotatedAt, 0);
  fillTable(at, TABLE, 0);
  multiply(coarseTiles, cellTiles, dim, at, 0, productsAt, 0);
  if (centroidTiles == 1) describe(TABLE, summaryAt);
  keepLength(at, summaryAt);
  summary = summaryAt;
}

// @ts-ignore: decorator
@inline
function tableBytes(): usize {
  return <usize>((numSubQuantizers + 1) * centroidTiles) << 6;
}

// @ts-ignore: decorator
@inline
function productBytes(): usize {
  return <usize>cellTiles << 6;
}

/**
 * Several queries, each padded to whole tiles: table, products and summary of each are kept at `room`, `kept` bytes
 * from one to the next, for `useQuery`.
 */
export function prepare(count: i32, queries: usize, room: usize, kept: usize): void {
  const step = queryBytes(), products = tableBytes(), summary = products + productBytes();
  for (let h = 0; h < count; h += 2) {
    const query = queries + <usize>h * step, at = room + <usize>h * kept, far = h + 1 < count ? kept : 0;
    const rotated = rotate(query, rotatedAt, far);
    if (rotated != query) memory.copy(query, rotated, far == 0 ? step : step << 1);
    fillTable(query, at, far);
    keepLength(query, at + summary);
    if (far != 0) keepLength(query + step, at + far + summary);
    if (centroidTiles != 1) continue;
    describe(at, at + summary);
    if (far != 0) describe(at + far, at + far + summary);
  }
  // A tile of cells for all queries before the next: it is read from near.
  const tile = <usize>dim << 6;
  for (let t = 0; t < cellTiles; t++) {
    for (let h = 0; h < count; h += 2)
      multiply(coarseTiles + <usize>t * tile, 1, dim, queries + <usize>h * step, step,
        room + <usize>h * kept + products + (<usize>t << 6), h + 1 < count ? kept : 0);
  }
}

/** Sets the query whose table, products and summary are kept at `at`. */
export function useQuery(at: usize): void {
  productsAt = at + tableBytes();
  summary = productsAt + productBytes();
  if (centroidTiles == 1) tableAt = at;
  // Eight bits want it where its rows are immediate offsets.
  else memory.copy(TABLE, at, tableBytes());
}
