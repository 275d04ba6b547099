import type { Random } from "@poeem/indexing-layer";
import type { Codebook } from "@poeem/pq-core";
import type { QueryMoments } from "@poeem/pq-core/write";
import * as tf from "@tensorflow/tfjs";
import { rotatedRows } from "../codes/rotated-rows.ts";
import { gather, spreadEvenly } from "../data/gather.ts";
import { encodeItems } from "../model/encode-items.ts";

/** Samples bound the cost for a large catalogue. */
const MAX_ITEMS = 8192;
const SLICE = 512;
/** Beyond this cells share a moment with their neighbours: 256 of dim 64 are 4 MB. */
const MAX_MOMENTS = 256;
/** Share of a moment that is the same in all directions, for queries that the sample has not. */
const EVEN = 0.1;
/** Weight of each query on every moment, as a share of the average: a cell that no query comes near has that of all. */
const ELSEWHERE = 1e-3;

/**
 * Second moments of query vectors for each cell, every query with the probability that its softmax gives the cell's
 * items: H_c = Σ_q p(c | q) q qᵀ / Σ_q p(c | q), p(c | q) ∝ Σ_{i in c} exp(scale · q·x_i). An error in an
 * item's score matters where the item is among the best, and queries to whom it is lie in a narrow cone around it.
 *
 * @param queries (n, dim)
 * @param items (count, dim) item vectors
 */
export async function queryMoments(
  codebook: Codebook,
  queries: Float32Array,
  items: Float32Array,
  scale: number,
  random: Random,
): Promise<QueryMoments> {
  const { dim, nlist } = codebook;
  const sample = gather(items, random.permutation(items.length / dim).subarray(0, MAX_ITEMS), dim);
  const momentOf =
    nlist <= MAX_MOMENTS ? Uint32Array.from({ length: Math.max(nlist, 1) }, (_, c) => c) : neighbours(codebook);
  const { assignments } = await encodeItems(codebook, sample);
  const groups = Uint32Array.from(assignments, (cell) => momentOf[cell]!);
  const numMoments = Math.min(Math.max(nlist, 1), MAX_MOMENTS);
  const shares = await groupShares(queries, sample, { dim, scale, groups, numMoments });
  return { moments: await weightedMoments(await rotatedRows(codebook, queries), shares, dim, numMoments), momentOf };
}

/** Each cell's nearest of `MAX_MOMENTS` coarse centroids, spread evenly: neighbours are much alike. */
function neighbours({ coarseCentroids, nlist, dim }: Codebook): Uint32Array {
  const chosen = spreadEvenly(nlist, MAX_MOMENTS);
  return Uint32Array.from({ length: nlist }, (_, cell) => {
    let best = 0;
    let least = Infinity;
    chosen.forEach((other, moment) => {
      let distance = 0;
      for (let d = 0; d < dim; d++)
        distance += (coarseCentroids[cell * dim + d]! - coarseCentroids[other * dim + d]!) ** 2;
      if (distance < least) [best, least] = [moment, distance];
    });
    return best;
  });
}

/** Softmax of each query over the items, summed up by group: (n, numMoments). */
async function groupShares(
  queries: Float32Array,
  items: Float32Array,
  of: { readonly dim: number; readonly scale: number; readonly groups: Uint32Array; readonly numMoments: number },
): Promise<Float32Array> {
  const { dim, scale, groups, numMoments } = of;
  const n = queries.length / dim;
  const shares = new Float32Array(n * numMoments);
  const matrix = tf.tensor2d(items, [groups.length, dim]);
  for (let start = 0; start < n; start += SLICE) {
    const rows = Math.min(SLICE, n - start);
    const output = tf.tidy(() => {
      const slice = tf.tensor2d(queries.subarray(start * dim, (start + rows) * dim), [rows, dim]);
      return tf.softmax(tf.mul(tf.matMul(slice, matrix, false, true), scale));
    });
    const values = await output.data();
    output.dispose();
    for (let row = 0, at = 0; row < rows; row++) {
      const to = (start + row) * numMoments;
      for (let item = 0; item < groups.length; item++) shares[to + groups[item]!]! += values[at++]!;
    }
  }
  matrix.dispose();
  return shares;
}

/** (numMoments, dim, dim) */
async function weightedMoments(
  queries: Float32Array,
  shares: Float32Array,
  dim: number,
  numMoments: number,
): Promise<Float32Array> {
  const n = queries.length / dim;
  const masses = new Float64Array(numMoments);
  for (let i = 0; i < shares.length; i++) masses[i % numMoments]! += shares[i]!;
  const everywhere = ELSEWHERE / numMoments;
  const weights = shares.map((share, i) => (share + everywhere) / (masses[i % numMoments]! + n * everywhere));
  let sums = tf.zeros([numMoments, dim * dim]);
  for (let start = 0; start < n; start += SLICE) {
    const rows = Math.min(SLICE, n - start);
    const next = tf.tidy(() => {
      const slice = tf.tensor2d(queries.subarray(start * dim, (start + rows) * dim), [rows, dim]);
      const products = tf.mul(tf.expandDims(slice, 2), tf.expandDims(slice, 1));
      const share = tf.tensor2d(weights.subarray(start * numMoments, (start + rows) * numMoments), [rows, numMoments]);
      return tf.add(sums, tf.matMul(share, tf.reshape(products, [rows, dim * dim]), true, false));
    });
    sums.dispose();
    sums = next;
  }
  const moments = Float32Array.from(await sums.data());
  sums.dispose();
  for (let moment = 0; moment < numMoments; moment++) {
    const at = (d: number): number => (moment * dim + d) * dim + d;
    let trace = 0;
    for (let d = 0; d < dim; d++) trace += moments[at(d)]!;
    for (let d = 0; d < dim; d++) moments[at(d)]! += (EVEN * trace) / dim;
  }
  return moments;
}
