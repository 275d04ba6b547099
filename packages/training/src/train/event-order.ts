import { Random } from "@poeem/indexing-layer";
import { groupBy, listOf } from "../data/csr.ts";
import type { Dataset } from "../data/types.ts";

/** The order in which an epoch visits the training events: positions in the event list, each once. */
export type EventOrder = (epoch: number) => Uint32Array;

/**
 * Random order from the seed and the number of the epoch alone, so that a resumed training finds it again; the last one
 * asked for is kept.
 *
 * @param groupSize events of one query that stay together, so that a step can score them against one history: with 1
 *   every event is on its own. Which events those are is drawn anew each epoch; where events have a time, neighbours.
 * @param groupSizeOfList how large the groups of a list of so many events are, at most `groupSize`
 */
export function eventOrder(
  dataset: Dataset,
  seed: number,
  groupSize: number,
  groupSizeOfList = groupSizeOf,
): EventOrder {
  const sizeOf = (events: number): number => groupSizeOfList(events, groupSize);
  let kept: { epoch: number; order: Uint32Array } = { epoch: -1, order: new Uint32Array(0) };
  return (epoch) => {
    if (epoch !== kept.epoch) {
      const random = new Random(seed + Math.imul(epoch + 1, 0x9e3779b1));
      kept = { epoch, order: groupSize > 1 ? grouped(dataset, random, sizeOf) : shuffled(dataset, random) };
    }
    return kept.order;
  };
}

function shuffled(dataset: Dataset, random: Random): Uint32Array {
  return new Uint32Array(random.permutation(dataset.eventItem.length).buffer);
}

function grouped(dataset: Dataset, random: Random, sizeOf: (events: number) => number): Uint32Array {
  const numQueries = dataset.train.count + dataset.ownSentences.count;
  const byQuery = groupBy(dataset.eventQuery, numQueries, dataset.ordered ? undefined : shuffled(dataset, random));
  // groups as (query, place of its first event in the query's list), shuffled
  const starts: number[] = [];
  for (let query = 0; query < numQueries; query++) {
    const { [query]: first, [query + 1]: end } = byQuery.offsets;
    const size = sizeOf(end! - first!);
    for (let at = first!; at < end!; at += size) starts.push(at);
  }
  const order = new Uint32Array(dataset.eventItem.length);
  let filled = 0;
  for (const group of random.permutation(starts.length)) {
    const at = starts[group]!;
    const query = dataset.eventQuery[byQuery.values[at]!]!;
    const list = listOf(byQuery, query);
    const end = Math.min(at + sizeOf(list.length), byQuery.offsets[query + 1]!);
    for (let i = at; i < end; i++) order[filled++] = byQuery.values[i]!;
  }
  return order;
}

/** Half of a short list at most: what is to be found must leave something to find it from. */
export function groupSizeOf(events: number, groupSize: number): number {
  return Math.max(1, Math.min(groupSize, Math.floor(events / 2)));
}

/** As few groups as there can be, of about the same size. */
export function evenSizeOf(events: number, groupSize: number): number {
  return Math.max(1, Math.ceil(events / Math.ceil(events / groupSize)));
}
