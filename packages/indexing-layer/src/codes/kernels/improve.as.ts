// Coordinate descent on what the errors of codes cost, as ../../score-codes.ts defines it, for centroids that stay: a
// vector is done with before the next one begins. Costs of four centroids are computed at a time.
// ../improve-kernel.ts places everything in memory, and nothing is allocated here.

let dim: i32 = 0, padded: i32 = 0, m: i32 = 0, ksub: i32 = 0, subDim: i32 = 0, hasCells: bool = false;
let along: f32 = 0;
let centroidsAt: usize = 0, transposedAt: usize = 0, squaresAt: usize = 0, momentAt: usize = 0, coarseAt: usize = 0;
// Of the vector at hand: errors, H·errors, unit vector (dim, padded), and 2·linear of one sub-quantizer.
let errorsAt: usize = 0, weightedAt: usize = 0, unitAt: usize = 0, linearAt: usize = 0;

@inline
function at(start: usize, index: i32): usize {
  return start + (<usize>index << 2);
}

// Centroids (m, ksub, subDim) → (m, subDim, ksub), and (m, ksub) of cᵀ·H_mm·c. The moment is (dim, padded), or 0 for
// the identity; coarse centroids are (nlist, dim), or 0 for none. Scratch is for 3·padded + subDim numbers.
export function setQuantizers(
  width: i32, paddedWidth: i32, numSubQuantizers: i32, numCentroids: i32, alongWeight: f32,
  centroids: usize, transposed: usize, squares: usize, moment: usize, coarse: usize, scratch: usize,
): void {
  dim = width;
  padded = paddedWidth;
  m = numSubQuantizers;
  ksub = numCentroids;
  subDim = width / numSubQuantizers;
  along = alongWeight;
  centroidsAt = centroids;
  transposedAt = transposed;
  squaresAt = squares;
  momentAt = moment;
  coarseAt = coarse;
  hasCells = coarse != 0;
  errorsAt = scratch;
  weightedAt = at(errorsAt, padded);
  unitAt = at(weightedAt, padded);
  linearAt = at(unitAt, padded);
  for (let row = 0; row < m * ksub; row++) {
    const sub = row / ksub;
    const from = at(centroids, row * subDim);
    let square: f32 = 0;
    for (let i = 0; i < subDim; i++) {
      store<f32>(at(transposed, (sub * subDim + i) * ksub + (row % ksub)), load<f32>(at(from, i)));
      square += load<f32>(at(from, i)) * timesBlock(sub, i, from);
    }
    store<f32>(at(squares, row), square);
  }
}

// Row i of H_mm times a centroid.
@inline
function timesBlock(sub: i32, i: i32, centroid: usize): f32 {
  if (momentAt == 0) return load<f32>(at(centroid, i));
  const row = at(momentAt, (sub * subDim + i) * padded + sub * subDim);
  let sum: f32 = 0;
  for (let j = 0; j < subDim; j++) sum += load<f32>(at(row, j)) * load<f32>(at(centroid, j));
  return sum;
}

// (n, dim) rotated vectors, (n) cells → (n, m) codes, chosen anew in place.
export function improve(n: i32, sweeps: i32, rotated: usize, cells: usize, codes: usize): void {
  for (let i = 0; i < n; i++) {
    const coarse = hasCells ? at(coarseAt, load<i32>(at(cells, i)) * dim) : 0;
    improveOne(rotated, coarse, codes, sweeps);
    rotated = at(rotated, dim);
    codes += <usize>m;
  }
}

function improveOne(x: usize, coarse: usize, codes: usize, sweeps: i32): void {
  let square: f64 = 0;
  for (let d = 0; d < dim; d++) square += <f64>load<f32>(at(x, d)) * <f64>load<f32>(at(x, d));
  const scale: f64 = square > 0 ? 1 / Math.sqrt(square) : 0;
  let error: f64 = 0;
  for (let d = 0; d < dim; d++) {
    const sub = d / subDim;
    const code = <i32>load<u8>(codes + <usize>sub);
    const own = load<f32>(at(centroidsAt, (sub * ksub + code) * subDim + (d % subDim)));
    const value = load<f32>(at(x, d)) - (coarse ? load<f32>(at(coarse, d)) : 0) - own;
    const unit = <f32>(<f64>load<f32>(at(x, d)) * scale);
    store<f32>(at(errorsAt, d), value);
    store<f32>(at(unitAt, d), unit);
    error += <f64>value * <f64>unit;
  }
  weigh();
  for (let sweep = 0; sweep < sweeps; sweep++)
    for (let sub = 0; sub < m; sub++) error = improvePart(x, coarse, codes, sub, error);
}

// H·e of the errors at hand.
function weigh(): void {
  if (momentAt == 0) return;
  for (let d = 0; d < padded; d += 4) v128.store(at(weightedAt, d), f32x4.splat(0));
  for (let d = 0; d < dim; d++) addWeighted(d, load<f32>(at(errorsAt, d)));
}

@inline
function addWeighted(d: i32, change: f32): void {
  const by = f32x4.splat(change);
  const row = at(momentAt, d * padded);
  for (let to = 0; to < padded; to += 4) {
    const sum = f32x4.add(v128.load(at(weightedAt, to)), f32x4.mul(by, v128.load(at(row, to))));
    v128.store(at(weightedAt, to), sum);
  }
}

