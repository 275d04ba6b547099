import * as tf from "@tensorflow/tfjs-core";

/** Share of a matrix's size that it is drawn to the rotation before by: what it hardly says stays as it was. */
const DRAWN = 1e-2;
/** Steps of the power iteration for the largest singular value, and how far above that it may still be. */
const POWER_STEPS = 20;
const ABOVE = 1.1;
/** x ↦ ax + bx³ + cx⁵ lifts small singular values by a; those up to 1 end between .68 and 1.2 (Muon, K. Jordan). */
const LIFT = { a: 3.4445, b: -4.775, c: 2.0315, steps: 6 };
const MOST_ITERATIONS = 40;
/** Largest |XᵀX − I| before the last step, which squares it: float32 gets no nearer with hundreds of numbers. */
const ENOUGH = 1e-3;

/**
 * The orthogonal matrix that comes nearest to `a`, by iterations on the backend that move all singular values to 1: a
 * few by a polynomial that lifts the small ones quickly, then those of Newton and Schulz, X ← X·(3I − XᵀX)/2 (Higham,
 * Functions of Matrices, section 8.3). For matrices too large for the Jacobi sweeps of `procrustes`. A reflection may
 * be among it, which is as good for codes.
 *
 * @param a (d, d) row-major
 * @param before an orthogonal (d, d) that is close to the one wanted, or the identity
 */
export async function nearestOrthogonal(a: Float64Array, before: Float64Array, d: number): Promise<Float64Array> {
  let size = 0;
  for (const value of a) size += value * value;
  // of a singular value on average
  const drawn = DRAWN * Math.sqrt(size / d) || 1;
  const start = Float64Array.from(a, (value, i) => value + drawn * before[i]!);
  const bound = ABOVE * largestSingularValue(start, d);
  let x: tf.Tensor2D = tf.tensor2d(
    Float32Array.from(start, (value) => value / bound),
    [d, d],
  );
  for (let i = 0; i < MOST_ITERATIONS; i++) {
    const [next, error] = tf.tidy(() => {
      const gram: tf.Tensor2D = tf.matMul(tf.transpose(x), x);
      const off = tf.max(tf.abs(tf.sub(gram, tf.eye(d))));
      return [i < LIFT.steps ? lifted(x, gram) : improved(x, gram), off] as const;
    });
    const off = (await error.data())[0]!;
    tf.dispose([x, error]);
    x = next;
    if (off < ENOUGH) break;
  }
  const values = Float64Array.from(await x.data());
  x.dispose();
  return values;
}

function lifted(x: tf.Tensor2D, gram: tf.Tensor2D): tf.Tensor2D {
  const factor = tf.add(tf.mul(gram, LIFT.b), tf.mul(tf.matMul(gram, gram), LIFT.c)) as tf.Tensor2D;
  return tf.add(tf.mul(x, LIFT.a), tf.matMul(x, factor));
}

const improved = (x: tf.Tensor2D, gram: tf.Tensor2D): tf.Tensor2D =>
  tf.sub(tf.mul(x, 1.5), tf.mul(tf.matMul(x, gram), 0.5));

/**
 * An orthogonal matrix again, from one that rounding errors have moved away: a step of Newton and Schulz in double
 * precision, which squares what is wrong. @param x (d, d) row-major
 */
export function polished(x: Float64Array, d: number): Float64Array {
  // X·(XᵀX − I), of which half is to be taken away
  const gram = new Float64Array(d * d);
  for (let k = 0; k < d; k++) {
    for (let i = 0; i < d; i++) {
      const left = x[k * d + i]!;
      for (let j = 0; j < d; j++) gram[i * d + j]! += left * x[k * d + j]!;
    }
  }
  for (let i = 0; i < d; i++) gram[i * d + i]! -= 1;
  const out = x.slice();
  for (let row = 0; row < d; row++) {
    for (let k = 0; k < d; k++) {
      const half = 0.5 * x[row * d + k]!;
      for (let j = 0; j < d; j++) out[row * d + j]! -= half * gram[k * d + j]!;
    }
  }
  return out;
}

/** By power iteration on AᵀA: from below, near to it. */
function largestSingularValue(a: Float64Array, d: number): number {
  let vector = new Float64Array(d).map((_, i) => 1 + 0.1 * Math.sin(i));
  let value = 1;
  for (let step = 0; step < POWER_STEPS; step++) {
    const norm = Math.hypot(...vector);
    vector = vector.map((one) => one / norm);
    const product = new Float64Array(d);
    const next = new Float64Array(d);
    for (let i = 0; i < d; i++) {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += a[i * d + j]! * vector[j]!;
      product[i] = sum;
      for (let j = 0; j < d; j++) next[j]! += a[i * d + j]! * sum;
    }
    value = Math.hypot(...product);
    vector = next;
  }
  return value;
}
