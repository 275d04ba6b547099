import { type Csr, listOf, toCsr } from "../data/csr.ts";
import { spreadEvenly } from "../data/gather.ts";
import type { QuerySet } from "../data/types.ts";

/** At most `limit` queries, spread evenly over all: every query when there are no more. */
export function sampleQueries(queries: QuerySet, limit: number): QuerySet {
  const { count, texts, users } = queries;
  if (count <= limit) return queries;
  const kept = Array.from(spreadEvenly(count, limit));
  const lists = (of: Csr): Csr => toCsr(kept.map((query) => listOf(of, query)));
  return {
    count: limit,
    texts: texts.length > 0 ? kept.map((query) => texts[query]!) : [],
    users: users.length > 0 ? kept.map((query) => users[query]!) : [],
    histories: lists(queries.histories),
    ...(queries.disliked && { disliked: lists(queries.disliked) }),
    contexts: lists(queries.contexts),
    relevant: lists(queries.relevant),
  };
}
