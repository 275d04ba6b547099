import { type Csr, CsrBuilder, listOf } from "./csr.ts";
import type { TrainingQueries } from "./query-sets.ts";
import type { Dataset, Dislikes, EventTable } from "./types.ts";

/**
 * How much the training events and the dislikes of their queries count. Weights are divided by their mean over the
 * training events, so that neither their unit nor their mean plays a part beside sentences and dislikes.
 */
export function weightsOf(
  { weight, item }: EventTable,
  { positions, disliked }: TrainingQueries,
): Pick<Dataset, "eventWeight" | "dislikes"> {
  if (!weight || positions.length === 0) return {};
  let sum = 0;
  for (const event of positions) sum += weight[event]!;
  const mean = sum / positions.length;
  return {
    eventWeight: Float32Array.from(positions, (event) => weight[event]! / mean),
    dislikes: disliked && dislikesOf(disliked, item, (event) => -weight[event]! / mean),
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
