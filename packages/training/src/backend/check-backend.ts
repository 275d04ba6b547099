import * as tf from "@tensorflow/tfjs";
import { useBackend } from "./backend.ts";
import type { Backend } from "./names.ts";

const ROWS = 48;
const INNER = 64;
const COLUMNS = 56;
const TOLERANCE = 1e-3;

/**
 * Starts a backend and has it multiply, with gradients, against the same in plain loops.
 * @throws UserError where it cannot be started, Error where its numbers are wrong
 */
export async function checkBackend(backend: Backend): Promise<void> {
  await useBackend(backend);
  const a = wave(ROWS * INNER);
  const b = wave(INNER * COLUMNS);
  const right = tf.tensor2d(b, [INNER, COLUMNS]);
  const product = (left: tf.Tensor): tf.Tensor => tf.matMul(left as tf.Tensor2D, right);
  const left = tf.tensor2d(a, [ROWS, INNER]);
  compare("a product", await product(left).data(), (at) => {
    const [row, column] = [Math.floor(at / COLUMNS), at % COLUMNS];
    return sum(INNER, (k) => a[row * INNER + k]! * b[k * COLUMNS + column]!);
  });
  // of the sum of all: each of a's rows meets the sums of b's rows
  const gradient = tf.grad((x) => product(x).sum())(left);
  compare("a gradient", await gradient.data(), (at) => sum(COLUMNS, (c) => b[(at % INNER) * COLUMNS + c]!));
}

const wave = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));

function sum(count: number, term: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
}

function compare(what: string, got: ArrayLike<number>, expected: (at: number) => number): void {
  for (let at = 0; at < got.length; at++) {
    const right = expected(at);
    if (!(Math.abs(got[at]! - right) < TOLERANCE))
      throw new Error(`${what} is wrong: expected ${right} at ${at}, got ${got[at]}`);
  }
}
