import { listOf } from "../format/inverted-lists.ts";
import type { ReadyLists } from "../search/list-source.ts";
import { type Merge, weightingOf } from "../search/merge.ts";
import { mixturesOf } from "../search/mixture.ts";
import { visitItems } from "../search/plan.ts";
import type { Index, PqIndex } from "../search/pq-index.ts";
import { Queries } from "../search/queries.ts";
import type { QueryVector } from "../search/score.ts";
import { placesOf, storedIn } from "./places.ts";

/**
 * Scores by codes of the given items: what a search that visited them would give them.
 *
 * @param ordinals of the catalogue, ascending
 */
export async function scoreItems(
  index: Index,
  vectors: readonly QueryVector[],
  merge: Merge,
  ordinals: Uint32Array,
): Promise<Float32Array> {
  const parts = storedIn(index);
  const scores = new Float32Array(ordinals.length);
  for (const [p, { ordinals: own, from }] of placesOf(index).stored(ordinals).entries()) {
    if (own.length === 0) continue;
    const found = await scoreStored(parts[p]!, vectors, merge, own);
    for (let i = 0; i < own.length; i++) scores[from[i]!] = found[i]!;
  }
  return scores;
}

/** @param ordinals of the part, ascending */
async function scoreStored(
  part: PqIndex,
  vectors: readonly QueryVector[],
  merge: Merge,
  ordinals: Uint32Array,
): Promise<Float32Array> {
  const { resident, paged, offsets, cache } = part.parts;
  if (resident) return scoreReady(part, resident, vectors, merge, ordinals);
  const scores = new Float32Array(ordinals.length);
  let done = 0;
  // Groups come in the order of the ordinals, which are stretches of one item each.
  await paged!.each(cache, visitItems(offsets, [...ordinals]).visited, (lists, { length }) => {
    scores.set(scoreReady(part, lists, vectors, merge, ordinals.subarray(done, done + length)), done);
    done += length;
  });
  return scores;
}

/** Never waits: the kernel holds one query at a time. */
function scoreReady(
  { parts: { kernel, offsets }, codebook }: PqIndex,
  lists: ReadyLists,
  vectors: readonly QueryVector[],
  merge: Merge,
  ordinals: Uint32Array,
): Float32Array {
  const queries = new Queries(kernel, vectors);
  if (merge.by === "sumExp")
    return mixturesOf({ kernel, codebook, lists, offsets }, queries, ordinals, weightingOf(merge));
  const cells = ordinals.map((ordinal) => listOf(offsets, ordinal));
  const best = new Float32Array(ordinals.length).fill(-Infinity);
  const biases = new Float32Array(ordinals.length);
  queries.each(({ shift }, products) => {
    if (codebook.byResidual) for (let i = 0; i < cells.length; i++) biases[i] = products[cells[i]!]!;
    const scores = lists.scores(kernel, ordinals, biases);
    for (let i = 0; i < best.length; i++) best[i] = Math.max(best[i]!, Math.fround(scores[i]! + shift));
  });
  return best;
}
