/**
 * Orthogonal Procrustes: the rotation R that maximises trace(Rᵀ·A), R = U·Vᵀ from A = U·S·Vᵀ (Schönemann
 * 1966), with the weakest axis turned over if needed so that det R = +1. One-sided Jacobi in double precision.
 *
 * @param a (d, d) row-major; not changed
 */
export function procrustes(a: Float64Array, d: number): Float64Array {
  // Columns of A and V are kept as rows, so that a plane rotation walks memory in order.
  const u = transpose(a, d);
  const v = new Float64Array(d * d);
  for (let i = 0; i < d; i++) v[i * d + i] = 1;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let i = 0; i < d - 1; i++) {
      for (let j = i + 1; j < d; j++) {
        const alpha = dot(u, i, i, d);
        const beta = dot(u, j, j, d);
        const gamma = dot(u, i, j, d);
        const scale = Math.sqrt(alpha * beta);
        if (Math.abs(gamma) <= 1e-15 * scale || scale === 0) continue;
        off = Math.max(off, Math.abs(gamma) / scale);
        const zeta = (beta - alpha) / (2 * gamma);
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        turn(u, i, j, c, c * t, d);
        turn(v, i, j, c, c * t, d);
      }
    }
    if (off < 1e-13) break;
  }
  const sigma = Float64Array.from({ length: d }, (_, i) => Math.sqrt(dot(u, i, i, d)));
  const order = Array.from(sigma.keys()).sort((i, j) => sigma[j]! - sigma[i]!);
  const floor = sigma[order[0]!]! * 1e-12;
  const done: number[] = [];
  for (const i of order) {
    if (sigma[i]! > floor) for (let k = 0; k < d; k++) u[i * d + k]! /= sigma[i]!;
    else completeBasis(u, i, done, d);
    done.push(i);
  }
  const r = product(u, v, d);
  if (determinant(r, d) > 0) return r;
  const weakest = order[d - 1]!;
  for (let k = 0; k < d; k++) u[weakest * d + k]! *= -1;
  return product(u, v, d);
}

/** Determinant of a (d, d) matrix, by Gaussian elimination with partial pivoting. */
export function determinant(a: ArrayLike<number>, d: number): number {
  const m = Float64Array.from(a);
  let result = 1;
  for (let i = 0; i < d; i++) {
    let pivot = i;
    for (let r = i + 1; r < d; r++) if (Math.abs(m[r * d + i]!) > Math.abs(m[pivot * d + i]!)) pivot = r;
    const head = m[pivot * d + i]!;
    if (head === 0) return 0;
    if (pivot !== i) {
      result = -result;
      for (let k = 0; k < d; k++) {
        const swap = m[i * d + k]!;
        m[i * d + k] = m[pivot * d + k]!;
        m[pivot * d + k] = swap;
      }
    }
    result *= head;
    for (let r = i + 1; r < d; r++) {
      const factor = m[r * d + i]! / head;
      for (let k = i; k < d; k++) m[r * d + k]! -= factor * m[i * d + k]!;
    }
  }
  return result;
}

/** Replaces row i of u by a unit vector orthogonal to the rows in `done`: the axis with the most left over. */
function completeBasis(u: Float64Array, i: number, done: readonly number[], d: number): void {
  let best: Float64Array | undefined;
  let bestNorm = -1;
  for (let axis = 0; axis < d; axis++) {
    const candidate = new Float64Array(d);
    candidate[axis] = 1;
    // Twice is enough (Kahan and Parlett) to be orthogonal to working precision.
    for (let pass = 0; pass < 2; pass++) {
      for (const other of done) {
        let along = 0;
        for (let k = 0; k < d; k++) along += candidate[k]! * u[other * d + k]!;
        for (let k = 0; k < d; k++) candidate[k]! -= along * u[other * d + k]!;
      }
    }
    const norm = Math.hypot(...candidate);
    if (norm > bestNorm) {
      bestNorm = norm;
      best = candidate;
    }
  }
  for (let k = 0; k < d; k++) u[i * d + k] = best![k]! / bestNorm;
}

/** Σ_i u_i v_iᵀ for matrices whose rows are the columns u_i and v_i. */
function product(u: Float64Array, v: Float64Array, d: number): Float64Array {
  const out = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    for (let r = 0; r < d; r++) {
      const left = u[i * d + r]!;
      for (let c = 0; c < d; c++) out[r * d + c]! += left * v[i * d + c]!;
    }
  }
  return out;
}

function transpose(a: Float64Array, d: number): Float64Array {
  const out = new Float64Array(d * d);
  for (let r = 0; r < d; r++) for (let c = 0; c < d; c++) out[c * d + r] = a[r * d + c]!;
  return out;
}

function dot(a: Float64Array, i: number, j: number, d: number): number {
  let sum = 0;
  for (let k = 0; k < d; k++) sum += a[i * d + k]! * a[j * d + k]!;
  return sum;
}

function turn(a: Float64Array, i: number, j: number, c: number, s: number, d: number): void {
  for (let k = 0; k < d; k++) {
    const x = a[i * d + k]!;
    const y = a[j * d + k]!;
    a[i * d + k] = c * x - s * y;
    a[j * d + k] = s * x + c * y;
  }
}
