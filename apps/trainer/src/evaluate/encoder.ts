import type { Index } from "@poeem/pq-core";
import { openQueryTower } from "@poeem/query-tower";
import { queryOf } from "../artifact/query-tower.ts";
import type { Dataset, QuerySet } from "../data/types.ts";
import { UserError } from "../errors.ts";
import type { QueryEncoder, QueryVectors } from "./query-vectors.ts";

/** Queries whose vectors are kept for the next row of an evaluation: at 50 vectors of 64 dimensions each, 128 MB. */
const MOST_KEPT = 10_000;

/** The index's query tower over a set of queries: their texts, contexts and histories, of whatever item vectors are asked for. */
export async function queryEncoder(
  index: Index,
  queries: QuerySet,
  dataset: Pick<Dataset, "contextNames">,
): Promise<QueryEncoder> {
  const { dim } = index.manifest;
  const bytes = await index.queryTower();
  if (!bytes) throw new UserError("this index has no query tower: it cannot answer queries");
  const tower = openQueryTower(bytes);
  const encode: QueryEncoder = (query, items) =>
    vectorsOf(tower.embed(queryOf(tower, queries, dataset, query, items)), dim);
  return queries.count <= MOST_KEPT ? remembering(encode) : encode;
}

/** What the query tower gives, as the rankers take it. A query of which nothing is known is a zero vector: every score is 0. */
export function vectorsOf(embedded: ReturnType<ReturnType<typeof openQueryTower>["embed"]>, dim: number): QueryVectors {
  if (embedded === undefined) return { vectors: new Float32Array(dim), scale: 1 };
  if (embedded instanceof Float32Array) return { vectors: embedded, scale: 1 };
  const vectors = new Float32Array(embedded.vectors.length * dim);
  embedded.vectors.forEach((vector, h) => {
    vectors.set(vector, h * dim);
  });
  // an underflown weight would be −Infinity
  const logWeights = embedded.weights.map((weight) => Math.log(Math.max(weight, 1e-38)));
  return { vectors, logWeights, scale: embedded.temperature };
}

/** Asked again for a query with the same item vectors, gives what it gave. */
function remembering(encode: QueryEncoder): QueryEncoder {
  const kept = new WeakMap<Float32Array, QueryVectors[]>();
  return (query, items) => {
    const of = kept.get(items) ?? [];
    kept.set(items, of);
    const known = of[query] ?? encode(query, items);
    of[query] = known;
    return known;
  };
}
