import { type Csr, joinLists, listOf } from "../data/csr.ts";
import type { QuerySet } from "../data/types.ts";

/** Items that are left out of what each query finds: its history, and what its user is known to dislike. */
export function leftOut({ count, histories, disliked }: Pick<QuerySet, "count" | "histories" | "disliked">): Csr {
  if (!disliked) return histories;
  return joinLists(count, (visit) => {
    for (const lists of [histories, disliked])
      for (let query = 0; query < count; query++) visit(query, listOf(lists, query));
  });
}
