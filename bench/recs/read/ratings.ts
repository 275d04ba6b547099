import type { ItemList } from "./item-lists.ts";
import { checkNames, lineError, linesOf } from "./lines.ts";

/**
 * Reads "user::item::rating::time" (MovieLens-1M and -10M, MovieTweetings): what each user rated, oldest first, equal
 * times in the order of the file. All ratings count, as they do in the published leave-one-out figures.
 */
export function readRatings(file: string): ItemList[] {
  const byUser = new Map<string, { item: string; time: number }[]>();
  for (const [at, line] of linesOf(file)) {
    const [user, item, rating, time] = line.split("::");
    if (!user || !item || rating === undefined || !Number.isFinite(Number(time || "none")))
      throw lineError(file, at, `expected user::item::rating::time, got ${JSON.stringify(line)}`);
    checkNames(file, at, user, [item]);
    const events = byUser.get(user) ?? [];
    byUser.set(user, events);
    events.push({ item, time: Number(time) });
  }
  return [...byUser].map(([user, events]) => {
    const sorted = events.toSorted((a, b) => a.time - b.time);
    return { user, items: sorted.map(({ item }) => item), times: sorted.map(({ time }) => time) };
  });
}
