import * as tf from "@tensorflow/tfjs-core";

/** Share of a matrix's size that it is drawn to the rotation before by: what it hardly says stays as it was. */
const DRAWN = 1e-3;
const MOST_ITERATIONS = 60;
/** Largest |R·Rᵀ − I| that float32 gets to with hundreds of numbers. */
const ENOUGH = 2e-5;

/**
 * The orthogonal matrix that comes nearest to `a`, by Newton-Schulz iterations on the backend (Higham, Functions of
 * Matrices, section 8.3): X ← X·(3I − XᵀX)/2. For matrices too large for the Jacobi sweeps of `procrustes`; a
 * reflection may be among it, which is as good for codes.
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
  // at least the largest singular value, at most √d times it
  const bound = Math.sqrt(largestSum(start, d, (i, j) => i * d + j) * largestSum(start, d, (i, j) => j * d + i));
  let x: tf.Tensor2D = tf.tensor2d(
    Float32Array.from(start, (value) => value / bound),
    [d, d],
  );
  for (let i = 0; i < MOST_ITERATIONS; i++) {
    const [next, error] = tf.tidy(() => {
      const gram = tf.matMul(x, x, true, false);
      const off = tf.max(tf.abs(tf.sub(gram, tf.eye(d))));
      return [tf.sub(tf.mul(x, 1.5), tf.mul(tf.matMul(x, gram), 0.5)) as tf.Tensor2D, off] as const;
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

/** The largest sum of magnitudes of a row, or of a column. */
function largestSum(a: Float64Array, d: number, at: (i: number, j: number) => number): number {
  let largest = 0;
  for (let i = 0; i < d; i++) {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += Math.abs(a[at(i, j)]!);
    largest = Math.max(largest, sum);
  }
  return largest;
}
