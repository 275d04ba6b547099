import * as tf from "@tensorflow/tfjs-core";
import { gatherRows } from "../device/gather-rows.ts";
import { sumByList } from "../device/sum-by-list.ts";
import { entriesOfColumns, entryTensor, mergedLists } from "./entries.ts";
import type { SoftmaxProblem } from "./problem.ts";
import type { TargetPart } from "./target-part.ts";

/** Where the probabilities of a mixture in single precision end. */
const SMALLEST = 1e-37;

/**
 * The targets of mixtures. Of row r, which one place has, or many of many groups that share rows, the slope is
 *
 *   Σ_gst r_gst · (p_r − onehot(t)),   r_gst = a_gs p(t | r) / p(t | g) the place's share of a target t of its group
 *
 * and where the rows of a group have one denominator, p_r is multiplied by a_gs Σ_s r_gst instead. A matrix of places
 * by candidates is never made: what targets have in the rows is gathered, and their shares go back to where it was.
 *
 * @param p (R, C) softmax of each row
 * @param logZ (R) log Σ exp of each, for groups that have one denominator
 */
export function mixturePart(problem: SoftmaxProblem, p: tf.Tensor2D, logZ: tf.Tensor1D | undefined): TargetPart {
  const { logWeights, least = 0 } = problem;
  const rows = p.shape[0];
  const [groups, places] = logWeights?.shape ?? [rows, 1];
  const found = placesOfTargets(problem, groups, places);
  const { count, total, weights, groupOf, sharing } = found;
  const share = total > 0 ? 1 / total : 0;
  if (count === 0) {
    const none = { value: tf.scalar(0), pull: tf.zeros<tf.Rank.R2>([rows, 1]), share };
    return { ...none, ...(logWeights && { dLogWeights: tf.zerosLike(logWeights) }) };
  }
  const own = logWeights ?? tf.zeros<tf.Rank.R2>([groups, 1]);
  const a = tf.softmax(logZ ? tf.add<tf.Tensor2D>(own, tf.reshape(logZ, [groups, places])) : own);
  const ofTargets = groupOf ? gatherRows(a, tf.tensor2d(groupOf, [count, 1], "int32")) : a;
  const weighted = tf.mul(tf.reshape(tf.gatherND(p, found.at), [count, places]), ofTargets);
  const mixture = tf.add(tf.sum(weighted, 1, true), Math.max(least, SMALLEST));
  const wanted = weights ? tf.tensor2d(weights, [count, 1]) : tf.scalar(1);
  const shares = tf.mul<tf.Tensor2D>(weighted, tf.div(wanted, mixture));
  const ofGroups = groupOf ? sumByList(shares, groupOf, groups) : shares;
  const jointShares = tf.mul<tf.Tensor2D>(a, tf.sum(ofGroups, 1, true));
  const flat = tf.reshape<tf.Rank.R2>(shares, [count * places, 1]);
  return {
    value: tf.mul<tf.Scalar>(tf.sum(tf.mul(wanted, tf.log(mixture))), -share),
    pull: sharing
      ? sumByList(flat, sharing.rowOf, rows)
      : tf.reshape<tf.Rank.R2>(logZ ? jointShares : ofGroups, [rows, 1]),
    taken: sharing
      ? takenOnce(flat, sharing, p.shape)
      : { at: found.at, amounts: tf.reshape<tf.Rank.R1>(flat, [flat.size]) },
    share,
    ...(logWeights && { dLogWeights: tf.sub<tf.Tensor2D>(jointShares, ofGroups) }),
  };
}

/** What is known of all targets: `count` of them, `places` for each. */
interface Found {
  readonly count: number;
  /** Sum of their weights. */
  readonly total: number;
  /** (count); 1 when left out. */
  readonly weights?: Float32Array | undefined;
  /** (count); target i is that of group i when left out. */
  readonly groupOf?: Int32Array | undefined;
  /** (count·places, 2) int32 [row, column], each of them once unless rows are shared. */
  readonly at: tf.Tensor2D;
  /** The same as two of (count·places), where rows are shared. */
  readonly sharing?: { readonly rowOf: Int32Array; readonly columnOf: Uint32Array } | undefined;
}

function placesOfTargets(problem: SoftmaxProblem, groups: number, places: number): Found {
  const { targets, targetWeights, shared } = problem;
  if (targets instanceof tf.Tensor) {
    return { count: groups, total: groups, at: entriesOfColumns(targets, places) };
  }
  const given = targetWeights ?? new Float32Array(targets!.values.length).fill(1);
  const { lists, weights } = mergedLists(targets!, given);
  const { offsets, values } = lists;
  const count = values.length;
  const groupOf = new Int32Array(count);
  for (let group = 0; group < groups; group++) groupOf.fill(group, offsets[group], offsets[group + 1]);
  const rowOf = new Int32Array(count * places);
  const columnOf = new Uint32Array(count * places);
  for (let to = 0; to < rowOf.length; to++) {
    const target = Math.floor(to / places);
    const place = groupOf[target]! * places + (to % places);
    rowOf[to] = shared ? shared[place]! : place;
    columnOf[to] = values[target]!;
  }
  return {
    count,
    total: weights.reduce((sum, weight) => sum + weight, 0),
    weights,
    groupOf: count === groups && groupOf.every((group, i) => group === i) ? undefined : groupOf,
    at: entryTensor(rowOf, columnOf),
    sharing: shared && { rowOf, columnOf },
  };
}

/**
 * What is taken at each entry, summed where several places have it.
 * @param shares (k, 1)
 * @param columns of the matrix
 */
function takenOnce(
  shares: tf.Tensor2D,
  { rowOf, columnOf }: NonNullable<Found["sharing"]>,
  [rows, columns]: readonly [number, number],
): TargetPart["taken"] {
  const entryOf = new Int32Array(rowOf.length);
  const [rowsOfEntries, columnsOfEntries]: [number[], number[]] = [[], []];
  /** The last entry that each column had; those of rows before are smaller than the first of this one. */
  const lastOf = new Int32Array(columns).fill(-1);
  for (const places of placesByRow(rowOf, rows)) {
    const first = rowsOfEntries.length;
    for (const place of places) {
      const column = columnOf[place]!;
      if (lastOf[column]! < first) {
        lastOf[column] = rowsOfEntries.push(rowOf[place]!) - 1;
        columnsOfEntries.push(column);
      }
      entryOf[place] = lastOf[column]!;
    }
  }
  const amounts = sumByList(shares, entryOf, rowsOfEntries.length);
  return {
    at: entryTensor(rowsOfEntries, columnsOfEntries),
    amounts: tf.reshape<tf.Rank.R1>(amounts, [rowsOfEntries.length]),
  };
}

/** The places of each row, in their order. */
function* placesByRow(rowOf: Int32Array, rows: number): Generator<Uint32Array> {
  const ends = new Uint32Array(rows + 1);
  for (const row of rowOf) ends[row + 1]!++;
  for (let row = 0; row < rows; row++) ends[row + 1]! += ends[row]!;
  const places = new Uint32Array(rowOf.length);
  const next = ends.slice(0, rows);
  for (let place = 0; place < rowOf.length; place++) places[next[rowOf[place]!]!++] = place;
  for (let row = 0; row < rows; row++) yield places.subarray(ends[row], ends[row + 1]);
}
