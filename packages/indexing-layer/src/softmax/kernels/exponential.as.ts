// Maxima, exponentials and sums down the columns of a (count, ROWS) tile of logits, 16 rows at a time: a cache line
// wide.
import { madd, ROW_BYTES } from "./products.as";
import { CONSTANTS } from "./threads.as";

// Candidates whose terms are summed before they join the total, so that the rounding of a sum does not grow with count.
const STRETCH: i32 = 64;

// 2^n·p(r) with x = n·ln 2 + r, |r| <= ln 2 / 2, and p the polynomial of degree 5 through e^r at the Chebyshev nodes:
// relative error 2e-7. Constants lie in memory: as literals V8 makes them anew in each round of a loop.
const LOG2E: i32 = 0;
const MAGIC: i32 = 16;
const LN2_HIGH: i32 = 32;
const LN2_LOW: i32 = 48;
const P5: i32 = 64;
const P4: i32 = 80;
const P3: i32 = 96;
const P2: i32 = 112;
const P1: i32 = 128;
const P0: i32 = 144;
const FLOOR: i32 = 160;

function constant(at: i32, value: f32): void {
  v128.store(CONSTANTS + at, f32x4.splat(value));
}

// Places the constants; before anything else. Below `least`, −87 or more, an exponential is 0.
export function prepare(least: f32): void {
  constant(LOG2E, 1.4426950408889634);
  // adding 1.5·2^23 leaves the nearest integer in the low bits
  constant(MAGIC, 12582912.0);
  constant(LN2_HIGH, -0.693359375);
  constant(LN2_LOW, 2.12194440e-4);
  constant(P5, 0.00836915522813797);
  constant(P4, 0.04191755875945091);
  constant(P3, 0.16666504740715027);
  constant(P2, 0.4999886751174927);
  constant(P1, 1.0);
  constant(P0, 1.0000001192092896);
  constant(FLOOR, least);
}

@inline
function exp(x: v128): v128 {
  const magic = v128.load(CONSTANTS, MAGIC);
  const t = madd(x, v128.load(CONSTANTS, LOG2E), magic);
  const n = f32x4.sub(t, magic);
  const r = madd(n, v128.load(CONSTANTS, LN2_LOW), madd(n, v128.load(CONSTANTS, LN2_HIGH), x));
  let p = madd(v128.load(CONSTANTS, P5), r, v128.load(CONSTANTS, P4));
  p = madd(p, r, v128.load(CONSTANTS, P3));
  p = madd(p, r, v128.load(CONSTANTS, P2));
  p = madd(p, r, v128.load(CONSTANTS, P1));
  p = madd(p, r, v128.load(CONSTANTS, P0));
  const power = i32x4.add(p, i32x4.shl(t, 23));
  return v128.and(power, f32x4.gt(x, v128.load(CONSTANTS, FLOOR)));
}

// Largest logit of each of 16 rows.
export function maxima(count: i32, tile: usize, out: usize): void {
  let a = v128.load(tile), b = v128.load(tile, 16), c = v128.load(tile, 32), d = v128.load(tile, 48);
  for (let i = 1; i < count; i++) {
    tile += ROW_BYTES;
    a = f32x4.pmax(a, v128.load(tile));
    b = f32x4.pmax(b, v128.load(tile, 16));
    c = f32x4.pmax(c, v128.load(tile, 32));
    d = f32x4.pmax(d, v128.load(tile, 48));
  }
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
}

@inline
function addTo(at: usize, x: v128, offset: usize): void {
  v128.store(at + offset, f32x4.add(v128.load(at + offset), x));
}

// exp(logit − maximum) of 16 rows in place, and their sums.
export function exponentials(count: i32, tile: usize, maximaAt: usize, sums: usize): void {
  const m0 = v128.load(maximaAt), m1 = v128.load(maximaAt, 16);
  const m2 = v128.load(maximaAt, 32), m3 = v128.load(maximaAt, 48);
  memory.fill(sums, 0, 64);
  for (let start = 0; start < count; start += STRETCH) {
    const end = min(start + STRETCH, count);
    let a = f32x4.splat(0), b = a, c = a, d = a;
    for (let i = start; i < end; i++) {
      let e = exp(f32x4.sub(v128.load(tile), m0));
      v128.store(tile, e);
      a = f32x4.add(a, e);
      e = exp(f32x4.sub(v128.load(tile, 16), m1));
      v128.store(tile, e, 16);
      b = f32x4.add(b, e);
      e = exp(f32x4.sub(v128.load(tile, 32), m2));
      v128.store(tile, e, 32);
      c = f32x4.add(c, e);
      e = exp(f32x4.sub(v128.load(tile, 48), m3));
      v128.store(tile, e, 48);
      d = f32x4.add(d, e);
      tile += ROW_BYTES;
    }
    addTo(sums, a, 0);
    addTo(sums, b, 16);
    addTo(sums, c, 32);
    addTo(sums, d, 48);
  }
}

// Σ_c x·y of 4 rows of two tiles.
export function dots(count: i32, x: usize, y: usize, out: usize): void {
  let total = f32x4.splat(0);
  for (let start = 0; start < count; start += STRETCH) {
    const end = min(start + STRETCH, count);
    let sum = f32x4.splat(0);
    for (let i = start; i < end; i++) {
      sum = madd(v128.load(x), v128.load(y), sum);
      x += ROW_BYTES;
      y += ROW_BYTES;
    }
    total = f32x4.add(total, sum);
  }
  v128.store(out, total);
}

// x ← x·f + y·g for 4 rows of two tiles, f and g four numbers each.
export function combine(count: i32, x: usize, y: usize, f: usize, g: usize): void {
  const share = v128.load(f), other = v128.load(g);
  for (let i = 0; i < count; i++) {
    v128.store(x, madd(v128.load(x), share, f32x4.mul(v128.load(y), other)));
    x += ROW_BYTES;
    y += ROW_BYTES;
  }
}
