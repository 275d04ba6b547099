import type { Index } from "@poeem/pq-core";
import { openQueryTower, type Query } from "@poeem/query-tower";
import { listOf } from "../data/csr.ts";
import type { Dataset, QuerySet } from "../data/types.ts";
import { UserError } from "../errors.ts";
import type { QueryEncoder, QueryVectors } from "./query-vectors.ts";

/** Queries whose vectors are kept for the next row of an evaluation: at 50 vectors of 64 dimensions each, 128 MB. */
const MOST_KEPT = 10_000;

/** The index's query tower over a set of queries: their texts, contexts and histories, of whatever item vectors are asked for. */
export async function queryEncoder(
  index: Index,
  queries: QuerySet,
  { contextNames }: Pick<Dataset, "contextNames">,
): Promise<QueryEncoder> {
  const { dim } = index.manifest;
  const bytes = await index.queryTower();
  if (!bytes) throw new UserError("this index has no query tower: it cannot answer queries");
  const tower = openQueryTower(bytes);
  const { historyLength, contexts } = tower.reads;
  const contextOf = (query: number): Record<string, string> =>
    Object.fromEntries(
      Array.from(listOf(queries.contexts, query), (row) => {
        const name = contextNames[row]!;
        const tab = name.indexOf("\t");
        return [name.slice(0, tab), name.slice(tab + 1)];
      }),
    );
  const encode: QueryEncoder = (query, items) => {
    const parts: Query = {
      text: tower.reads.text ? queries.texts[query] : undefined,
      history:
        historyLength > 0 ? gather(items, listOf(queries.histories, query).slice(-historyLength), dim) : undefined,
      context: contexts.length > 0 ? contextOf(query) : undefined,
    };
    return vectorsOf(tower.embed(parts), dim);
  };
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

/** Rows of (count, dim). */
export function gather(items: Float32Array, rows: ArrayLike<number>, dim: number): Float32Array {
  const gathered = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; i++) {
    gathered.set(items.subarray(rows[i]! * dim, (rows[i]! + 1) * dim), i * dim);
  }
  return gathered;
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
