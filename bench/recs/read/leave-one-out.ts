import type { ItemList } from "./item-lists.ts";
import type { EventRow, GivenSplit } from "./write-split.ts";

/**
 * Leave-one-out: the last item of a user is for the test, the last but one for validation, the others are trained on.
 * A user with fewer than three is trained on whole. Where a list has no times, its places are the times.
 */
export function leaveOneOut(lists: readonly ItemList[]): GivenSplit {
  const parts = { train: [] as EventRow[], validation: [] as EventRow[], test: [] as EventRow[] };
  for (const { user, items, times } of lists) {
    for (const [place, item] of items.entries()) {
      const left = items.length - place;
      const part = items.length < 3 || left > 2 ? "train" : left === 2 ? "validation" : "test";
      parts[part].push({ user, item, time: times?.[place] ?? place });
    }
  }
  return parts;
}
