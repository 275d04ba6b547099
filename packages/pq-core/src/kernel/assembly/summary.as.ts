// What is known of a query's table before anything is scanned.
import { centroidTiles, numSubQuantizers } from "./shape.as";

/**
 * f64 sums over the rows: of their largest entries, of their means, of their largest magnitudes; the widest row's
 * largest less its smallest. Then f32 the query's length, and from MAXIMA on f32 (M), the largest entry of each row.
 */
export const LENGTH: usize = 32;
export const MAXIMA: usize = 48;

/** Writes the summary of a table of 4 bits. */
export function describe(table: usize, to: usize): void {
  let best: f64 = 0, magnitude: f64 = 0, widest: f32 = 0;
  let sums = f32x4.splat(0);
  for (let m: usize = 0; m < <usize>numSubQuantizers; m++, table += 64) {
    const a = v128.load(table, 0), b = v128.load(table, 16), c = v128.load(table, 32), d = v128.load(table, 48);
    const high = across(f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)), true);
    const low = across(f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)), false);
    store<f32>(to + MAXIMA + (m << 2), high);
    sums = f32x4.add(sums, f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
    best += <f64>high;
    widest = max<f32>(widest, high - low);
    magnitude += max<f64>(Math.abs(high), Math.abs(low));
  }
  store<f64>(to, best, 0);
  store<f64>(to, <f64>(f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) + f32x4.extract_lane(sums, 2) +
    f32x4.extract_lane(sums, 3)) / 16, 8);
  store<f64>(to, magnitude, 16);
  store<f64>(to, <f64>widest, 24);
}

/** The largest entries and magnitudes alone, of a table of 8 bits. */
export function describeLarge(table: usize, to: usize): void {
  let best: f64 = 0, magnitude: f64 = 0;
  for (let m = 0; m < numSubQuantizers; m++) {
    let highs = v128.load(table), lows = highs;
    for (const end = table + (<usize>centroidTiles << 6); table < end; table += 16) {
      const entries = v128.load(table);
      highs = f32x4.pmax(highs, entries);
      lows = f32x4.pmin(lows, entries);
    }
    const high = <f64>across(highs, true);
    best += high;
    magnitude += max<f64>(Math.abs(high), Math.abs(across(lows, false)));
  }
  store<f64>(to, best, 0);
  store<f64>(to, magnitude, 16);
}

/** The largest or the smallest of four numbers. */
// @ts-ignore: decorator
@inline
export function across(a: v128, isMax: bool): f32 {
  const b = i32x4.shuffle(a, a, 2, 3, 0, 1);
  const two = isMax ? f32x4.pmax(a, b) : f32x4.pmin(a, b);
  const c = i32x4.shuffle(two, two, 1, 0, 3, 2);
  return f32x4.extract_lane(isMax ? f32x4.pmax(two, c) : f32x4.pmin(two, c), 0);
}
