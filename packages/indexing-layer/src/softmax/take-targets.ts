import type { Lists, SoftmaxProblem } from "./problem.ts";

/** Rows that groups share, in the kernel's memory. */
export interface SharedTiles {
  /** exp(logit − the row's maximum) of all rows and candidates; less, afterwards, what targets take. */
  readonly entries: Float32Array;
  /** Where a candidate of a row is in them. */
  readonly at: (row: number, column: number) => number;
  /** (rows) sums of the entries. */
  readonly sums: Float32Array;
  /** (rows) becomes what a row's entries are to be multiplied by. */
  readonly pulls: Float64Array;
}

/**
 * What `mixturePart` computes in tensors for rows that are shared, on the entries themselves: the loss, and of each row
 * the sum of its shares of targets, which it takes out of the entries, so that pull · entry is the slope of a logit.
 *
 * @param logWeights (G·S), @param targets of the G groups
 * @returns the mean loss, and its gradient by the log weights
 */
export function takeTargets(
  { entries, at, sums, pulls }: SharedTiles,
  problem: Pick<SoftmaxProblem, "targetWeights" | "least"> & {
    readonly shared: Uint32Array;
    readonly scale: number;
    readonly places: number;
  },
  logWeights: Float32Array,
  { offsets, values }: Lists,
): { loss: number; dLogWeights: Float32Array } {
  const { shared, scale, places, targetWeights, least = 0 } = problem;
  const total = targetWeights?.reduce((sum, weight) => sum + weight, 0) ?? values.length;
  const dLogWeights = new Float32Array(logWeights.length);
  const shares = new Float64Array(values.length * places);
  const a = new Float64Array(places);
  let loss = 0;
  pulls.fill(0);
  for (let group = 0; group + 1 < offsets.length; group++) {
    const first = group * places;
    softmaxInto(a, logWeights, first);
    for (let i = offsets[group]!; i < offsets[group + 1]!; i++) {
      let mixture = least;
      for (let s = 0; s < places; s++) {
        if (a[s] === 0) continue;
        const row = shared[first + s]!;
        const part = (a[s]! * entries[at(row, values[i]!)]!) / sums[row]!;
        shares[i * places + s] = part;
        mixture += part;
      }
      const force = (targetWeights?.[i] ?? 1) / total;
      loss -= force * Math.log(Math.max(mixture, Number.MIN_VALUE));
      let all = 0;
      for (let s = 0; s < places; s++) {
        const share = mixture > 0 ? (shares[i * places + s]! * force) / mixture : 0;
        shares[i * places + s] = share;
        pulls[shared[first + s]!]! += share;
        dLogWeights[first + s]! -= share;
        all += share;
      }
      for (let s = 0; s < places; s++) dLogWeights[first + s]! += a[s]! * all;
    }
  }
  for (let group = 0; group + 1 < offsets.length; group++) {
    for (let i = offsets[group]!; i < offsets[group + 1]!; i++) {
      for (let s = 0; s < places; s++) {
        const share = shares[i * places + s]!;
        if (share === 0) continue;
        const row = shared[group * places + s]!;
        entries[at(row, values[i]!)]! -= (share / pulls[row]!) * sums[row]!;
      }
    }
  }
  for (let row = 0; row < pulls.length; row++) pulls[row] = (pulls[row]! * scale) / sums[row]!;
  return { loss, dLogWeights };
}

/** a = softmax of as many log weights from `first` on. */
function softmaxInto(a: Float64Array, logWeights: Float32Array, first: number): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (let s = 0; s < a.length; s++) largest = Math.max(largest, logWeights[first + s]!);
  let sum = 0;
  for (let s = 0; s < a.length; s++) sum += a[s] = Math.exp(logWeights[first + s]! - largest);
  for (let s = 0; s < a.length; s++) a[s]! /= sum;
}
