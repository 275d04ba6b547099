// Which cells a query visits: of those that hold items, the best by the metric's score of their centroids, and by what
// the cells' spread adds to it.
import { cellTiles, coarseTerms, collectAt, nlist, spreadAt, termMode } from "./shape.as";
import { finish, offer, start, theta } from "./heap.as";
import { across, LENGTH } from "./summary.as";
import { productsAt, summary } from "./tables.as";

let sizesAt: usize = 0; // u32 (nlist), the items of each cell; address 0 = all of them hold some

/** The nprobe best cells, best first; there must be as many that hold items. */
export function probe(nprobe: i32, sizesAt_: usize, heapAt: usize, cellsAt: usize, scoresAt: usize): i32 {
  sizesAt = sizesAt_;
  const scores = spreadAt == 0 ? productsAt : withSpread();
  start(nprobe, termMode == 0 && sizesAt == 0 ? boundOf(nprobe, scores) : -Infinity, heapAt);
  if (termMode == 0) offerScores(scores);
  else for (let l = 0; l < nlist; l++) {
    if (!isFilled(l)) continue;
    const product = load<f32>(productsAt + (<usize>l << 2)), term = load<f32>(coarseTerms + (<usize>l << 2));
    offer(termMode == 1 ? product - term : term > 0 ? product / term : 0, l);
  }
  return finish(cellsAt, scoresAt);
}

// Products with all cells, and what their spread adds.
function withSpread(): usize {
  const length = v128.load32_splat(summary + LENGTH);
  let from = productsAt, terms = coarseTerms;
  for (let to = spreadAt, end = to + (<usize>cellTiles << 6); to < end; to += 16, from += 16, terms += 16)
    v128.store(to, f32x4.add(v128.load(from), f32x4.mul(length, v128.load(terms))));
  return spreadAt;
}

/** Tiles of cells whose maxima find room. */
const MOST_TILES: i32 = 1024;
/** Halvings of what lies between the largest and the smallest of the maxima. */
const HALVINGS: i32 = 8;

// What the nprobe-th best score is not below, and most often close to: as many of the maxima of four cells each
// reach it. So few cells are offered; in the order they come, many would be that are pushed out again.
function boundOf(nprobe: i32, from: usize): f32 {
  const tiles = nlist >> 4;
  if (tiles > MOST_TILES || tiles << 1 < nprobe) return -Infinity;
  const end = collectAt + (<usize>tiles << 4);
  let lows = f32x4.splat(Infinity), highs = f32x4.splat(-Infinity);
  for (let at = collectAt; at < end; at += 16, from += 64) {
    const most = f32x4.pmax(f32x4.pmax(v128.load(from, 0), v128.load(from, 16)),
      f32x4.pmax(v128.load(from, 32), v128.load(from, 48)));
    lows = f32x4.pmin(lows, most);
    highs = f32x4.pmax(highs, most);
    v128.store(at, most);
  }
  let low = across(lows, false), high = across(highs, true);
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) * 0.5;
    if (countFrom(middle, end) >= nprobe) low = middle;
    else high = middle;
  }
  return countFrom(low, end) >= nprobe ? low : -Infinity;
}

// Maxima that reach a bound.
function countFrom(bound: f32, end: usize): i32 {
  const b = f32x4.splat(bound);
  let total = i32x4.splat(0);
  for (let at = collectAt; at < end; at += 16) total = i32x4.sub(total, f32x4.ge(v128.load(at), b));
  return i32x4.extract_lane(total, 0) + i32x4.extract_lane(total, 1) + i32x4.extract_lane(total, 2) +
    i32x4.extract_lane(total, 3);
}

// 16 cells at a time are held against theta; few of them pass.
function offerScores(scores: usize): void {
  for (let t = 0; t < cellTiles; t++) {
    const at = scores + (<usize>t << 6);
    let bits = reaching(at, theta);
    if ((t << 4) + 16 > nlist) bits &= (1 << (nlist & 15)) - 1;
    for (; bits != 0; bits &= bits - 1) {
      const l = (t << 4) + ctz(bits);
      if (isFilled(l)) offer(load<f32>(scores + (<usize>l << 2)), l);
    }
  }
}

// @ts-ignore: decorator
@inline
function isFilled(l: i32): bool {
  return sizesAt == 0 || load<u32>(sizesAt + (<usize>l << 2)) != 0;
}

// One bit for each of 16 scores that reach a bound.
// @ts-ignore: decorator
@inline
function reaching(at: usize, bound: f32): i32 {
  const b = f32x4.splat(bound);
  const x0 = f32x4.ge(v128.load(at, 0), b), x1 = f32x4.ge(v128.load(at, 16), b);
  const x2 = f32x4.ge(v128.load(at, 32), b), x3 = f32x4.ge(v128.load(at, 48), b);
  return i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(x0, x1), i16x8.narrow_i32x4_s(x2, x3)));
}
