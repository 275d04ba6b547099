import { Random } from "@poeem/indexing-layer";
import { Matrix, solve } from "ml-matrix";
import { type Csr, countsOf, listOf } from "../data/csr.ts";
import { crossProducts, innerProducts, orthonormalize, ROUNDS, SPARE, symmetricEigen, times } from "./subspace.ts";

/** What follows within so many items counts, each step further on for so much less; what came before counts for less. */
const WINDOW = 8;
const FADING = 0.8;
const BACKWARD = 0.3;
/** Sums of the rows and of the columns are divided out to these powers: popular items keep a part of their say. */
const ROW_POWER = -0.5;
const COLUMN_POWER = -0.25;
/** Of the least squares, beside a mean diagonal of 1. */
const RIDGE = 1e-3;

/** Where a training of ordered histories starts. */
export interface OrderedStart {
  /** (numItems, dim) unit rows. */
  readonly items: Float32Array;
  /** (dim, dim): item · source points where its successors are. */
  readonly source: Float32Array;
}

/**
 * Item vectors and a source map from which item follows which in the histories.
 *
 * W[i, j] sums .8^(gap − 1) over all j that follow i within 8 items, and .3 of that over those before it, divided by the
 * square root of the history's length; its rows and columns are scaled by powers of their sums. Items are its right
 * singular vectors, and the source map leads from them to the left ones by least squares, each event counted. By subspace iteration on the
 * lists themselves: the matrix of items by items is never made.
 *
 * @param histories for each user the items of their training events, oldest first
 */
export function orderedStart(histories: Csr, numItems: number, dim: number, seed: number): OrderedStart {
  const random = new Random(seed);
  const width = Math.min(numItems, dim + SPARE);
  const ones = new Float32Array(numItems).fill(1);
  const power = (sums: Float32Array, exponent: number): Float32Array =>
    sums.map((sum) => (sum > 0 ? sum ** exponent : 0));
  const rowScales = power(follow(histories, ones, 1, 1, BACKWARD), ROW_POWER);
  const columnScales = power(follow(histories, ones, 1, BACKWARD, 1), COLUMN_POWER);
  // A x and Aᵀ x, A = rows · W · columns
  const times1 = (x: Float32Array): Float32Array =>
    scaleRows(follow(histories, scaleRows(x, columnScales, width), width, 1, BACKWARD), rowScales, width);
  const transposed = (x: Float32Array): Float32Array =>
    scaleRows(follow(histories, scaleRows(x, rowScales, width), width, BACKWARD, 1), columnScales, width);

  let basis = orthonormalize(
    Float32Array.from({ length: numItems * width }, () => random.normal()),
    width,
  );
  for (let round = 0; round < ROUNDS; round++) basis = orthonormalize(transposed(times1(basis)), width);
  const image = times1(basis);
  const { values, vectors } = symmetricEigen(innerProducts(image, image, width));
  // right singular vectors, and left ones times their singular values; both by the root of these
  const roots = values.map((value) => Math.max(0, value) ** 0.25);
  const right = times(basis, vectors.clone().mulRowVector(roots), width);
  const left = times(
    image,
    vectors.clone().mulRowVector(roots.map((root) => (root > 1e-6 * roots[0]! ? 1 / root : 0))),
    width,
  );
  const items = unitRows(right, width, dim, random);
  const weights = Float32Array.from(countsOf(histories.values, numItems), Math.sqrt);
  const weighted = (rows: Float32Array): Float32Array => scaleRows(rows, weights, dim);
  return { items, source: leastSquares(weighted(items), weighted(unitRows(left, width, dim)), dim) };
}

/**
 * W x, for x (numItems, width): for each place of a history, what the items around it have in x, those behind it times
 * `forward` and those before it times `backward`.
 */
function follow(histories: Csr, x: Float32Array, width: number, forward: number, backward: number): Float32Array {
  const out = new Float32Array(x.length);
  const last = FADING ** WINDOW;
  const sum = new Float64Array(width);
  for (let user = 0; user + 1 < histories.offsets.length; user++) {
    const list = listOf(histories, user);
    const n = list.length;
    // both directions by the same walk, from the end and from the start: sum = Σ_gap .8^(gap − 1) · x of the item there
    for (const [step, share] of [
      [-1, forward],
      [1, backward],
    ] as const) {
      const scale = share / Math.sqrt(n);
      const first = step < 0 ? n - 1 : 0;
      sum.fill(0);
      for (let walked = 1; walked < n; walked++) {
        const at = first + step * walked;
        const near = list[at - step]! * width;
        const gone = walked > WINDOW ? list[at - step * (WINDOW + 1)]! * width : -1;
        const to = list[at]! * width;
        for (let w = 0; w < width; w++) {
          sum[w] = FADING * sum[w]! + x[near + w]! - (gone < 0 ? 0 : last * x[gone + w]!);
          out[to + w]! += scale * sum[w]!;
        }
      }
    }
  }
  return out;
}

function scaleRows(x: Float32Array, scales: Float32Array, width: number): Float32Array {
  return x.map((value, i) => value * scales[Math.floor(i / width)]!);
}

/** The leading `dim` of `width` columns, at unit length. @param random fills rows of zeros, which else stay */
function unitRows(x: Float32Array, width: number, dim: number, random?: Random): Float32Array {
  const count = x.length / width;
  const rows = new Float32Array(count * dim);
  for (let item = 0; item < count; item++) {
    const row = Float64Array.from({ length: dim }, (_, d) => (d < width ? x[item * width + d]! : 0));
    if (random && row.every((value) => value === 0)) for (let d = 0; d < dim; d++) row[d] = random.normal();
    const norm = Math.hypot(...row) || 1;
    for (let d = 0; d < dim; d++) rows[item * dim + d] = row[d]! / norm;
  }
  return rows;
}

/** The (dim, dim) matrix that takes the rows of x nearest to those of y. */
function leastSquares(x: Float32Array, y: Float32Array, dim: number): Float32Array {
  const products = innerProducts(x, x, dim);
  const ridge = (RIDGE * products.trace()) / dim;
  const solved = solve(products.add(Matrix.eye(dim, dim).mul(ridge)), crossProducts(x, y, dim));
  return Float32Array.from(solved.to1DArray());
}
