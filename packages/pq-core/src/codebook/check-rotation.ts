import { rangeError } from "../errors.ts";

/** Largest |R·Rᵀ − I| that still counts as orthogonal: float32 training leaves about 1e-6, a wrong matrix 1e-1. */
const TOLERANCE = 1e-3;

/**
 * The transpose is used as the inverse, so a rotation that is not orthogonal would make silently wrong vectors. Every
 * pair of rows is looked at: for `dim` of 1,536 that takes seconds.
 *
 * @throws RangeError
 */
export function checkRotation(rotation: Float32Array, dim: number): void {
  for (let i = 0; i < dim; i++) {
    for (let j = i; j < dim; j++) {
      let dot = 0;
      for (let d = 0; d < dim; d++) dot += rotation[i * dim + d]! * rotation[j * dim + d]!;
      const error = Math.abs(dot - Number(i === j));
      if (!(error <= TOLERANCE)) fail(`|R·Rᵀ − I| ≤ ${TOLERANCE}`, `${error} at row ${i}, ${j}`);
    }
  }
}

/** Vectors that are turned there and back. */
const TRIALS = 8;
/** How many times the error that the tolerance allows for a number is still let through. */
const ALLOWANCE = 4;

/**
 * The same in time of `dim`², for a rotation that passed {@link checkRotation} when it was written. The norms of its
 * rows are checked as there. Then vectors of random signs are turned there and back, x·R·Rᵀ, and must be themselves.
 *
 * With E = R·Rᵀ − I, number j of what comes back is off by Σ_i ±E_ij: its mean square over the trials is about
 * s_j² = Σ_i E_ij². Where each |E_ij| is within the tolerance t, s_j ≤ t·√dim, and by Chernoff's bound a mean of 8
 * squares is beyond 16·t²·dim with a probability below 1e-20: nothing that the writer took is refused. A rotation that
 * is none is found by a column with an s_j of 16·t·√dim or more (of 1,536 numbers: 0.6, where rows at random have 1),
 * unless the mean of 8 squares is a sixteenth of what it should be: 1e-4 for errors of all numbers, which add up to a
 * normal one, and never for an error of a single number, which always counts in full. Then other columns are
 * wrong as well, E being symmetric. Altered bytes do not come this far at all: the chunk has a hash.
 *
 * @throws RangeError
 */
export function checkRotationQuickly(rotation: Float32Array, dim: number): void {
  const signs = randomSigns(TRIALS * dim);
  const turned = new Float64Array(TRIALS * dim);
  for (let i = 0; i < dim; i++) {
    const row = rotation.subarray(i * dim, (i + 1) * dim);
    let square = 0;
    for (let d = 0; d < dim; d++) square += row[d]! * row[d]!;
    if (!(Math.abs(square - 1) <= TOLERANCE))
      fail(`rows of norm 1 to within ${TOLERANCE}`, `${Math.sqrt(square)} in row ${i}`);
    for (let at = 0; at < turned.length; at += dim) {
      const sign = signs[at + i]!;
      for (let d = 0; d < dim; d++) turned[at + d]! += sign * row[d]!;
    }
  }
  const most = ALLOWANCE * TOLERANCE * Math.sqrt(dim);
  for (let j = 0; j < dim; j++) {
    const row = rotation.subarray(j * dim, (j + 1) * dim);
    let squares = 0;
    for (let at = 0; at < turned.length; at += dim) {
      let back = 0;
      for (let d = 0; d < dim; d++) back += turned[at + d]! * row[d]!;
      squares += (back - signs[at + j]!) ** 2;
    }
    const error = Math.sqrt(squares / TRIALS);
    if (!(error <= most)) fail(`vectors turned there and back to be off by ${most}`, `${error} in number ${j}`);
  }
}

/** n times 1 or −1; the same in every run (xorshift32). */
function randomSigns(n: number): Int8Array {
  let state = 0x9e37_79b9;
  return new Int8Array(n).map(() => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state & 0x8000) === 0 ? 1 : -1;
  });
}

function fail(what: string, got: string): never {
  throw rangeError("rotation", `an orthogonal matrix, ${what}`, got);
}
