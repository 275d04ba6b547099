import * as tf from "@tensorflow/tfjs-core";
import { type Lists, MASKED } from "./problem.ts";

/** (k, 2) int32 [row, column] of every column that is listed, row after row. */
export function entriesOf({ offsets, values }: Lists): tf.Tensor2D {
  const rows = new Uint32Array(values.length);
  for (let row = 0; row + 1 < offsets.length; row++) rows.fill(row, offsets[row], offsets[row + 1]);
  return entryTensor(rows, values);
}

/** (k, 2) int32 of k rows and columns. */
export function entryTensor(rows: ArrayLike<number>, columns: ArrayLike<number>): tf.Tensor2D {
  const entries = new Int32Array(2 * rows.length);
  for (let i = 0; i < rows.length; i++) {
    entries[2 * i] = rows[i]!;
    entries[2 * i + 1] = columns[i]!;
  }
  return tf.tensor2d(entries, [rows.length, 2], "int32");
}

/**
 * (G·S, 2) int32 [row, column] of a column that each of G groups of S rows is to find. Put together in floats, because
 * integers are computed with on the host by TensorFlow's GPU kernels; they are exact up to 2^24.
 *
 * @param columns (G) int32 or as floats, which are not read
 */
export function entriesOfColumns(columns: tf.Tensor1D, places: number): tf.Tensor2D {
  const count = columns.shape[0] * places;
  const own = columns.dtype === "float32" ? columns : tf.cast(columns, "float32");
  const all = places === 1 ? own : tf.reshape(tf.tile(tf.reshape(own, [-1, 1]), [1, places]), [count]);
  const rows = tf.tensor1d(Float32Array.from({ length: count }, (_, row) => row));
  return tf.cast(tf.stack([rows, all], 1), "int32") as tf.Tensor2D;
}

/** Lists in which no column is listed twice: what it weighs is summed where it stands first. */
export function mergedLists(lists: Lists, weights: Float32Array): { lists: Lists; weights: Float32Array } {
  const { offsets, values } = lists;
  const ends = new Uint32Array(offsets.length);
  const columns = new Uint32Array(values.length);
  const sums = new Float32Array(values.length);
  let to = 0;
  for (let row = 0; row + 1 < offsets.length; row++) {
    const first = to;
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
      const before = to > first ? columns.subarray(first, to).indexOf(values[i]!) : -1;
      if (before >= 0) {
        sums[first + before]! += weights[i]!;
        continue;
      }
      columns[to] = values[i]!;
      sums[to++] = weights[i]!;
    }
    ends[row + 1] = to;
  }
  if (to === values.length) return { lists, weights };
  return { lists: { offsets: ends, values: columns.slice(0, to) }, weights: sums.slice(0, to) };
}

/** `scores` (rows, C) with `MASKED` in place of those of the columns that are listed, by row. */
export function maskLogits(scores: tf.Tensor2D, masked: Lists | undefined): tf.Tensor2D {
  return maskOf(masked)?.(scores) ?? scores;
}

/** The same for several matrices; undefined where there is nothing to mask. */
export function maskOf(masked: Lists | undefined): ((scores: tf.Tensor2D) => tf.Tensor2D) | undefined {
  if (!masked || masked.values.length === 0) return undefined;
  // it does not matter if an entry is there twice
  const at = entriesOf(masked);
  const values = tf.tensor1d(new Float32Array(at.shape[0]).fill(MASKED));
  return (scores) => tf.tensorScatterUpdate(scores, at, values) as tf.Tensor2D;
}
