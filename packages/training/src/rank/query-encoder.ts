import { planQuestion, type QueryTower, type QueryVectors, type Question } from "@poeem/towers";
import { listOf } from "../data/csr.ts";
import { gather } from "../data/gather.ts";
import { embeddingOf } from "../data/query-vectors.ts";
import type { Dataset, QuerySet } from "../data/types.ts";

/**
 * The vectors of query number `query`, undefined where it has nothing that is known. `items` are the item vectors
 * (count, dim) that a history is read from: those that are searched, so the decoded ones for an index and the dense
 * ones for brute force.
 */
export type QueryEncoder = (query: number, items: Float32Array) => QueryVectors | undefined;

/** What of a data set its questions are made from. */
export type AskedOf = Pick<Dataset, "contextNames" | "queryVectors">;

/** A query of a set, as anybody would ask it; its items are item numbers. */
export function questionOf(
  queries: QuerySet,
  { contextNames, queryVectors }: AskedOf,
  query: number,
): Question<number> {
  const history = Array.from(listOf(queries.histories, query));
  const names = Array.from(listOf(queries.contexts, query), (row) => {
    const [column = "", ...value] = contextNames[row]!.split("\t");
    return [column, value.join("\t")];
  });
  const text = queries.texts[query];
  const embedding = text === undefined ? undefined : embeddingOf(queryVectors, text);
  return {
    text,
    ...(embedding && { embedding }),
    ...(history.length > 0 && { history }),
    ...(names.length > 0 && { context: Object.fromEntries(names) }),
  };
}

/** Encodes the queries of a set. */
export function encoderOf(tower: QueryTower, queries: QuerySet, dataset: AskedOf): QueryEncoder {
  const { dim, reads } = tower;
  return (query, items) => {
    const { text, ...others } = questionOf(queries, dataset, query);
    // a text without vectors says nothing to a tower that reads them alone
    const question = reads.text || reads.embeddings.length === 0 ? { text, ...others } : others;
    // a user without a history in data without texts has nothing to ask
    if (Object.values(question).every((part) => part === undefined)) return undefined;
    const { read, embed } = planQuestion(tower, dim, question);
    return embed(gather(items, read, dim));
  };
}
