import { newestDistinct } from "@poeem/towers";
import { type Csr, CsrBuilder, listOf, toCsr } from "./csr.ts";
import type { TrainingQueries } from "./query-sets.ts";
import { SIDE } from "./side.ts";
import type { Dataset, EventTable, Past } from "./types.ts";
import { eachUser, Seen } from "./users.ts";

/** What each training event may know of its user; undefined where there are no users. */
export function pastOf(
  events: EventTable,
  sides: Uint8Array,
  numItems: number,
  { set: train, positions, eventQuery }: TrainingQueries,
): Past | undefined {
  if (!events.user) return undefined;
  const seen = new Seen(numItems);
  const lists = new CsrBuilder();
  const length = new Uint32Array(positions.length);
  const user = new Uint32Array(train.count);
  let next = 0;
  let users = 0;
  eachUser(events, (start, end) => {
    const first = next;
    seen.next();
    for (let event = start; event < end; event++) {
      const side = sides[event];
      if (side !== SIDE.train && side !== SIDE.known) continue;
      if (side === SIDE.train) {
        length[next] = lists.pending;
        user[eventQuery[next++]!] = users;
      }
      if (events.ordered || seen.add(events.item[event]!)) lists.push(events.item[event]!);
    }
    if (next === first) {
      lists.drop();
      return;
    }
    if (!events.ordered) length.fill(lists.pending, first, next);
    lists.end();
    users++;
  });
  // without texts, times and weights a query is a user, and what they had is what it is to find
  return { items: events.query || events.weight || events.ordered ? lists.build() : train.relevant, user, length };
}

/**
 * What a training event may know of its user, itself included where they come back to it: the newest `most` items,
 * oldest first, each where it comes last.
 */
export function knownBefore({ eventQuery, past }: Dataset, event: number, most = Infinity): Uint32Array {
  const { items, user, length } = past!;
  return Uint32Array.from(newestDistinct(listOf(items, user[eventQuery[event]!]!).subarray(0, length[event]!), most));
}

/** All that each user had, oldest first, each item where it comes last. */
export function distinctHistories({ items }: Past): Csr {
  const users = items.offsets.length - 1;
  return toCsr(Array.from({ length: users }, (_, user) => newestDistinct(listOf(items, user), Infinity)));
}

/** Whether queries have a text or a context, so that one without a history still asks something. */
export function asksMoreThanHistory({ train, ownSentences, contextNames }: Dataset): boolean {
  return train.texts.length > 0 || ownSentences.count > 0 || contextNames.length > 0;
}
