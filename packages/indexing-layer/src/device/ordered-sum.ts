import * as tf from "@tensorflow/tfjs-core";
import { gatherRows } from "./gather-rows.ts";

/** Lists of rows of a matrix, one after another: list i is entries ends[i − 1] … ends[i] − 1. */
export interface RowLists {
  /** (lists) where each list ends. */
  readonly ends: Uint32Array;
  /** (entries) row numbers. */
  readonly rows: Uint32Array;
  /** (entries) how often each row counts; once each when left out. */
  readonly weights?: Float32Array | Float64Array | undefined;
}

/** Sums of `width` rows of what the level before gave; the first level's are of the matrix, and weighted. */
interface Level {
  readonly width: number;
  /** (sums, width) */
  readonly rows: Int32Array;
  /** (sums, width); all 1 when left out. */
  readonly weights?: Float32Array | undefined;
}

/** How lists of rows are summed, made on the host before it is needed. */
export interface SumPlan {
  readonly lists: number;
  readonly levels: readonly Level[];
  /** (lists) where the sum of each is, of those of all levels; left out where there is one level, of one sum a list. */
  readonly results?: Int32Array | undefined;
}

const WIDTHS = [2, 4, 8, 16, 32];
/** What a sum costs beside its rows: it is written, and read again. */
const COST_OF_A_SUM = 1;

/**
 * Plans the sums of lists of rows so that their order is the same in every run, and no two threads write to one sum:
 * a list is cut into pieces of some rows, the pieces' sums are summed again, and so on. A segment sum on a GPU adds
 * atomically instead, in whatever order its threads arrive.
 */
export function planSums({ ends, rows, weights }: RowLists): SumPlan {
  const lists = ends.length;
  let longest = 0;
  for (let i = 0, from = 0; i < lists; from = ends[i++]!) longest = Math.max(longest, ends[i]! - from);
  if (longest <= 1) return planOfOnes(ends, rows, weights);
  const results = new Int32Array(lists);
  const levels = [firstLevel(ends, rows, weights, results)];
  // from here on: where the pieces of each list begin, of the last level, and how many they are
  let pieces = new Uint32Array(lists);
  const { width } = levels[0]!;
  for (let i = 0, from = 0; i < lists; from = ends[i++]!) pieces[i] = Math.ceil((ends[i]! - from) / width);
  for (let offset = 0; ; ) {
    const next = nextLevel(pieces, results, offset);
    if (!next) break;
    offset += levels.at(-1)!.rows.length / levels.at(-1)!.width;
    for (let i = 0; i < lists; i++) if (pieces[i]! > 1) results[i]! += offset;
    levels.push(next.level);
    pieces = next.pieces;
  }
  return { lists, levels, results };
}

/** Lists of one row, or none. */
function planOfOnes(ends: Uint32Array, rows: Uint32Array, given: RowLists["weights"]): SumPlan {
  const lists = ends.length;
  const entries = lists > 0 ? ends[lists - 1]! : 0;
  if (entries === 0) return { lists, levels: [] };
  const own = new Int32Array(lists);
  const weights = given || entries < lists ? new Float32Array(lists) : undefined;
  for (let i = 0, at = 0; i < lists; i++) {
    if (ends[i]! === at) continue;
    own[i] = rows[at]!;
    if (weights) weights[i] = given ? given[at]! : 1;
    at++;
  }
  return { lists, levels: [{ width: 1, rows: own, weights }] };
}

/** The cheapest width for lists of these lengths, those of one alone left out. */
function widthFor(lengthOf: (list: number) => number, lists: number): number {
  const costs = WIDTHS.map(() => 0);
  for (let i = 0; i < lists; i++) {
    const length = lengthOf(i);
    for (let w = 0; w < WIDTHS.length; w++) costs[w]! += Math.ceil(length / WIDTHS[w]!) * (WIDTHS[w]! + COST_OF_A_SUM);
  }
  return WIDTHS[costs.indexOf(Math.min(...costs))]!;
}

