// 4 bits: a first pass over u8 tables, then exact scores of what it lets through.
//
// Row m of the u8 table keeps floor((max_m − table[m][c]) / step), capped at 255: how far an entry lies below the
// row's best, in steps. So an item's sum never exceeds (bias + Σ max_m − score) / step, and an item with
// score ≥ theta has a sum of at most (bias + Σ max_m − theta) / step: comparing with that limit misses nothing.
// Sums saturate instead of growing to 16 bits: rows go to two u8 accumulators in turn, whose rounded-up average is
// compared with the limit's half. Saturation and capping only lower a sum; they may let an item through, never
// hold one back. (Four accumulators halve the steps again, but spill x86's sixteen registers: 25 % slower.)
import { bytesAt, numSubQuantizers, termLow, termMode, termStep } from "./shape.as";
import { across, MAXIMA } from "./summary.as";
import { summary, tableAt } from "./tables.as";
import { theta } from "./heap.as";

/** Steps between the best possible score and theta, in both accumulators together; more lets them saturate. */
const STEPS: f64 = 350;
/** Steps between the best and the worst entry of a row at most, so that no entry is capped. */
const ROW_STEPS: f64 = 250;

export let maxBias: f64 = 0; // largest bias that will be scanned
let maxSum: f64 = 0; // Σ max_m
// score of an item whose codes are average, in the best list: stands in for theta until there is one
let typical: f64 = 0;
let widest: f64 = 0; // largest max_m − min_m
let magnitude: f64 = 0; // bound of |partial sums|, for the rounding allowance
let termMax: f64 = 0; // maximum of the term's row
let tunedRange: f64 = -1; // distance of theta from the best possible score when the step was chosen
export let limit: i32 = 255; // half the largest sum that may still reach theta, for the running bias; −1 = none
export let scale: f64 = 1; // half steps per score, and what is added for rounding
let allowance: f64 = 0;

/**
 * After each quad of rows (a line of the processor's cache), the largest limit for which what is summed by then most
 * often tells that no item of a block can reach theta: f32, in half steps. Below the table, where nothing else lies.
 */
const TELLS: usize = 3584;
const MOST_QUADS: i32 = 128;
/** Sums of 32 items lie above their mean less so many standard deviations, most often. */
const SIGMAS: f32 = 2.5;
let numQuads: i32 = 0;
/** After how many quads sums are held against the limit before the last; 0 = not. */
export let early: i32 = 0;

// By the entries of the tables, as if all codes were as frequent: a guess at what pays, on which no result depends.
function fillTells(rows: i32): void {
  numQuads = min<i32>(rows >> 2, MOST_QUADS);
  let mean: f32 = 0, variance: f32 = 0;
  for (let m = 0, at = bytesAt; m < numQuads << 2; m++, at += 16) {
    const row = v128.load(at);
    const low = i16x8.extend_low_i8x16_u(row), high = i16x8.extend_high_i8x16_u(row);
    const average = total(i32x4.extadd_pairwise_i16x8_u(i16x8.add(low, high))) / 16;
    const square = total(i32x4.add(i32x4.dot_i16x8_s(low, low), i32x4.dot_i16x8_s(high, high))) / 16;
    mean += average;
    variance += square - average * average;
    if ((m & 3) == 3) store<f32>(TELLS + (<usize>(m >> 2) << 2), (mean - SIGMAS * sqrt<f32>(variance)) / 2);
  }
}

// @ts-ignore: decorator
@inline
function total(a: v128): f32 {
  return <f32>(i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1) + i32x4.extract_lane(a, 2) +
    i32x4.extract_lane(a, 3));
}

export function begin4(maxBias_: f64): void {
  maxBias = maxBias_;
  maxSum = load<f64>(summary, 0);
  typical = maxBias + load<f64>(summary, 8);
  magnitude = load<f64>(summary, 16) + (termMode == 1 ? <f64>termLow + 16 * <f64>termStep : 0);
  widest = load<f64>(summary, 24);
  tunedRange = -1;
}

