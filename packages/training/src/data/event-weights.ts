import { type Csr, CsrBuilder, listOf } from "./csr.ts";
import { agesOf, shareLeft } from "./half-life.ts";
import type { TrainingQueries } from "./query-sets.ts";
import type { Dataset, Dislikes, EventTable } from "./types.ts";

/**
 * How much the training events and the dislikes of their queries count: what they weigh, less for their age. It is
 * divided by its mean over the training events, so that neither its unit nor its mean plays a part beside sentences and
 * dislikes.
 *
 * @param halfLife as in the configuration
 */
export function weightsOf(
  { weight, time, item }: EventTable,
  { positions, disliked }: TrainingQueries,
  halfLife: number,
): Pick<Dataset, "eventWeight" | "dislikes"> {
  if ((!weight && halfLife === 0) || positions.length === 0) return {};
  const age = halfLife > 0 ? agesOf(time!, positions) : () => 0;
  const counts = (event: number): number => (weight?.[event] ?? 1) * shareLeft(age(event), halfLife);
  const all = Float64Array.from(positions, counts);
  const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
  return {
    eventWeight: Float32Array.from(all, (one) => one / mean),
    dislikes: disliked && dislikesOf(disliked, item, (event) => -counts(event) / mean),
  };
}

/** Events of each query as items, each once, with their weights summed; undefined where there is none. */
function dislikesOf(disliked: Csr, item: Uint32Array, weightOf: (event: number) => number): Dislikes | undefined {
  if (disliked.values.length === 0) return undefined;
  const lists = new CsrBuilder();
  const weights: number[] = [];
  for (let query = 0; query + 1 < disliked.offsets.length; query++) {
    const sums = new Map<number, number>();
    for (const event of listOf(disliked, query)) {
      const of = item[event]!;
      sums.set(of, (sums.get(of) ?? 0) + weightOf(event));
    }
    for (const [of, sum] of sums) {
      lists.push(of);
      weights.push(sum);
    }
    lists.end();
  }
  return { ...lists.build(), weights: Float32Array.from(weights) };
}