/** Sum 0 of every level is of nothing: what is missing, of a piece or a list, reads that. */
function firstLevel(ends: Uint32Array, rows: Uint32Array, given: RowLists["weights"], results: Int32Array): Level {
  const lists = ends.length;
  const width = widthFor((i) => ends[i]! - (i > 0 ? ends[i - 1]! : 0), lists);
  let sums = 1;
  for (let i = 0, from = 0; i < lists; from = ends[i++]!) sums += Math.ceil((ends[i]! - from) / width);
  const own = new Int32Array(sums * width);
  const weights = new Float32Array(sums * width);
  for (let i = 0, at = 0, sum = 1; i < lists; i++) {
    const end = ends[i]!;
    if (end === at) continue;
    results[i] = sum;
    let to = sum * width;
    for (; at < end; at++, to++) {
      own[to] = rows[at]!;
      weights[to] = given ? given[at]! : 1;
    }
    sum = Math.ceil(to / width);
  }
  return { width, rows: own, weights };
}

/**
 * The level after one that left some lists in several pieces, or undefined.
 * @param results where the first piece of each list is; afterwards within this level, of those that had several
 */
function nextLevel(
  pieces: Uint32Array,
  results: Int32Array,
  offset: number,
): { level: Level; pieces: Uint32Array<ArrayBuffer> } | undefined {
  const several: number[] = [];
  for (let i = 0; i < pieces.length; i++) if (pieces[i]! > 1) several.push(i);
  if (several.length === 0) return undefined;
  const width = widthFor((i) => pieces[several[i]!]!, several.length);
  const left = new Uint32Array(pieces.length);
  let sums = 1;
  for (const i of several) {
    left[i] = Math.ceil(pieces[i]! / width);
    sums += left[i]!;
  }
  const rows = new Int32Array(sums * width);
  let sum = 1;
  for (const i of several) {
    const from = results[i]! - offset;
    for (let piece = 0; piece < pieces[i]!; piece++) rows[sum * width + piece] = from + piece;
    results[i] = sum;
    sum += left[i]!;
  }
  return { level: { width, rows }, pieces: left };
}

/**
 * The sums that were planned, (lists, dim); zeros of an empty list. Not on the tape.
 * @param x (rows, dim)
 */
export function orderedSum(x: tf.Tensor2D, { lists, levels, results }: SumPlan): tf.Tensor2D {
  return tf.tidy(() => {
    if (levels.length === 0) return tf.zeros<tf.Rank.R2>([lists, x.shape[1]]);
    const sums: tf.Tensor2D[] = [];
    for (const { width, rows, weights } of levels) {
      const of = sums.at(-1) ?? x;
      if (width === 1) {
        const own = gatherRows(of, tf.tensor2d(rows, [rows.length, 1], "int32"));
        sums.push(weights ? tf.mul(own, tf.tensor2d(weights, [rows.length, 1])) : own);
        continue;
      }
      const count = rows.length / width;
      const own = tf.gatherND(of, tf.tensor3d(rows, [count, width, 1], "int32"));
      const weighed = weights ? tf.mul(own, tf.tensor3d(weights, [count, width, 1])) : own;
      sums.push(tf.sum(weighed, 1) as tf.Tensor2D);
    }
    if (!results) return sums[0]!;
    const all = sums.length === 1 ? sums[0]! : tf.concat2d(sums, 0);
    return gatherRows(all, tf.tensor2d(results, [lists, 1], "int32"));
  });
}

/**
 * The lists that each row is in, for the way back of gradients: lists of list numbers, with the same weights.
 * @param count rows
 */
export function transposedLists({ ends, rows, weights }: RowLists, count: number): RowLists {
  const entries = ends.length > 0 ? ends[ends.length - 1]! : 0;
  const transposed = new Uint32Array(count);
  for (let at = 0; at < entries; at++) transposed[rows[at]!]!++;
  for (let row = 0, end = 0; row < count; row++) {
    // for now where each begins
    const length = transposed[row]!;
    transposed[row] = end;
    end += length;
  }
  const of = new Uint32Array(entries);
  const own = weights && new Float32Array(entries);
  for (let list = 0, at = 0; list < ends.length; list++) {
    for (; at < ends[list]!; at++) {
      const to = transposed[rows[at]!]!++;
      of[to] = list;
      if (own) own[to] = weights[at]!;
    }
  }
  return { ends: transposed, rows: of, weights: own };
}