// Chooses the code of a sub-quantizer; returns e·x/‖x‖ of the errors that are left.
@inline
function improvePart(x: usize, coarse: usize, codes: usize, sub: i32, error: f64): f64 {
  const first = sub * subDim;
  const before = <i32>load<u8>(codes + <usize>sub);
  const own = at(centroidsAt, (sub * ksub + before) * subDim);
  const weighted = momentAt == 0 ? errorsAt : weightedAt;
  // the error without this centroid is e + c
  let without = error;
  for (let d = 0; d < subDim; d++) {
    without += <f64>load<f32>(at(unitAt, first + d)) * <f64>load<f32>(at(own, d));
    store<f32>(at(linearAt, d), 2 * (load<f32>(at(weighted, first + d)) + timesBlock(sub, d, own)));
  }
  const code = along == 0 ? cheapestPlain(sub) : cheapest(sub, <f32>without);
  if (code == before) return error;
  store<u8>(codes + <usize>sub, <u8>code);
  const chosen = at(centroidsAt, (sub * ksub + code) * subDim);
  for (let d = 0; d < subDim; d++) {
    const value =
      load<f32>(at(x, first + d)) - (coarse ? load<f32>(at(coarse, first + d)) : 0) - load<f32>(at(chosen, d));
    const change = value - load<f32>(at(errorsAt, first + d));
    store<f32>(at(errorsAt, first + d), value);
    error += <f64>change * <f64>load<f32>(at(unitAt, first + d));
    if (momentAt != 0) addWeighted(first + d, change);
  }
  return error;
}

// The first centroid with the largest 2·c·linear − cᵀ·H_mm·c − along·(without − unit·c)².
@inline
function cheapest(sub: i32, without: f32): i32 {
  const stride = <usize>ksub << 2;
  const weight = f32x4.splat(along), left = f32x4.splat(without);
  let squares = at(squaresAt, sub * ksub);
  let table = at(transposedAt, sub * subDim * ksub);
  const units = at(unitAt, sub * subDim);
  let most = f32x4.splat(-Infinity), place = i32x4.splat(0), here = i32x4.splat(0);
  const one = i32x4.splat(1);
  for (let k = 0; k < ksub; k += 8) {
    let a = f32x4.neg(v128.load(squares)), b = f32x4.neg(v128.load(squares, 16));
    let s = left, t = left;
    let from = table;
    for (let d: usize = 0; d < <usize>subDim << 2; d += 4) {
      const linear = v128.load32_splat(linearAt + d), unit = v128.load32_splat(units + d);
      const c = v128.load(from), e = v128.load(from, 16);
      a = f32x4.add(a, f32x4.mul(linear, c));
      b = f32x4.add(b, f32x4.mul(linear, e));
      s = f32x4.sub(s, f32x4.mul(unit, c));
      t = f32x4.sub(t, f32x4.mul(unit, e));
      from += stride;
    }
    a = f32x4.sub(a, f32x4.mul(weight, f32x4.mul(s, s)));
    b = f32x4.sub(b, f32x4.mul(weight, f32x4.mul(t, t)));
    let better = f32x4.gt(a, most);
    most = v128.bitselect(a, most, better);
    place = v128.bitselect(here, place, better);
    here = i32x4.add(here, one);
    better = f32x4.gt(b, most);
    most = v128.bitselect(b, most, better);
    place = v128.bitselect(here, place, better);
    here = i32x4.add(here, one);
    squares += 32;
    table += 32;
  }
  return firstOf(most, place);
}

// The same with along 0.
@inline
function cheapestPlain(sub: i32): i32 {
  const stride = <usize>ksub << 2;
  let squares = at(squaresAt, sub * ksub);
  let table = at(transposedAt, sub * subDim * ksub);
  let most = f32x4.splat(-Infinity), place = i32x4.splat(0), here = i32x4.splat(0);
  const one = i32x4.splat(1);
  for (let k = 0; k < ksub; k += 4) {
    let a = f32x4.neg(v128.load(squares));
    let from = table;
    for (let d: usize = 0; d < <usize>subDim << 2; d += 4) {
      a = f32x4.add(a, f32x4.mul(v128.load32_splat(linearAt + d), v128.load(from)));
      from += stride;
    }
    const better = f32x4.gt(a, most);
    most = v128.bitselect(a, most, better);
    place = v128.bitselect(here, place, better);
    here = i32x4.add(here, one);
    squares += 16;
    table += 16;
  }
  return firstOf(most, place);
}

// Of four lanes the first centroid with the largest value; a lane says which of its own.
@inline
function firstOf(most: v128, place: v128): i32 {
  let largest = f32x4.extract_lane(most, 0);
  let code = i32x4.extract_lane(place, 0) << 2;
  let value = f32x4.extract_lane(most, 1), other = (i32x4.extract_lane(place, 1) << 2) + 1;
  if (value > largest || (value == largest && other < code)) {
    largest = value;
    code = other;
  }
  value = f32x4.extract_lane(most, 2);
  other = (i32x4.extract_lane(place, 2) << 2) + 2;
  if (value > largest || (value == largest && other < code)) {
    largest = value;
    code = other;
  }
  value = f32x4.extract_lane(most, 3);
  other = (i32x4.extract_lane(place, 3) << 2) + 3;
  return value > largest || (value == largest && other < code) ? other : code;
}
