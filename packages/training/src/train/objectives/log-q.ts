import { countsOf } from "../../data/csr.ts";

/**
 * For each item the logarithm of how often it is expected among the candidates of a step, next to the average item:
 * batch items come as often as they occur in the events, uniform ones all alike (mixed negative sampling, Yang et al.,
 * WWW 2020; with no uniform ones the correction of Yi et al., RecSys 2019). An item of no event is floored at one
 * event.
 *
 * @param eventItem item of each training event
 * @param batchSize candidates that come from events
 * @param uniform candidates drawn from the catalogue
 * @param power of the expected count: 0 corrects nothing, 1 all
 * @returns (numItems), 0 for an item as frequent as the average
 */
export function candidateLogQ(
  eventItem: ArrayLike<number> & Iterable<number>,
  numItems: number,
  batchSize: number,
  uniform: number,
  power = 1,
): Float32Array {
  const counts = countsOf(eventItem, numItems);
  const average = (batchSize + uniform) / numItems;
  return Float32Array.from(counts, (count) => {
    const expected = (batchSize * Math.max(count, 1)) / eventItem.length + uniform / numItems;
    return power * Math.log(expected / average);
  });
}