function rowMax(row: usize): f32 {
  return across(f32x4.max(f32x4.max(v128.load(row, 0), v128.load(row, 16)),
    f32x4.max(v128.load(row, 32), v128.load(row, 48))), true);
}

// One row more for metrics with a term: an upper bound of what it adds to the score, for each bucket of its range.
function fillTermRow(): void {
  const row = tableAt + (<usize>numSubQuantizers << 6);
  for (let b = 0; b < 16; b++) {
    // A hundredth of a bucket for the rounding of its edges.
    const low = max<f32>(0, termLow + termStep * (<f32>b - <f32>0.01));
    const high = termLow + termStep * (<f32>b + <f32>1.01);
    // l2: −t ≤ −low. cosine: sum/t ≥ theta means sum − theta·t ≥ 0, and −theta·t ≤ −theta·(low or
    // high).
    store<f32>(row + (<usize>b << 2), termMode == 1 ? -low : theta > 0 ? -theta * low : -theta * high);
  }
  termMax = <f64>rowMax(row);
}

// `most` is the largest entry of the row.
function quantizeRow(m: i32, most: f32, inverse: f32): void {
  const row = tableAt + (<usize>m << 6);
  const top = f32x4.splat(most);
  const scale = f32x4.splat(inverse);
  const d0 = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(top, v128.load(row, 0)), scale));
  const d1 = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(top, v128.load(row, 16)), scale));
  const d2 = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(top, v128.load(row, 32)), scale));
  const d3 = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.sub(top, v128.load(row, 48)), scale));
  v128.store(bytesAt + (<usize>m << 4),
    i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(d0, d1), i16x8.narrow_i32x4_s(d2, d3)));
}

// Distance of the best possible score from what it must reach: theta, or 0 for cosine, whose row holds theta.
// @ts-ignore: decorator
@inline
function range(bias: f64): f64 {
  return bias + maxSum + termMax - (termMode == 2 ? 0 : <f64>theta);
}

// Chooses the step for the present theta and fills the u8 tables.
function tune(): void {
  tunedRange = theta == -Infinity ? maxBias + maxSum - typical : range(maxBias);
  // When nothing can beat theta any more, only equal scores are left to find; any step is right then.
  const step = max<f64>(max<f64>(tunedRange, 1e-30) / STEPS, widest / ROW_STEPS);
  const inverse = <f32>(1 / step);
  for (let m = 0; m < numSubQuantizers; m++)
    quantizeRow(m, load<f32>(summary + MAXIMA + (<usize>m << 2)), inverse);
  if (termMode != 0) quantizeRow(numSubQuantizers, <f32>termMax, inverse);
  scale = 0.5 / step;
  // float32 sums of M terms are off by at most M·ε·Σ|terms|; a step for the rounding of the entries, one for the
  // average.
  const largest = magnitude + Math.abs(maxBias) + Math.abs(theta == -Infinity ? typical : <f64>theta) *
    (termMode == 2 ? <f64>max<f32>(1, termLow + 16 * termStep) : 1);
  fillTells(numSubQuantizers + i32(termMode != 0));
  allowance = 2 + 4 * <f64>(numSubQuantizers + 4) * 1.2e-7 * largest * scale;
}

/** Sets the limit for a bias; chooses finer steps when theta has taken a tenth of the range. */
export function setLimit(bias: f64): void {
  if (termMode != 0) fillTermRow();
  // A range of −∞ … theta stays as it was tuned for the typical score.
  if (tunedRange < 0 || range(maxBias) < 0.9 * tunedRange) tune();
  else if (termMode == 2) quantizeRow(numSubQuantizers, <f32>termMax, <f32>(2 * scale));
  holdLimit(bias);
}

/** Sets the limit for a bias and leaves the steps as they are. */
export function holdLimit(bias: f64): void {
  const halves = range(bias) * scale + allowance;
  limit = halves >= 254 ? 255 : halves < 0 ? -1 : <i32>halves;
  early = 0;
  for (let q = 1; q < numQuads && early == 0; q++)
    if (load<f32>(TELLS + (<usize>(q - 1) << 2)) > <f32>limit) early = q;
}
