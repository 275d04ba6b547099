import { CsrBuilder, listOf } from "./csr.ts";
import type { QuerySets } from "./query-sets.ts";
import { SIDE } from "./split.ts";
import type { EventTable, Past, QuerySet } from "./types.ts";
import { Seen } from "./users.ts";

/**
 * What each training event may know of its user.
 *
 * @param positions positions of the training events in the event table
 * @param eventQuery number in `train` of each of them
 */
export function pastOf(
  events: EventTable,
  sides: Uint8Array,
  numItems: number,
  sets: QuerySets,
  train: QuerySet,
  training: { positions: Uint32Array; eventQuery: Uint32Array },
): Past | undefined {
  const { byUser } = sets;
  if (!events.user || !byUser) return undefined;
  const seen = new Seen(numItems);
  const lists = new CsrBuilder();
  const lengthAt = new Uint32Array(events.count);
  for (let user = 0; user < events.user.values.length; user++) {
    seen.next();
    const positions = listOf(byUser, user);
    for (const event of positions) {
      if (sides[event] !== SIDE.train) continue;
      lengthAt[event] = lists.pending;
      if (seen.add(events.item[event]!)) lists.push(events.item[event]!);
    }
    if (!events.time) for (const event of positions) lengthAt[event] = lists.pending;
    lists.end();
  }
  const { positions, eventQuery } = training;
  const user = new Uint32Array(train.count);
  for (let i = 0; i < positions.length; i++) {
    user[eventQuery[i]!] = events.query ? events.user.numbers[positions[i]!]! : eventQuery[i]!;
  }
  return {
    // without texts a query is a user, and what he had is what it is to find
    items: events.query ? lists.build() : train.relevant,
    user,
    length: Uint32Array.from(positions, (event) => lengthAt[event]!),
  };
}
