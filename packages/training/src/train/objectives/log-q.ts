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
  eventItem: ArrayLike<number>,
  numItems: number,
  batchSize: number,
  uniform: number,
  power = 1,
): Float32Array {
  const counts = new Uint32Array(numItems);
  for (let event = 0; event < eventItem.length; event++) counts[eventItem[event]!]!++;
  const average = (batchSize + uniform) / numItems;
  const logQ = new Float32Array(numItems);
  for (let item = 0; item < numItems; item++) {
    const expected = (batchSize * Math.max(counts[item]!, 1)) / eventItem.length + uniform / numItems;
    logQ[item] = power * Math.log(expected / average);
  }
  return logQ;
}
